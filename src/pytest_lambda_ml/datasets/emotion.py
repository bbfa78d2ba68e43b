"""The bundled emotion corpus: short messages with eight labels, from a seeded generator.

It has the statistics that inference speed depends on, those of collected short messages: about 87
characters and 15 words each, half of them stop words; a Zipf vocabulary with a long tail of names,
inventions and slips; one row in six with a repeated content word. Labels can be learned from cue
words, but not perfectly: cues stray into other labels, and some messages have none.

Only ``random.Random.random`` draws, the one method whose sequence Python guarantees: the corpus is
the same, byte for byte, wherever it is made.
"""

from __future__ import annotations

from bisect import bisect
from functools import cache
from itertools import accumulate
from random import Random
from typing import TYPE_CHECKING

from pytest_lambda_ml.datasets.lexicon import CRIES, FEELINGS, NAMES, TIMES, WORDS

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

__all__ = ["LABEL_COUNTS", "messages"]

LABEL_COUNTS = {
    "joy": 1860,
    "sadness": 1140,
    "fear": 900,
    "anger": 750,
    "surprise": 660,
    "neutral": 400,
    "disgust": 190,
    "shame": 100,
}
SEED = 20240529
CUED_SHARE = 0.88
CUED_SHARE_NEUTRAL = 0.6
NOUNS, VERBS, ADJECTIVES = WORDS["nouns"], WORDS["verbs"], WORDS["adjectives"]
DOUBLING, UNCOUNTED = WORDS["doubling"], WORDS["uncounted"]
NAME_PARTS = ("name_onsets", "name_middles", "name_codas")
VERB_PREFIXES = ("", "re", "over", "pre", "re")

OPENERS = (
    "I am {feeling} about the {noun}",
    "I'm so {feeling}",
    "feeling {feeling} {time}",
    "so {feeling} that {name} {verbed}",
    "{name} and I are {feeling} because of the {noun}",
    "when I {verbed} the {noun} I was {feeling}",
    "my {noun} makes me {feeling}",
    "I was {feeling} when {name} {verbed} my {noun}",
    "{feeling} after the {adj} {noun}",
    "it was a {feeling} {noun} and we {verbed} {time}",
    "he was {feeling} and his {noun} was too",
    "I have never been this {feeling} over a {noun}",
    "{cry} {cry} and nothing but {cry}",
    "they were all {feeling} at the {noun} in {place}",
    "what a {feeling} {noun}",
    "{cry} is the word for this {noun}",
    "it is {feeling} how {name} {verbed} for the {noun}",
    "you and your {feeling} {noun}",
    "{cry} ! {name} {verbed} the {noun}",
    "{cry} and more {cry} {time}",
)
CLAUSES = (
    "{name} {verbed} the {adj} {noun} {time}",
    "{name} {verbing} {adj} {nouns} again",
    "have to {verb} my {noun} before {noun} {noun}",
    "{name} {verbed} with her {noun} in {place}",
    "no {nouns} left in the {adj} {noun}",
    "he said that {noun} {nouns} {verb} {time}",
    "{verbing} and {verbing} with my {noun}",
    "the {noun} was {adj} and {adj}",
    "who would {verb} a {adj} {noun} {time}",
    "{noun} trip to {place} with {name}",
    "they are {verbing} {adj} {nouns} for us",
    "{name} can you {verb} me some {noun}",
    "just {verbed} {a_number} {nouns} for {name}",
    "not {verbing} until {noun} {time}",
    "{verbing} {nouns} with {name} and {name}",
    "how do you {verb} {adj} {nouns}",
    "{adj} of them to {verb} {name}",
    "then {name} {verbed} over {a_number} of my {nouns}",
    "only {a_number} {adj} {nouns} to go",
    "because of that {adj} {noun} we had to {verb}",
    "back at the {noun} {time}",
    "if only we had {verbed} {adj} {nouns}",
    "all our {adj} {nouns} {verbing}",
    "{noun} and {noun} for {name}",
    "same {noun} that {name} {verbed} {time}",
    "{noun} {noun} {noun} {time}",
    "{adj} {noun} {adj} {noun}",
    "{place} {noun} {verbed} {name}",
)
JOINTS = (" and ", ", but ", ". ", " ... ", ", ", " so ", "! ", " - ", "; ")
ENDINGS = (".", "!", "", " .", "...", "", "!!!", "?", " :)", ".", "", "!!", " :(", ".", "")


def messages() -> Iterator[tuple[str, str]]:
    """Every (label, text) of the corpus, labels mixed, always the same."""
    rng = Random(SEED)  # noqa: S311 (a reproducible corpus, not a secret)
    writer = Writer(rng)
    labels = [label for label, count in LABEL_COUNTS.items() for _ in range(count)]
    for label in sorted(labels, key=lambda _: rng.random()):
        yield label, writer.message(label)


