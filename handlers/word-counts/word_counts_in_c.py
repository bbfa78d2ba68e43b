"""The loops of word_counts.c, called through ctypes. Importing raises OSError without a library."""

import ctypes
import os
import re
from array import array
from pathlib import Path

LANGUAGE = "c"
BETWEEN_WORDS = re.compile(r"[^\w\x00-\x7f]+")  # beyond ASCII; the C loops know ASCII themselves
TEXT_END = b"\xff"
MAX_WORDS = (1 << 24) - 2  # an id has 24 bits in the hash table

library = ctypes.CDLL(str(Path(__file__).with_name(f"word_counts-{os.uname().machine}.so")))


def declare(name, arguments, result=None):
    """A function of the library; P is a pointer, i an int32."""
    function = getattr(library, name)
    function.argtypes = [ctypes.c_void_p if kind == "P" else ctypes.c_int32 for kind in arguments]
    function.restype = result
    return function


index_words = declare("index_words", "PiPPi", ctypes.c_int32)
find_words = declare("find_words", "PiPPPiPP", ctypes.c_int32)
linear_scores = declare("linear_scores", "PPiPPiP")
quadratic_scores = declare("quadratic_scores", "PPiiPPPiP")
forest_scores = declare("forest_scores", "PPiiPPPPiPiPPPP")
find_largest_columns = declare("largest_columns", "PiiP")


def address(buffer):
    """Where a writable buffer begins; whoever asks keeps the buffer."""
    return ctypes.addressof(ctypes.c_char.from_buffer(buffer))


def zeros(typecode, count):
    """An array of this many numbers, room for one at least."""
    return array(typecode, bytes(array(typecode).itemsize * max(count, 1)))


def beyond_ascii(text):
    """UTF-8 in lower case, in which every byte beyond ASCII is of a word as Python knows them."""
    return BETWEEN_WORDS.sub(" ", text.lower()).encode()


class Vocabulary:
    """Words and their ids; ``words`` are in UTF-8, each ended by a line feed."""

    def __init__(self, words):
        self.size = words.count(b"\n")
        if self.size > MAX_WORDS:
            raise ValueError(f"{self.size} words are more than the {MAX_WORDS} that an id can tell")
        slots = 1 << (2 * self.size + 1).bit_length()
        self.words = words
        self.starts, self.slots, self.mask = zeros("I", self.size + 1), zeros("I", slots), slots - 1
        self.table = (address(self.starts), address(self.slots), self.mask)
        index_words(words, len(words), *self.table)

    def encode(self, batch):
        """Ids of all words of all texts, where each text ends among them, and how many texts."""
        texts = [text.encode() if text.isascii() else beyond_ascii(text) for text in batch]
        texts = TEXT_END.join([*texts, b""])
        ids, ends = zeros("i", len(texts) // 3), zeros("i", len(batch))
        find_words(texts, len(texts), self.words, *self.table, address(ids), address(ends))
        return ids, ends, len(batch)


class Linear:
    """bias[column] + the sum of weights[id][column]."""

    def __init__(self, weights, bias):
        self.weights, self.bias = weights, array("d", bias)
        self.model = (address(self.weights), address(self.bias), len(bias))

    def __call__(self, encoded):
        ids, ends, texts = encoded
        scores = zeros("d", texts * len(self.bias))
        linear_scores(address(ids), address(ends), texts, *self.model, address(scores))
        return scores[: texts * len(self.bias)]


class Quadratic:
    """0, then x'Ax + b'x + c for each form."""

    def __init__(self, vocabulary, squares, linear, constants):
        self.squares, self.linear, self.constants = squares, linear, array("d", [*constants, 0])
        self.columns = len(constants) + 1
        numbers = (self.squares, self.linear, self.constants)
        self.model = (vocabulary, *map(address, numbers), len(constants))

    def __call__(self, encoded):
        ids, ends, texts = encoded
        scores = zeros("d", texts * self.columns)
        quadratic_scores(address(ids), address(ends), texts, *self.model, address(scores))
        return scores[: texts * self.columns]


class Forest:
    """Mean class shares over the trees; see word_counts.c for what the numbers are."""

    def __init__(self, vocabulary, nodes, following, roots, first, shares, *, classes):
        self.classes = classes
        self.numbers = (nodes, following, roots, first, shares)
        trees = len(roots)
        self.scratch = (zeros("B", vocabulary + 1), zeros("H", trees), zeros("I", trees))
        *tables, leaves = map(address, self.numbers)
        self.model = (vocabulary, *tables, trees, leaves, classes, *map(address, self.scratch))

    def __call__(self, encoded):
        ids, ends, texts = encoded
        scores = zeros("d", texts * self.classes)
        forest_scores(address(ids), address(ends), texts, *self.model, address(scores))
        return scores[: texts * self.classes]


def largest_columns(scores, columns):
    """The first of the largest columns of each row."""
    rows = len(scores) // columns
    found = zeros("i", rows)
    if rows:
        find_largest_columns(address(scores), rows, columns, address(found))
    return found[:rows]
