"""The words of the emotion corpus, from lexicon.toml beside this file."""

from __future__ import annotations

import tomllib
from pathlib import Path

__all__ = ["CRIES", "FEELINGS", "NAMES", "TIMES", "WORDS"]

_LEXICON = tomllib.loads(Path(__file__).with_name("lexicon.toml").read_text(encoding="utf-8"))

WORDS: dict[str, tuple[str, ...]] = {
    name: tuple(words.split()) for name, words in _LEXICON.items() if isinstance(words, str)
}
"""Every list by its name in the file."""

NAMES = WORDS["names"]

TIMES = tuple(" ".join(time.split()) for time in _LEXICON["times"].split(","))
"""Today, last night and so on: the one list whose entries may have several words."""

FEELINGS = {label: tuple(words.split()) for label, words in _LEXICON["feelings"].items()}
"""By label: what one can be."""

CRIES = {label: tuple(words.split()) for label, words in _LEXICON["cries"].items()}
"""By label: what one calls out, or has."""