class Writer:
    """Fills templates with words drawn by rank, as in natural text (Zipf), and with rare forms."""

    def __init__(self, rng: Random) -> None:
        self._rng = rng

    def message(self, label: str) -> str:
        """One message: clauses until it is long enough, then casing and punctuation."""
        # Three draws make a bell between 4 and 127 characters: few are very short or very long.
        target = 4 + 41 * sum(self._rng.random() for _ in range(3))
        cued = self._rng.random() < (CUED_SHARE_NEUTRAL if label == "neutral" else CUED_SHARE)
        used = {"noun": self._noun()}
        text = self._fill(self._pick(OPENERS if cued else CLAUSES), label, used)
        while len(text) < target:
            more = OPENERS if cued and self._rng.random() < 0.10 else CLAUSES
            text += self._pick(JOINTS) + self._fill(self._pick(more), label, used)
        return self._dress(text)

    def _pick(self, words: Sequence[str]) -> str:
        return words[int(self._rng.random() * len(words))]

    def _ranked(self, words: Sequence[str]) -> str:
        weights = _zipf(len(words))
        return words[bisect(weights, self._rng.random() * weights[-1], hi=len(words) - 1)]

    def _fill(self, template: str, label: str, used: dict[str, str]) -> str:
        return "".join(self._slot(part, label, used) for part in _parts(template))

    def _slot(self, part: tuple[str, str], label: str, used: dict[str, str]) -> str:
        kind, text = part
        if kind == "text":
            return text
        if kind in ("feeling", "cry"):
            return self._cue(FEELINGS if kind == "feeling" else CRIES, label)
        if kind in ("noun", "nouns"):
            # People come back to what they talk of: some repetition within a message.
            used["noun"] = used["noun"] if self._rng.random() < 0.15 else self._noun()
            return used["noun"] if kind == "noun" else _plural(used["noun"])
        if kind in ("verb", "verbed", "verbing"):
            verb = self._verb()
            return {"verb": verb, "verbed": _past(verb), "verbing": _progressive(verb)}[kind]
        if kind == "a_number":
            return str(2 + int(self._rng.random() ** 3 * 300))
        if kind == "name":
            return self._name()
        words = {"adj": ADJECTIVES, "place": WORDS["places"], "time": TIMES}[kind]
        return self._ranked(words)

    def _cue(self, cues: Mapping[str, Sequence[str]], label: str) -> str:
        own = self._rng.random() < 0.8
        cue = self._ranked(cues[label if own else self._pick(tuple(cues))])
        return self._stretch(cue) if self._rng.random() < 0.06 else cue

    def _noun(self) -> str:
        rare = self._rng.random()
        if rare < 0.52:
            return self._ranked(NOUNS)
        if rare < 0.65:
            return self._pick(NOUNS)
        if rare < 0.79:
            return self._pick(ADJECTIVES) + self._pick(NOUNS)
        if rare < 0.88:
            return self._pick(NOUNS) + self._pick(WORDS["noun_suffixes"])
        if rare < 0.95:
            return "#" + self._pick(NOUNS) + self._pick(NOUNS)
        return self._slip(self._pick(NOUNS))

    def _verb(self) -> str:
        if self._rng.random() < 0.8:
            return self._ranked(VERBS)
        return self._pick(VERB_PREFIXES) + self._pick(VERBS)

    def _name(self) -> str:
        rare = self._rng.random()
        if rare < 0.45:
            return self._ranked(NAMES)
        if rare < 0.75:
            return "".join(self._pick(WORDS[part]) for part in NAME_PARTS).capitalize()
        number = str(int(self._rng.random() * 100)) if rare < 0.9 else ""
        return "@" + self._pick(ADJECTIVES) + self._pick(NOUNS) + number

    def _slip(self, word: str) -> str:
        """Two neighbouring letters swapped, or one left out."""
        at = 1 + int(self._rng.random() * (len(word) - 2))
        if self._rng.random() < 0.5:
            return word[:at] + word[at + 1 :]
        return word[:at] + word[at + 1 : at + 2] + word[at] + word[at + 2 :]

    def _stretch(self, word: str) -> str:
        return word + word[-1] * (1 + int(self._rng.random() * 5))

    def _dress(self, text: str) -> str:
        style = self._rng.random()
        text += self._pick(ENDINGS)
        if style < 0.07:
            return text.lower()
        if style < 0.08:
            return text.upper()
        return text[0].upper() + text[1:] if style < 0.85 else text


@cache
def _zipf(size: int) -> list[float]:
    """Cumulative weights of ranks, for `bisect`."""
    return list(accumulate(1 / (rank + 2) for rank in range(size)))


def _parts(template: str) -> Iterator[tuple[str, str]]:
    """("text", literal) and (slot, "") in turn."""
    for number, piece in enumerate(template.replace("}", "{").split("{")):
        yield (piece, "") if number % 2 else ("text", piece)


def _plural(noun: str) -> str:
    if noun.endswith(UNCOUNTED):
        return noun
    if noun.endswith(("s", "sh", "ch", "x")):
        return noun + "es"
    if noun.endswith("y") and noun[-2:-1] not in "aeiou":
        return noun[:-1] + "ies"
    return noun + "s"


def _past(verb: str) -> str:
    if verb.endswith("e"):
        return verb + "d"
    if verb.endswith("y") and verb[-2] not in "aeiou":
        return verb[:-1] + "ied"
    return _doubled(verb) + "ed"


def _progressive(verb: str) -> str:
    return (verb[:-1] if verb.endswith("e") else _doubled(verb)) + "ing"


def _doubled(verb: str) -> str:
    return verb + verb[-1] if verb.endswith(DOUBLING) else verb
