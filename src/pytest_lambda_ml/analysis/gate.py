"""What a comparison is held to, ``cost:5%`` and the like, and where else its verdict is shown."""

from __future__ import annotations

import re
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from pytest_lambda_ml.errors import SettingError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

__all__ = ["DEFAULT_LIMITS", "GATED_METRICS", "Limit", "append_step_summary", "parse_limits"]

GATED_METRICS = {
    "cost": "cost of a warm invocation, GB-seconds and request",
    "billed": "mean billed duration of the warm invocations",
    "mean": "mean duration of the warm invocations",
    "p50": "median duration of the warm invocations",
    "p95": "95th percentile of the warm invocations' durations",
    "init": "mean init (or restore) duration of the cold invocations",
    "memory": "mean of Max Memory Used over all invocations that succeeded",
}
"""What can be compared, and what each is."""

LEGAL = f"METRIC:PERCENT% such as cost:5%, where METRIC is one of {', '.join(GATED_METRICS)}"

_LIMIT = re.compile(r"(?P<metric>[a-z0-9_]+)\s*:\s*(?P<percent>[0-9]{1,4}(?:\.[0-9]{1,6})?)\s*%")


@dataclass(frozen=True, slots=True)
class Limit:
    """By which share a metric may grow: 0.05 is 5 %."""

    metric: str
    share: float

    def __str__(self) -> str:
        return f"{self.metric}:{self.share:.4%}".rstrip("%").rstrip("0").rstrip(".") + "%"


DEFAULT_LIMITS = tuple(Limit(metric, 0.05) for metric in ("cost", "p95", "init", "memory"))
"""What is compared where nothing is said; without a gate nothing fails."""


def parse_limits(texts: Iterable[str], *, place: str) -> tuple[Limit, ...]:
    """The limits of all texts, each one or several separated by commas.

    Raises SettingError naming ``place`` and what is legal; a metric given twice is an error,
    because only one of the two could hold.
    """
    limits: dict[str, Limit] = {}
    for text in texts:
        for part in text.split(","):
            found = _LIMIT.fullmatch(part.strip())
            if found is None or found["metric"] not in GATED_METRICS:
                raise SettingError(f"{place}: {text!r} is not legal; legal is {LEGAL}")
            limit = Limit(found["metric"], float(found["percent"]) / 100)
            if limit.metric in limits:
                raise SettingError(
                    f"{place}: {limit.metric} is given twice, as {limits[limit.metric]} and {limit}"
                )
            limits[limit.metric] = limit
    return tuple(limits.values())


def append_step_summary(markdown: str, environ: Mapping[str, str]) -> None:
    """Add to the step summary of GitHub Actions, where there is one; a failure is no failure."""
    path = environ.get("GITHUB_STEP_SUMMARY")
    if not path:
        return
    with suppress(OSError), Path(path).open("a", encoding="utf-8") as file:
        file.write(markdown + "\n")
