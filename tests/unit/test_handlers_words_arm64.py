"""The arm64 build of handlers/word-counts, executed by an emulator beside the loops in Python."""

from __future__ import annotations

import importlib.util
import struct
from array import array
from random import Random
from types import SimpleNamespace

import pytest

from pytest_lambda_ml.artifact.carried import carried_handlers

unicorn = pytest.importorskip(
    "unicorn", reason="unicorn, which the dev extra installs, emulates arm64 here"
)
from unicorn import arm64_const  # noqa: E402 (after the skip where there is none)

FOLDER = carried_handlers() / "word-counts"
LIBRARY, RETURNED, STACK, MEMORY = 0x10_0000, 0x20_0000, 0x30_0000, 0x40_0000
SIZE = 0x10_0000
ID_BITS = 24
LOAD, DYNAMIC, FUNCTION = 1, 2, 2  # these and the following: elf(5)
STRINGS, SYMBOLS, RELOCATIONS = 5, 6, {7, 17, 23}
ARGUMENTS = [getattr(arm64_const, f"UC_ARM64_REG_X{number}") for number in range(8)]
TEXTS = ["Joy and SORROW, joy!", "", "naïve été; x_1 and é a", "nothing known " * 40, "joy_ and\n"]
WORDS = ["and", "joy", "naïve", "sorrow", "x_1", "été"]


class Arm64:
    """A processor that has the library loaded: it needs neither relocations nor a C library."""

    def __init__(self, library):
        self.processor = unicorn.Uc(unicorn.UC_ARCH_ARM64, unicorn.UC_MODE_ARM)
        for start in (LIBRARY, RETURNED, STACK, MEMORY):
            self.processor.mem_map(start, SIZE)
        enable_vectors = 0b11 << 20  # CPACR_EL1.FPEN
        self.processor.reg_write(arm64_const.UC_ARM64_REG_CPACR_EL1, enable_vectors)
        self.free = MEMORY
        self.functions = self.load(library)

    def load(self, library):
        """Map what is to be mapped; returns the addresses of the functions by name."""
        (table,) = struct.unpack_from("<Q", library, 32)
        size, count = struct.unpack_from("<HH", library, 54)
        dynamic = None
        for place in range(table, table + size * count, size):
            kind, _, offset, address, _, in_file = struct.unpack_from("<IIQQQQ", library, place)
            if kind == LOAD:
                self.processor.mem_write(LIBRARY + address, library[offset : offset + in_file])
            if kind == DYNAMIC:
                dynamic = dict(struct.iter_unpack("<QQ", library[offset : offset + in_file]))
        assert not RELOCATIONS & set(dynamic), "the library has relocations"
        symbols, strings = dynamic[SYMBOLS], dynamic[STRINGS]
        functions = {}
        for place in range(symbols, strings, 24):
            name, kind, _, _, value, _ = struct.unpack_from("<IBBHQQ", library, place)
            if kind & 15 == FUNCTION:
                start = strings + name
                functions[library[start : library.index(b"\0", start)].decode()] = value
        return functions

    def put(self, content):
        """Where the bytes are now."""
        address, self.free = self.free, self.free + len(content) + 64 & ~63
        self.processor.mem_write(address, bytes(content))
        return address

    def get(self, typecode, address, count):
        """Numbers that are there."""
        numbers = array(typecode)
        numbers.frombytes(bytes(self.processor.mem_read(address, numbers.itemsize * count)))
        return numbers

    def call(self, name, *arguments):
        """What the function returns, as int32; arguments beyond eight go on the stack."""
        top = STACK + SIZE // 2
        for register, value in zip(ARGUMENTS, arguments, strict=False):
            self.processor.reg_write(register, value & 0xFFFF_FFFF_FFFF_FFFF)
        on_stack = b"".join(struct.pack("<Q", value) for value in arguments[8:])
        self.processor.mem_write(top, on_stack)
        self.processor.reg_write(arm64_const.UC_ARM64_REG_SP, top)
        self.processor.reg_write(arm64_const.UC_ARM64_REG_LR, RETURNED)
        self.processor.emu_start(LIBRARY + self.functions[name], RETURNED)
        (low, _) = struct.unpack("<iI", struct.pack("<Q", self.processor.reg_read(ARGUMENTS[0])))
        return low


@pytest.fixture(scope="module")
def arm64():
    return Arm64((FOLDER / "word_counts-aarch64.so").read_bytes())


