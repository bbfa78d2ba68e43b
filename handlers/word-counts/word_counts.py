"""Models of word counts, executed exactly, with the standard library and a few C loops alone.

Words are those of scikit-learn's CountVectorizer: lower-case, two or more word characters. What
the vocabulary does not have, stop words among it, counts nothing; a text is a handful of ids, and
nothing is ever as wide as the vocabulary. The inner loops are word_counts.c where a build for this
machine lies beside this file, else the same in Python, which takes ten times as long.

The files are those that write_word_counts.py writes. Weights are mapped into memory, not read.
"""

import json
import mmap
from pathlib import Path

try:
    import word_counts_in_c as loops
except OSError:  # no library, or one that this machine cannot load
    import word_counts_in_python as loops

__all__ = ["ForestModel", "LinearModel", "QuadraticModel", "figures"]


def figures():
    """What the invocation record says of this engine: whether its loops are compiled."""
    return {"loops": loops.LANGUAGE}


def mapped(path, typecode):
    """A file's numbers (typecode as in `array`), paged in as they are looked at."""
    if not path.stat().st_size:
        return memoryview(bytearray(8)).cast(typecode)
    with path.open("rb") as file:
        # Copy on write, as ctypes gives no address of what is read-only; nothing is written.
        return memoryview(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_COPY)).cast(typecode)


class Model:
    """A vocabulary, the model's numbers, and scores of one column for each of ``classes``."""

    def __init__(self, folder):
        self.folder = Path(folder)
        self.facts = json.loads((self.folder / "model.json").read_text(encoding="utf-8"))
        self.classes = self.facts["classes"]
        self.vocabulary = loops.Vocabulary((self.folder / "vocabulary.txt").read_bytes())
        self.score = self.load()

    def numbers(self, *files):
        """The numbers in files of (name, typecode)."""
        return [mapped(self.folder / name, typecode) for name, typecode in files]

    def scores(self, batch):
        """A list of scores for each text."""
        flat = self.score(self.vocabulary.encode(batch)).tolist()
        columns = len(self.classes)
        return [flat[start : start + columns] for start in range(0, len(flat), columns)]

    def labels(self, batch):
        """The class of the highest score for each text, the first one of equals."""
        scores = self.score(self.vocabulary.encode(batch))
        return [self.classes[one] for one in loops.largest_columns(scores, len(self.classes))]


class LinearModel(Model):
    """A bias and a sum of weights for each class."""

    def load(self):
        """The function from encoded texts to scores."""
        return loops.Linear(*self.numbers(("weights.f64", "d")), self.facts["bias"])


class QuadraticModel(Model):
    """x'Ax + b'x + c for each class but the first, whose score is 0."""

    def load(self):
        """The function from encoded texts to scores."""
        forms = self.numbers(("squares.f64", "d"), ("linear.f64", "d"))
        return loops.Quadratic(self.vocabulary.size, *forms, self.facts["constants"])


class ForestModel(Model):
    """Mean class shares of the leaves that a text falls to, over all trees."""

    def load(self):
        """The function from encoded texts to scores."""
        nodes = self.numbers(("nodes.u32", "I"), ("next.u32", "I"), ("roots.u32", "I"))
        leaves = self.numbers(("first.u16", "H"), ("shares.f64", "d"))
        return loops.Forest(self.vocabulary.size, *nodes, *leaves, classes=len(self.classes))
