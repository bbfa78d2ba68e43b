"""The loops of word_counts.c in Python, for machines without a build of them."""

import re
from array import array
from itertools import pairwise

LANGUAGE = "python"
WORD = re.compile(r"(?u)\b\w\w+\b")  # CountVectorizer's token_pattern
ID_BITS = 24
ID_MASK = (1 << ID_BITS) - 1


class Vocabulary:
    """Words and their ids; ``words`` are in UTF-8, each ended by a line feed."""

    def __init__(self, words):
        known = words.decode().split("\n")[:-1]
        self.ids = dict(zip(known, range(len(known)), strict=True))
        self.size = len(known)

    def encode(self, batch):
        """The ids of each text's words, in the order in which they stand there."""
        find, words = self.ids.get, WORD.findall
        return [[i for i in map(find, words(text.lower())) if i is not None] for text in batch]


class Linear:
    """bias[column] + the sum of weights[id][column]."""

    def __init__(self, weights, bias):
        columns = [weights[start :: len(bias)] for start in range(len(bias))]
        self.columns = [
            (column.__getitem__, one) for column, one in zip(columns, bias, strict=True)
        ]

    def __call__(self, encoded):
        columns = self.columns
        return array("d", [sum(map(at, ids), bias) for ids in encoded for at, bias in columns])


class Quadratic:
    """0, then x'Ax + b'x + c for each form; A is its upper triangle, row after row."""

    def __init__(self, vocabulary, squares, linear, constants):
        size = vocabulary * (vocabulary + 1) // 2
        self.forms = [
            (squares[k * size : (k + 1) * size], linear[k * vocabulary :], constant)
            for k, constant in enumerate(constants)
        ]
        self.rows = [one * vocabulary - one * (one + 1) // 2 for one in range(vocabulary)]

    def __call__(self, encoded):
        scores = array("d")
        for ids in encoded:
            ordered = sorted(ids)
            scores.append(0.0)
            scores.extend(self.value(ordered, *form) for form in self.forms)
        return scores

    def value(self, ids, squares, linear, constant):
        """One form of one text; ``ids`` ascend, so that all lies in the upper triangle."""
        total, rows = constant, self.rows
        for place, one in enumerate(ids):
            row = rows[one]
            half = sum([squares[row + other] for other in ids[place + 1 :]])
            total += squares[row + one] + 2 * half + linear[one]
        return total


class Forest:
    """Mean class shares over the trees; see word_counts.c for what the numbers are."""

    def __init__(self, vocabulary, nodes, following, roots, first, shares, *, classes):
        self.end = vocabulary
        self.nodes, self.following = nodes, following
        self.roots = roots.tolist()
        self.first = first
        rows = range(0, len(shares) + 1, classes)
        self.shares = [shares[start:end].tolist() for start, end in pairwise(rows)]

    def __call__(self, encoded):
        scores = array("d")
        for ids in encoded:
            counts: dict[int, int] = {}
            for one in ids:
                counts[one] = counts.get(one, 0) + 1
            leaves = [self.shares[leaf] for leaf in self.leaves(counts)]
            scores.extend(
                sum_in_order(column) / len(leaves) for column in zip(*leaves, strict=True)
            )
        return scores

    def leaves(self, counts):
        """The leaf of each tree that a text with these word counts falls to."""
        nodes, following = self.nodes, self.following
        trees, end = len(self.roots), self.end
        rows = [self.first[one * trees : (one + 1) * trees] for one in (end, end, *counts)]
        for root, skip in zip(self.roots, map(min, *rows), strict=True):
            place = root + skip
            while (word := nodes[place] & ID_MASK) != end:
                right = word in counts and counts[word] > nodes[place] >> ID_BITS
                place = following[place] if right else place + 1
            yield following[place]


def sum_in_order(numbers):
    """The sum as C adds it up; since Python 3.12 `sum` is more exact than scikit-learn."""
    total = 0.0
    for number in numbers:
        total += number
    return total


def largest_columns(scores, columns):
    """The first of the largest columns of each row."""
    rows = [scores[start : start + columns] for start in range(0, len(scores), columns)]
    return [row.index(max(row)) for row in rows]
