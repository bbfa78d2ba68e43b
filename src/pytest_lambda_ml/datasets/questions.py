"""The bundled science questions: four choices each, 40 to 70 words, from a seeded generator.

A question asks for the thing that does something, or for what a thing does; its wrong choices are
true of other things of the same topic. Only ``random.Random.random`` draws (see `emotion`).
"""

from __future__ import annotations

from random import Random
from typing import TYPE_CHECKING, TypeVar

from pytest_lambda_ml.datasets.lexicon import NAMES
from pytest_lambda_ml.datasets.science import TOPICS

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from pytest_lambda_ml.datasets.science import Topic

__all__ = ["QUESTION_COUNT", "WORDS", "questions"]

QUESTION_COUNT = 600
WORDS = range(44, 71)
"""Words that a question may have, the four letters of its choices included."""
SEED = 1119
CHOICES = 4

SCENES = (
    "{name} is making a poster about {topic} for the school fair.",
    "A class keeps a notebook about {topic}, and {name} has to write the next page.",
    "After a lesson about {topic}, {name} and {other} compare what they wrote down.",
    "{name} reads a short article about {topic} and explains it to {other}.",
    "During a visit to the science museum, a guide asks {name} about {topic}.",
    "{name} and {other} are preparing a quiz about {topic} for younger students.",
    "In a group project about {topic}, {name} draws a picture and {other} adds the labels.",
    "The teacher shows a film about {topic}, and then gives {name} a card to complete.",
    "{name} sorts a stack of cards about {topic} by what is said on the back of each.",
    "For homework, {name} has to find one true statement about {topic}.",
)
DETAILS = (
    "",
    "Only one of four answers in the textbook fits.",
    "{other} says that the answer was part of last week's lesson.",
    "They may use their notes, but they have to give a reason for their choice.",
    "Everything that is mentioned was observed or discussed in class before.",
    "The first answer that comes to mind is not always the right one.",
)
ASK_THING = (
    "Which {kind} {doing}?",
    "What is the name of the {kind} that {doing}?",
    "One card says: it {doing}. Which {kind} is meant?",
)
ASK_DOING = (
    "Which statement correctly describes {thing}?",
    "What should be written on the page beside {thing}?",
    "Which of these is true of {thing}?",
)
PLURAL = (
    *("lungs", "kidneys", "eyes", "ears", "feet", "talons", "gills", "bones", "mammals", "birds"),
    *("reptiles", "amphibians", "fish", "insects", "spiders", "worms", "crustaceans", "mollusks"),
)
T = TypeVar("T")


def questions() -> Iterator[str]:
    """Every question of the set, all different, always the same."""
    rng = Random(SEED)  # noqa: S311 (reproducible questions, not a secret)
    seen: set[str] = set()
    while len(seen) < QUESTION_COUNT:
        text = _question(rng)
        if len(text.split()) in WORDS and text not in seen:
            seen.add(text)
            yield text


def _question(rng: Random) -> str:
    topic = _pick(rng, TOPICS)
    things = _sample(rng, tuple(topic.facts), CHOICES)
    answer = _pick(rng, things)
    name, other = _sample(rng, NAMES, 2)
    scene = f"{_pick(rng, SCENES)} {_pick(rng, DETAILS)}".strip()
    scene = scene.format(name=name, other=other, topic=topic.name)
    return f"{scene} {_ask(rng, topic, answer, things)}"


def _ask(rng: Random, topic: Topic, answer: str, things: Sequence[str]) -> str:
    doing = topic.facts[answer]
    if rng.random() < 0.5 and not _is_plural(answer):
        question = _pick(rng, ASK_THING).format(kind=topic.kind, doing=doing)
        choices = list(things)
    else:
        question = _pick(rng, ASK_DOING).format(thing=answer)
        choices = [f"{'They' if _is_plural(x) else 'It'} {topic.facts[x]}." for x in things]
    lettered = (f"({letter}) {choice}" for letter, choice in zip("ABCD", choices, strict=True))
    return f"{question} {' '.join(lettered)}"


def _is_plural(thing: str) -> bool:
    return thing.endswith(PLURAL)


def _pick(rng: Random, values: Sequence[T]) -> T:
    return values[int(rng.random() * len(values))]


def _sample(rng: Random, values: Sequence[str], count: int) -> list[str]:
    return sorted(values, key=lambda _: rng.random())[:count]
