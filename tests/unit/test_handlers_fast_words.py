"""The loops of handlers/word-counts, compiled and in Python, against scikit-learn's own words."""

from __future__ import annotations

import importlib.util
import os
import shutil
import subprocess
import sys
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from sklearn.feature_extraction.text import CountVectorizer

from pytest_lambda_ml.artifact.carried import carried_handlers

FOLDER = carried_handlers() / "word-counts"
ROOT = Path(__file__).parents[2]
PYTHON = Path(sys.executable)

spoken = st.sampled_from(
    ["the", "THE", "Joy", "joy", "so", "a", "_x", "x_1", "été", "ÉTÉ", "İstanbul", "straße",
     "ΟΔΟΣ", "don't", "naïve", "42", "４２", "²³", "日本語", "हिन्दी", "e\u0301te", "\ud800", "\x00",
     "ǅ", "ﬁn"]
)  # fmt: skip
separator = st.sampled_from([" ", "", ", ", "\n", "-", "\u00a0", "\ufeff", "\xff", "_", "."])
sentence = st.lists(st.tuples(spoken, separator), max_size=12).map(
    lambda parts: "".join(word + gap for word, gap in parts)
)
text = st.one_of(st.text(max_size=60), sentence, st.text("aAbB_ 1é", max_size=30))
batches = st.lists(text, min_size=1, max_size=6)


def load(name):
    """A module of the folder, which is on no path."""
    spec = importlib.util.spec_from_file_location(name, FOLDER / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def in_c():
    if sys.platform != "linux" or os.uname().machine not in ("x86_64", "aarch64"):
        pytest.skip("the compiled loops are for Linux on x86_64 and aarch64")
    return load("word_counts_in_c")


@pytest.fixture(scope="module")
def in_python():
    return load("word_counts_in_python")


def ids_of(encoded):
    """A list of ids for each text, whichever loops encoded them."""
    if isinstance(encoded, list):
        return encoded
    ids, ends, texts = encoded
    ends = [0, *ends[:texts]]
    return [list(ids[a:b]) for a, b in pairwise(ends)]


def words_of(vocabulary):
    return "".join(f"{word}\n" for word in vocabulary).encode()


def counts_of(ids, width):
    return [[row.count(column) for column in range(width)] for row in ids]


@given(known=batches, asked=batches)
@example(known=["aa bb"], asked=["AA aa_ bb\xffaa", "", "bb"])
@example(known=["ΣΑΣ σας İİ"], asked=["ΣΑΣ", "İİ ii"])
def test_words_and_counts_are_those_of_count_vectorizer(in_c, in_python, known, asked):
    """Over arbitrary text: its lower case, its word characters, its vocabulary, nothing else."""
    vectorizer = CountVectorizer()
    try:
        vectorizer.fit(known)
    except ValueError:  # no word at all
        return
    vocabulary = list(vectorizer.get_feature_names_out())
    expected = vectorizer.transform(asked).toarray().tolist()
    for loops in (in_c, in_python):
        encoded = loops.Vocabulary(words_of(vocabulary)).encode(asked)
        assert counts_of(ids_of(encoded), len(vocabulary)) == expected


def test_stop_words_count_nothing_because_the_vocabulary_has_none(in_c, in_python):
    texts = ["the joy of it", "this joy and that sorrow"]
    vectorizer = CountVectorizer(stop_words="english").fit(texts)
    words = words_of(vectorizer.get_feature_names_out())
    for loops in (in_c, in_python):
        assert ids_of(loops.Vocabulary(words).encode(texts)) == [[0], [0, 1]]


def test_words_are_told_apart_in_a_full_table_and_at_any_length(in_c):
    words = [f"{'w' * (n % 300)}{n:05d}" for n in range(20_000)]
    vocabulary = in_c.Vocabulary(words_of(words))
    assert ids_of(vocabulary.encode([" ".join(words)])) == [list(range(len(words)))]
    assert ids_of(vocabulary.encode([" ".join(word + "x" for word in words)])) == [[]]


def test_an_empty_batch_has_no_texts_and_an_empty_vocabulary_no_words(in_c, in_python):
    for loops in (in_c, in_python):
        assert ids_of(loops.Vocabulary(b"one\n").encode([])) == []
        assert ids_of(loops.Vocabulary(b"").encode(["one two", ""])) == [[], []]


@given(
    rows=st.lists(
        st.lists(st.floats(allow_nan=False, width=16), min_size=3, max_size=3), max_size=9
    )
)
def test_of_equal_scores_the_first_is_the_largest(in_c, in_python, rows):
    flat = in_c.array("d", [score for row in rows for score in row])
    expected = [row.index(max(row)) for row in rows]
    for loops in (in_c, in_python):
        assert list(loops.largest_columns(flat, 3)) == expected


def test_without_a_library_for_the_machine_the_loops_are_pythons(tmp_path):
    """The package may come to a machine for which there is no build."""
    for path in FOLDER.glob("*.py"):
        shutil.copy(path, tmp_path)
    says = [sys.executable, "-c", "import word_counts; print(word_counts.figures())"]
    run = subprocess.run(says, cwd=tmp_path, capture_output=True, text=True, check=True)
    assert run.stdout == "{'loops': 'python'}\n"
    shutil.copy(FOLDER / f"word_counts-{os.uname().machine}.so", tmp_path)
    run = subprocess.run(says, cwd=tmp_path, capture_output=True, text=True, check=True)
    assert run.stdout == "{'loops': 'c'}\n"


def test_the_libraries_in_the_tree_are_what_the_compiler_makes_of_the_source(tmp_path):
    """`make native` gives the same bytes for both architectures, so that nobody has to trust us."""
    pytest.importorskip("ziglang", reason="ziglang, which the dev extra installs, is the compiler")
    command = ["make", "--directory", ROOT, "native", f"NATIVE={tmp_path}", f"BIN={PYTHON.parent}"]
    cache = {name: str(tmp_path) for name in ("ZIG_GLOBAL_CACHE_DIR", "ZIG_LOCAL_CACHE_DIR")}
    subprocess.run(command, env={**os.environ, **cache}, check=True, capture_output=True)
    for machine in ("x86_64", "aarch64"):
        name = f"word_counts-{machine}.so"
        assert (tmp_path / name).read_bytes() == (FOLDER / name).read_bytes()
