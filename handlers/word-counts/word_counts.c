/* Texts to word ids to scores: the inner loops of word_counts.py, which has the same in Python.
 *
 * Plain C without a C library: what it needs of memory the caller gives, so that one build runs
 * with any Linux of its architecture. A batch is one buffer: UTF-8 texts, each ended by TEXT_END,
 * a byte that UTF-8 never has. ids holds the words of all texts, ends[i] where text i's end in it.
 */
#include <stdint.h>

enum { TEXT_END = 0xFF, FREE = 0, ID_BITS = 24 };

static const uint32_t ID_MASK = (1u << ID_BITS) - 1;

/* The lower-case form of a byte of a word, 0 for what stands between words. Every byte beyond
 * ASCII is of a word: in texts that have any, what else there is beyond ASCII was made a blank. */
static uint8_t word_byte[256];

static void fill_word_bytes(void)
{
    for (int c = '0'; c <= '9'; c++) word_byte[c] = (uint8_t)c;
    for (int c = 'a'; c <= 'z'; c++) word_byte[c] = (uint8_t)c;
    for (int c = 'A'; c <= 'Z'; c++) word_byte[c] = (uint8_t)(c - 'A' + 'a');
    for (int c = 0x80; c < TEXT_END; c++) word_byte[c] = (uint8_t)c;
    word_byte['_'] = '_';
}

static uint32_t add_to_hash(uint32_t hash, uint8_t byte) /* FNV-1a */
{
    return (hash ^ byte) * 16777619u;
}

static const uint32_t EMPTY_HASH = 2166136261u;

/* A slot is an id + 1 below, and on top of it the hash bits that do not choose the slot. */
static uint32_t slot_tag(uint32_t hash)
{
    return hash & ~ID_MASK;
}

static uint32_t slot_index(uint32_t hash, uint32_t mask)
{
    return (hash ^ hash >> 15) & mask;
}

/* Index a vocabulary: words in the order of their ids, each ended by a line feed. slots (mask + 1
 * of them, more than there are words, zeroed) becomes a hash table; starts gets one more than the
 * number of words, which is returned. */
int32_t index_words(const uint8_t *words, int32_t length, uint32_t *starts, uint32_t *slots,
                    uint32_t mask)
{
    int32_t count = 0;
    uint32_t hash = EMPTY_HASH;
    fill_word_bytes();
    starts[0] = 0;
    for (int32_t i = 0; i < length; i++) {
        if (words[i] != '\n') {
            hash = add_to_hash(hash, words[i]);
            continue;
        }
        uint32_t slot = slot_index(hash, mask);
        while (slots[slot] != FREE) slot = (slot + 1) & mask;
        slots[slot] = slot_tag(hash) | (uint32_t)++count;
        starts[count] = (uint32_t)i + 1;
        hash = EMPTY_HASH;
    }
    return count;
}

/* The words of the texts that the vocabulary has, in the order in which they stand there. A word
 * is two or more word bytes (a character of several bytes alone is none, and the vocabulary has no
 * such word). Returns their number: at most one in three bytes. */
int32_t find_words(const uint8_t *texts, int32_t length, const uint8_t *words,
                   const uint32_t *starts, const uint32_t *slots, uint32_t mask, int32_t *ids,
                   int32_t *ends)
{
    int32_t found = 0, text = 0, i = 0;
    while (i < length) {
        uint8_t byte = word_byte[texts[i]];
        if (!byte) {
            if (texts[i++] == TEXT_END) ends[text++] = found;
            continue;
        }
        const uint8_t *word = texts + i;
        uint32_t hash = EMPTY_HASH;
        for (; byte; byte = word_byte[texts[++i]]) hash = add_to_hash(hash, byte);
        uint32_t size = (uint32_t)(texts + i - word);
        if (size < 2) continue;
        for (uint32_t slot = slot_index(hash, mask); slots[slot] != FREE; slot = (slot + 1) & mask) {
            if ((slots[slot] ^ hash) & ~ID_MASK) continue;
            uint32_t id = (slots[slot] & ID_MASK) - 1;
            if (starts[id + 1] - 1 - starts[id] != size) continue;
            const uint8_t *known = words + starts[id];
            uint32_t k = 0;
            while (k < size && known[k] == word_byte[word[k]]) k++;
            if (k == size) {
                ids[found++] = (int32_t)id;
                break;
            }
        }
    }
    return found;
}

/* scores[text][column] = bias[column] + the sum over the text's words of weights[id][column] */
void linear_scores(const int32_t *ids, const int32_t *ends, int32_t texts, const double *weights,
                   const double *bias, int32_t columns, double *scores)
{
    int32_t i = 0;
    for (int32_t text = 0; text < texts; text++, scores += columns) {
        for (int32_t c = 0; c < columns; c++) scores[c] = bias[c];
        for (; i < ends[text]; i++) {
            const double *row = weights + (int64_t)ids[i] * columns;
            for (int32_t c = 0; c < columns; c++) scores[c] += row[c];
        }
    }
}

