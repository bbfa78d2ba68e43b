"""The charts, from the small frames of `figures_data`: Altair specifications without a theme."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import altair as alt

from pytest_lambda_ml.analysis.figures_axes import axis_of, scale_of
from pytest_lambda_ml.analysis.figures_data import COLD_PARTS

if TYPE_CHECKING:
    import pandas as pd

    from pytest_lambda_ml.analysis.figures_data import Requests

__all__ = [
    "batch_chart",
    "cold_chart",
    "cores_chart",
    "distribution_chart",
    "pareto_chart",
    "performance_chart",
    "price_chart",
    "requests_chart",
]

Drawn = Any
"""An Altair chart: its classes have no public common type, and its methods return Any."""

WIDTH, HEIGHT = 330, 170
ROOM_FOR_A_NAME = 0.1
ROW_HEIGHT = 20
LABELLED = 25
"""Requests of a panel that have room for a number each."""

PART_COLOURS = dict(
    zip(COLD_PARTS.values(), ("#7d68c9", "#8b9099", "#7d68c9", "#c8701a", "#2f7fc1"), strict=True)
)

MEMORY = "memory (MB)"
SHAPES = ("circle", "square", "triangle-up", "diamond", "cross")


def _series(frame: pd.DataFrame) -> Any:
    """Colour by series; no legend for a single one."""
    if frame["series"].nunique() == 1:
        return alt.value("#2f7fc1")
    return alt.Color("series:N", title=None, sort=None, legend=alt.Legend(orient="top", columns=2))


def price_chart(frame: pd.DataFrame) -> Drawn:
    """Figure 5.1: what a billed millisecond costs over memory."""
    base = alt.Chart(frame).encode(
        x=alt.X("memory_mb:Q", title=MEMORY, axis=alt.Axis(format=",d")),
        y=alt.Y("usd_per_million_ms:Q", title="USD per million ms"),
        tooltip=[
            alt.Tooltip("memory_mb:Q", title="memory (MB)"),
            alt.Tooltip("usd_per_million_ms:Q", title="USD per million ms", format=".4f"),
        ],
    )
    line = base.mark_line() + base.mark_point(filled=True, opacity=1)
    return line.properties(width=WIDTH, height=HEIGHT)


def cores_chart(frame: pd.DataFrame, seen: pd.DataFrame) -> Drawn:
    """Figure 5.2: CPUs over memory: the share that is paid for, and what a function sees."""
    x = alt.X("memory_mb:Q", title=MEMORY, axis=alt.Axis(format=",d"))
    y = alt.Y("cpus:Q", title="CPUs")
    colour = alt.Color("what:N", title=None, sort=None, legend=alt.Legend(orient="top", columns=1))
    tooltip = ["what:N", "memory_mb:Q", alt.Tooltip("cpus:Q", format=".2f")]
    share = frame["what"].str.startswith("CPU share")
    layers = [
        alt.Chart(frame[share]).mark_line().encode(x=x, y=y, color=colour, tooltip=tooltip),
        alt.Chart(frame[~share])
        .mark_line(interpolate="step-after", strokeDash=[4, 3])
        .encode(x=x, y=y, color=colour, tooltip=tooltip),
    ]
    if len(seen):
        layers.append(
            alt.Chart(seen)
            .mark_point(filled=True, size=45, opacity=1)
            .encode(x=x, y=y, color=colour, tooltip=tooltip)
        )
    return alt.layer(*layers).properties(width=WIDTH, height=HEIGHT)


def performance_chart(frame: pd.DataFrame) -> Drawn:
    """Figures 5.3 to 5.9: warm billed time over memory above, cost per request beneath."""
    sizes = sorted(frame["memory_mb"].unique())
    x = alt.X("memory_mb:O", title=MEMORY, sort=sizes, axis=alt.Axis(labelAngle=0))
    tooltip = [
        alt.Tooltip("cell:N"),
        alt.Tooltip("billed_ms:Q", title="mean billed ms", format=",.1f"),
        alt.Tooltip("p5:Q", title="p5 of duration", format=",.1f"),
        alt.Tooltip("p95:Q", title="p95 of duration", format=",.1f"),
        alt.Tooltip("usd_per_million:Q", title="USD per million requests", format=",.4f"),
        alt.Tooltip("warm:Q", title="warm invocations"),
    ]
    single = frame["series"].nunique() == 1  # spreads of several series would lie on each other
    shown = [frame[name] for name in (["p5", "p95", "billed_ms"] if single else ["billed_ms"])]
    times = scale_of(*shown)
    base = alt.Chart(frame).encode(x=x, color=_series(frame), tooltip=tooltip)
    y = alt.Y(
        "billed_ms:Q",
        title="warm billed time (ms)",
        scale=times,
        axis=axis_of(times, *shown),
    )
    spread = base.mark_rule(opacity=0.45, strokeWidth=3).encode(y=alt.Y("p5:Q"), y2="p95:Q")
    above = alt.layer(
        *([spread] if single else []),
        base.mark_line().encode(y=y),
        base.mark_point(filled=True, size=45, opacity=1).encode(y=y),
    )
    costs = scale_of(frame["usd_per_million"])
    cost = alt.Y(
        "usd_per_million:Q",
        title="USD per million requests",
        scale=costs,
        axis=axis_of(costs, frame["usd_per_million"]),
    )
    beneath = alt.layer(
        base.mark_line().encode(y=cost),
        base.mark_point(filled=True, size=45, opacity=1).encode(y=cost),
    )
    return alt.vconcat(
        above.properties(width=WIDTH, height=HEIGHT),
        beneath.properties(width=WIDTH, height=HEIGHT),
    )


def pareto_chart(frame: pd.DataFrame) -> Drawn:
    """Cost against p95: the front, what it beats, and the recommended cell."""
    kinds = ["recommended", "on the Pareto front", "beaten by another"]
    across = scale_of(frame["p95"], zero=False)
    up = scale_of(frame["usd_per_million_items"], zero=False, room=ROOM_FOR_A_NAME)
    x = alt.X(
        "p95:Q", title="p95 of warm duration (ms)", scale=across, axis=axis_of(across, frame["p95"])
    )
    y = alt.Y(
        "usd_per_million_items:Q",
        title="USD per million items",
        scale=up,
        axis=axis_of(up, frame["usd_per_million_items"]),
    )
    tooltip = [
        "cell:N",
        alt.Tooltip("p95:Q", title="p95 ms", format=",.1f"),
        alt.Tooltip("usd_per_million_items:Q", title="USD per million items", format=",.4~g"),
        alt.Tooltip("p_best:Q", title="P(best)", format=".0%"),
        alt.Tooltip("p_equal:Q", title="P(within 1 % of the best)", format=".0%"),
    ]
    front = frame[frame["pareto"]].sort_values("p95")
    points = (
        alt.Chart(frame)
        .mark_point(filled=True, size=75, opacity=1)
        .encode(
            x=x,
            y=y,
            color=alt.Color(
                "kind:N",
                title=None,
                sort=kinds,
                scale=alt.Scale(domain=kinds, range=["#c8701a", "#2f7fc1", "#8b9099"]),
                legend=alt.Legend(orient="top", columns=2),
            ),
            shape=_engine_shapes(frame, kinds),
            tooltip=tooltip,
        )
    )
    line = alt.Chart(front).mark_line(color="#2f7fc1", strokeWidth=1.5).encode(x=x, y=y)
    # The fastest cell and the choice are named, where there is room: no cell lies beneath a front.
    chosen = frame[frame["kind"] == "recommended"]
    first = front[~front["cell"].isin(chosen["cell"])].head(1)
    left = bool((chosen["p95"] <= frame["p95"].median()).all())
    names = [
        alt.Chart(rows)
        .mark_text(
            align="left" if to_the_right else "right",
            baseline="middle",
            dx=-5 if to_the_right else 5,
            dy=dy,
            fontSize=11,
        )
        .encode(x=x, y=y, text="label:N")
        for rows, to_the_right, dy in ((first, True, -13), (chosen, left, 14))
        if len(rows)
    ]
    return alt.layer(line, points, *names).properties(width=WIDTH, height=HEIGHT + 30)


def _engine_shapes(frame: pd.DataFrame, kinds: list[str]) -> alt.Shape:
    """A shape for each engine; of a single one, one for the recommended cell."""
    engines = list(dict.fromkeys(frame["engine"]))
    if len(engines) == 1:
        scale = alt.Scale(domain=kinds, range=["diamond", "circle", "circle"])
        return alt.Shape("kind:N", title=None, sort=kinds, scale=scale)
    scale = alt.Scale(domain=engines, range=[SHAPES[i % len(SHAPES)] for i in range(len(engines))])
    legend = alt.Legend(orient="bottom", columns=3, symbolFillColor="#8b9099")
    return alt.Shape("engine:N", title=None, sort=engines, scale=scale, legend=legend)


def batch_chart(frame: pd.DataFrame) -> Drawn:
    """Cost per item over batch size."""
    costs = scale_of(frame["usd_per_million_items"])
    sizes = sorted(frame["batch_size"].unique())
    base = alt.Chart(frame).encode(
        x=alt.X("batch_size:O", title="batch size", sort=sizes, axis=alt.Axis(labelAngle=0)),
        y=alt.Y(
            "usd_per_million_items:Q",
            title="USD per million items",
            scale=costs,
            axis=axis_of(costs, frame["usd_per_million_items"]),
        ),
        color=_series(frame),
        tooltip=[
            "cell:N",
            alt.Tooltip("usd_per_million_items:Q", title="USD per million items", format=",.4~g"),
        ],
    )
    both = base.mark_line() + base.mark_point(filled=True, size=45, opacity=1)
    return both.properties(width=WIDTH, height=HEIGHT)


def _parts_colour(frame: pd.DataFrame) -> alt.Color:
    named = [part for part in COLD_PARTS.values() if part in set(frame["part"])]
    return alt.Color(
        "part:N",
        title=None,
        sort=named,
        scale=alt.Scale(domain=named, range=[PART_COLOURS[part] for part in named]),
        legend=alt.Legend(orient="top"),
    )


def cold_chart(frame: pd.DataFrame) -> Drawn:
    """The parts of a cold start one after the other, a bar per cell."""
    return (
        alt.Chart(frame)
        .mark_bar(height=ROW_HEIGHT * 0.6)
        .encode(
            x=alt.X("ms:Q", title="median (ms)", stack="zero", axis=alt.Axis(grid=True)),
            y=alt.Y("cell:N", title=None, sort=None),
            color=_parts_colour(frame),
            order="order:Q",
            tooltip=["cell:N", "part:N", alt.Tooltip("ms:Q", format=",.1f"), "cold:Q"],
        )
        .properties(width=WIDTH - 90, height=alt.Step(ROW_HEIGHT))
    )


def distribution_chart(frame: pd.DataFrame) -> Drawn:
    """The distribution of the warm duration in each cell: quantiles and the mean."""
    scale = scale_of(frame["p5"], frame["p95"], frame["mean"], zero=False)
    base = alt.Chart(frame).encode(
        y=alt.Y("cell:N", title=None, sort=None),
        tooltip=[
            "cell:N",
            *(
                alt.Tooltip(f"{name}:Q", format=",.1f")
                for name in ("p5", "p25", "p50", "p75", "p95")
            ),
            alt.Tooltip("mean:Q", format=",.1f"),
            alt.Tooltip("warm:Q", title="warm invocations"),
        ],
    )
    x = alt.X(
        "p5:Q",
        title="warm duration (ms)",
        scale=scale,
        axis=axis_of(scale, frame["p5"], frame["p95"], grid=True),
    )
    colour = alt.value("#2f7fc1")
    return alt.layer(
        base.mark_rule().encode(x=x, x2="p95:Q", color=colour),
        base.mark_bar(height=ROW_HEIGHT * 0.5, opacity=0.55).encode(
            x=alt.X("p25:Q"), x2="p75:Q", color=colour
        ),
        base.mark_tick(thickness=2.5, height=ROW_HEIGHT * 0.7, opacity=1).encode(
            x=alt.X("p50:Q"), color=colour
        ),
        base.mark_point(filled=True, shape="diamond", size=40, opacity=1).encode(
            x=alt.X("mean:Q"), color=alt.value("#c8701a")
        ),
    ).properties(width=WIDTH - 90, height=alt.Step(ROW_HEIGHT))


def requests_chart(requests: Requests) -> Drawn:
    """Figures 5.10 and 5.11: execution time of each request, cold above and hot beneath."""
    panels = []
    for kind, count in (("cold", requests.cold), ("hot", requests.hot)):
        frame = requests.frame[requests.frame["start"] == kind]
        if not len(frame):
            continue
        shown = frame["request"].nunique()
        title = f"{count:,} {kind} requests" + (f", {shown} of them shown" if shown < count else "")
        panels.append(
            alt.Chart(frame, title=alt.Title(title, anchor="start", frame="group", fontSize=11))
            .mark_bar(binSpacing=0)
            .encode(
                x=alt.X(
                    "request:O",
                    title="request, in the order of their start" if kind == "hot" else None,
                    axis=alt.Axis(labels=shown <= LABELLED, ticks=False, labelAngle=0),
                ),
                y=alt.Y("ms:Q", title="ms", stack="zero"),
                color=_parts_colour(frame),
                order="order:Q",
                tooltip=["request:O", "part:N", alt.Tooltip("ms:Q", format=",.1f")],
            )
            .properties(width=WIDTH, height=110)
        )
    return alt.vconcat(*panels).resolve_scale(x="independent")