@pytest.fixture(scope="module")
def in_python():
    spec = importlib.util.spec_from_file_location("loops", FOLDER / "word_counts_in_python.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def encoded(arm64):
    """The texts' words as the emulated loops find them: addresses, and ids for each text."""
    words = "".join(f"{word}\n" for word in WORDS).encode()
    slots = 32
    known = arm64.put(words)
    table = (arm64.put(bytes(4 * (len(WORDS) + 1))), arm64.put(bytes(4 * slots)), slots - 1)
    assert arm64.call("index_words", known, len(words), *table) == len(WORDS)
    texts = b"".join(text.lower().encode() + b"\xff" for text in TEXTS)
    ids, ends = arm64.put(bytes(4 * len(texts))), arm64.put(bytes(4 * len(TEXTS)))
    found = arm64.call("find_words", arm64.put(texts), len(texts), known, *table, ids, ends)
    limits = [0, *arm64.get("i", ends, len(TEXTS))]
    assert limits[-1] == found
    numbers = list(arm64.get("i", ids, found))
    rows = [numbers[limits[i] : limits[i + 1]] for i in range(len(TEXTS))]
    return SimpleNamespace(ids=ids, ends=ends, rows=rows)


def test_arm64_finds_the_words_that_python_finds(encoded, in_python):
    words = "".join(f"{word}\n" for word in WORDS).encode()
    assert encoded.rows == in_python.Vocabulary(words).encode(TEXTS)
    assert any(encoded.rows)


def test_arm64_adds_the_weights_that_python_adds(arm64, encoded, in_python):
    weights = array("d", [((7 * n) % 11 - 5) / 3 for n in range(3 * len(WORDS))])
    bias = array("d", [0.5, -1, 0])
    scores = arm64.put(bytes(8 * 3 * len(TEXTS)))
    arm64.call(
        *("linear_scores", encoded.ids, encoded.ends, len(TEXTS)),
        *(arm64.put(weights.tobytes()), arm64.put(bias.tobytes()), 3, scores),
    )
    told = arm64.get("d", scores, 3 * len(TEXTS))
    assert list(told) == pytest.approx(list(in_python.Linear(weights, bias)(encoded.rows)))
    largest = arm64.put(bytes(4 * len(TEXTS)))
    arm64.call("largest_columns", scores, len(TEXTS), 3, largest)
    found = list(arm64.get("i", largest, len(TEXTS)))
    assert found == list(in_python.largest_columns(told, 3))


def test_arm64_evaluates_the_forms_that_python_evaluates(arm64, encoded, in_python):
    n = len(WORDS)
    squares = array("d", [((5 * k) % 13 - 6) / 7 for k in range(n * (n + 1) // 2)])
    linear, constants = array("d", [k / 4 - 1 for k in range(n)]), array("d", [0.25])
    scores = arm64.put(bytes(8 * 2 * len(TEXTS)))
    arm64.call(
        *("quadratic_scores", encoded.ids, encoded.ends, len(TEXTS), n),
        *(arm64.put(numbers.tobytes()) for numbers in (squares, linear, constants)),
        *(1, scores),
    )
    expected = in_python.Quadratic(n, squares, linear, list(constants))(encoded.rows)
    assert list(arm64.get("d", scores, 2 * len(TEXTS))) == pytest.approx(list(expected))


class RandomForest:
    """Trees of random words and limits, laid out in chains as the engine's export.py does it."""

    def __init__(self, random, *, vocabulary, trees, classes, depth):
        self.random, self.end = random, vocabulary
        self.nodes, self.following, self.roots = array("I"), array("I"), array("I")
        self.shares, self.classes = array("d"), classes
        firsts = []
        for _ in range(trees):
            self.roots.append(len(self.nodes))
            path = self.grow(depth)
            first = [len(path)] * (vocabulary + 1)
            for place, word in reversed(list(enumerate(path))):
                first[word] = place
            firsts.append(first)
        self.first = array("H", [first[word] for word in range(vocabulary + 1) for first in firsts])

    def grow(self, depth):
        """A tree whose left children follow their parents; the words on its path to the left."""
        place = len(self.nodes)
        if depth == 0 or self.random.random() < 0.15:
            self.nodes.append(self.end)
            self.following.append(len(self.shares) // self.classes)
            drawn = [self.random.random() for _ in range(self.classes)]
            self.shares.extend(share / sum(drawn) for share in drawn)
            return []
        word, limit = self.random.randrange(self.end), self.random.choice([0, 0, 0, 1, 2])
        self.nodes.append(word | limit << ID_BITS)
        self.following.append(0)
        path = [word, *self.grow(depth - 1)]
        self.following[place] = len(self.nodes)
        self.grow(depth - 1)
        return path

    @property
    def numbers(self):
        """What both loops read, in the order in which they take it."""
        return self.nodes, self.following, self.roots, self.first, self.shares


@pytest.mark.parametrize("seed", range(12))
def test_arm64_walks_the_trees_that_python_walks(arm64, in_python, seed):
    """Small forests over random texts: empty ones, unknown words left out, words many times."""
    random = Random(seed)
    vocabulary, trees, classes = random.randint(1, 9), random.randint(1, 7), random.randint(1, 4)
    forest = RandomForest(
        random, vocabulary=vocabulary, trees=trees, classes=classes, depth=random.randint(0, 6)
    )
    rows = [random.choices(range(vocabulary), k=random.choice([0, 1, 5, 20])) for _ in range(15)]
    ids, ends = array("i"), array("i")
    for row in rows:
        ids.extend(row)
        ends.append(len(ids))
    nodes, following, roots, first, shares = (arm64.put(each.tobytes()) for each in forest.numbers)
    scores = arm64.put(bytes(8 * classes * len(rows)))
    counts, skips, places = (arm64.put(bytes(n)) for n in (vocabulary + 1, 2 * trees, 4 * trees))
    arm64.call(
        *("forest_scores", arm64.put(ids.tobytes()), arm64.put(ends.tobytes()), len(rows)),
        *(vocabulary, nodes, following, roots, first, trees, shares, classes),
        *(counts, skips, places, scores),
    )
    told = list(arm64.get("d", scores, classes * len(rows)))
    expected = in_python.Forest(vocabulary, *forest.numbers, classes=classes)(rows)
    assert bytes(arm64.get("B", counts, vocabulary)) == bytes(vocabulary), "zeroed for the next"
    assert told == list(expected), "to the last bit: scikit-learn's order of sums"
