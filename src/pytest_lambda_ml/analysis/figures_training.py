"""The figure of trainings: accuracy, time and cost over the number of functions."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import altair as alt
import pandas as pd

from pytest_lambda_ml.analysis.figures_axes import axis_of, scale_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pytest_lambda_ml.analysis.load import RunCell

__all__ = ["training_chart", "training_frame"]

WIDTH, HEIGHT = 330, 120
MS_PER_S = 1000

ACCURACIES = {
    "accuracy": "functions",
    "accuracy_one_shot": "one average",
    "accuracy_single_machine": "one machine",
}
TIMES = {"makespan_ms": "makespan here", "critical_path_ms": "critical path"}


def training_frame(cells: Sequence[RunCell]) -> pd.DataFrame:
    """A row per figure of each training: ``panel``, ``what``, ``functions`` and ``value``.

    The panels are accuracy, time (s) and cost (USD, by item); what is absent has no row.
    """
    rows: list[tuple[str, str, int, float]] = []
    for cell in cells:
        training = cell.training
        if training is None:
            continue
        count = training.functions
        for name, what in ACCURACIES.items():
            if (value := getattr(training, name)) is not None:
                rows.append(("accuracy", what, count, value))
        for name, what in TIMES.items():
            if (value := getattr(training, name)) is not None:
                rows.append(("time", what, count, value / MS_PER_S))
        rows += [
            ("cost", item, count, float(usd))
            for item, usd in cell.figures.cost_total.itemised.items()
            if usd
        ]
    return pd.DataFrame(rows, columns=["panel", "what", "functions", "value"])


def training_chart(frame: pd.DataFrame) -> Any:
    """Three panels under each other, those that have values."""
    panels = [
        _lines(frame[frame["panel"] == "accuracy"], "accuracy", zero=False),
        _lines(frame[frame["panel"] == "time"], "seconds", zero=True),
        _bars(frame[frame["panel"] == "cost"]),
    ]
    shown = [panel for panel in panels if panel is not None]
    return alt.vconcat(*shown).resolve_scale(color="independent", x="independent")


def _base(frame: pd.DataFrame) -> Any:
    counts = sorted(frame["functions"].unique())
    return alt.Chart(frame).encode(
        x=alt.X("functions:O", title="functions", sort=counts, axis=alt.Axis(labelAngle=0)),
        color=alt.Color(
            "what:N", title=None, sort=None, legend=alt.Legend(orient="top", columns=3)
        ),
        tooltip=["what:N", "functions:O", alt.Tooltip("value:Q", format=",.4~g")],
    )


def _lines(frame: pd.DataFrame, title: str, *, zero: bool) -> Any:
    if frame.empty:
        return None
    scale = scale_of(frame["value"], zero=zero)
    y = alt.Y("value:Q", title=title, scale=scale, axis=axis_of(scale, frame["value"]))
    base = _base(frame).encode(y=y)
    both = base.mark_line() + base.mark_point(filled=True, size=45, opacity=1)
    return both.properties(width=WIDTH, height=HEIGHT)


def _bars(frame: pd.DataFrame) -> Any:
    if frame.empty:
        return None
    y = alt.Y("value:Q", title="USD", stack="zero", axis=alt.Axis(format=",.6~f"))
    bars = _base(frame).mark_bar(size=34).encode(y=y)
    return bars.properties(width=WIDTH, height=HEIGHT)