/* Column 0 is 0; column k is the k-th form, x'Ax + b'x + c, of the counts x. Each symmetric A is
 * the rows of its upper triangle, one after the other; b is vocabulary numbers a form. */
void quadratic_scores(const int32_t *ids, const int32_t *ends, int32_t texts, int32_t vocabulary,
                      const double *squares, const double *linear, const double *constants,
                      int32_t forms, double *scores)
{
    const int64_t n = vocabulary, triangle = n * (n + 1) / 2;
    int32_t begin = 0;
    for (int32_t text = 0; text < texts; begin = ends[text++]) {
        *scores++ = 0;
        for (int32_t form = 0; form < forms; form++) {
            const double *a = squares + form * triangle, *b = linear + form * n;
            double sum = constants[form];
            for (int32_t i = begin; i < ends[text]; i++) {
                const int64_t one = ids[i];
                const double *row = a + one * n - one * (one + 1) / 2; /* row[other >= one] */
                double half = 0;
                for (int32_t j = i + 1; j < ends[text]; j++) {
                    const int64_t other = ids[j];
                    half += other >= one ? row[other] : a[other * n - other * (other + 1) / 2 + one];
                }
                sum += row[one] + 2 * half + b[one];
            }
            *scores++ = sum;
        }
    }
}

/* Mean class shares over the trees. A tree is cut into chains: what is reached by going left and
 * left again, ended by a leaf, lies in a row. nodes[p] is a word's id and, above it, a limit: a text
 * that has the word more often goes right, to next[p]. At a chain's end the id is vocabulary and
 * next[p] the leaf's row in shares. first[id][tree]: how many nodes of the tree's first chain a
 * text can skip whose words begin with this one; the row after the last id skips to the end.
 * counts (one for each word and one more, zeroed), skips and places (one for each tree) are for
 * this alone. Looking at one tree after the other would wait for memory at every step: instead
 * all trees take a step, and what the next one reads is on its way meanwhile.
 */
void forest_scores(const int32_t *ids, const int32_t *ends, int32_t texts, int32_t vocabulary,
                   const uint32_t *nodes, const uint32_t *next, const uint32_t *roots,
                   const uint16_t *first, int32_t trees, const double *shares, int32_t classes,
                   uint8_t *counts, uint16_t *skips, uint32_t *places, double *scores)
{
    int32_t begin = 0;
    counts[vocabulary] = UINT8_MAX; /* a chain's end is always met */
    for (int32_t text = 0; text < texts; begin = ends[text++], scores += classes) {
        const uint16_t *row = first + (int64_t)vocabulary * trees;
        for (int32_t t = 0; t < trees; t++) skips[t] = row[t];
        for (int32_t i = begin; i < ends[text]; i++) {
            if (counts[ids[i]] < UINT8_MAX) counts[ids[i]]++;
            row = first + (int64_t)ids[i] * trees;
            for (int32_t t = 0; t < trees; t++) skips[t] = row[t] < skips[t] ? row[t] : skips[t];
        }
        for (int32_t t = 0; t < trees; t++) {
            places[t] = roots[t] + skips[t];
            __builtin_prefetch(nodes + places[t]);
            __builtin_prefetch(next + places[t]);
        }
        for (int32_t t = 0; t < trees; t++) {
            const uint32_t node = nodes[places[t]];
            if ((node & ID_MASK) == (uint32_t)vocabulary) continue;
            places[t] = counts[node & ID_MASK] > node >> ID_BITS ? next[places[t]] : places[t] + 1;
            __builtin_prefetch(nodes + places[t]);
        }
        for (int32_t t = 0; t < trees; t++) {
            uint32_t place = places[t];
            for (;;) {
                while (!counts[nodes[place] & ID_MASK]) place++;
                const uint32_t id = nodes[place] & ID_MASK, limit = nodes[place] >> ID_BITS;
                if (id == (uint32_t)vocabulary) break;
                place = counts[id] > limit ? next[place] : place + 1;
            }
            places[t] = place;
            __builtin_prefetch(next + place);
        }
        for (int32_t c = 0; c < classes; c++) scores[c] = 0;
        for (int32_t t = 0; t < trees; t++) {
            const double *leaf = shares + (int64_t)next[places[t]] * classes;
            for (int32_t c = 0; c < classes; c++) scores[c] += leaf[c];
        }
        for (int32_t c = 0; c < classes; c++) scores[c] /= trees;
        for (int32_t i = begin; i < ends[text]; i++) counts[ids[i]] = 0;
    }
}

/* The first of the largest columns of each row. */
void largest_columns(const double *scores, int32_t rows, int32_t columns, int32_t *largest)
{
    for (int32_t row = 0; row < rows; row++, scores += columns) {
        largest[row] = 0;
        for (int32_t c = 1; c < columns; c++) {
            if (scores[c] > scores[largest[row]]) largest[row] = c;
        }
    }
}
