"""A run as one HTML file that opens from disk: the answer, then figures, tables, and their limits.

Figures are inlined SVG in the page's own colours: no script, nothing from the network, and the
file stays small. All text is escaped by the template; the only markup let through is that of our
figures.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pytest_lambda_ml.analysis import report_sheets as sheets
from pytest_lambda_ml.analysis.figures import (
    algorithm_figures,
    cells_by_algorithm,
    general_figures,
    training_figures,
)
from pytest_lambda_ml.analysis.figures_data import COLUMNS as FIGURE_COLUMNS
from pytest_lambda_ml.analysis.figures_files import check_drawing, inline_svg
from pytest_lambda_ml.analysis.recommend import recommend
from pytest_lambda_ml.analysis.recommend_samples import samples_of_run
from pytest_lambda_ml.analysis.recommend_text import assumptions, question_text
from pytest_lambda_ml.analysis.recommendation import Question
from pytest_lambda_ml.analysis.report_origin import facts_of, reproduction_of
from pytest_lambda_ml.analysis.report_parts import answer_of, honesty_of
from pytest_lambda_ml.analysis.wording import number
from pytest_lambda_ml.errors import RunStoreError
from pytest_lambda_ml.measure.pricing import load_prices

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from pytest_lambda_ml.analysis.comparison import Comparison
    from pytest_lambda_ml.analysis.figures import Figure
    from pytest_lambda_ml.analysis.load import Run

__all__ = ["BASELINE_COLUMNS", "COLUMNS", "render_report", "write_report"]

COLUMNS = (
    *FIGURE_COLUMNS,
    "status",
    "error_type",
    "handler_error_type",
    "handler_error_message",
)
"""What `load_run` has to read for a report."""

BASELINE_COLUMNS = (
    *COLUMNS,
    "gb_seconds",
    "gb_seconds_usd",
    "requests_usd",
    "max_memory_mb",
    "environment_id",
)
"""What it has to read of both runs for a report with a baseline."""

TEMPLATE = "report.html.j2"


@dataclass(frozen=True, slots=True)
class _Drawn:
    name: str
    title: str
    caption: str
    svg: str


def render_report(
    run: Run, *, question: Question | None = None, comparison: Comparison | None = None
) -> str:
    """The page. Raises `UnsupportedError` when what draws figures is not installed."""
    check_drawing()
    import jinja2
    from markupsafe import Markup

    asked = question or Question()
    table = load_prices()
    told = {each.algorithm: each for each in recommend(samples_of_run(run), asked, table.prices)}
    groups = cells_by_algorithm(run)
    architecture = run.cells[0].configuration.architecture if run.cells else "x86_64"

    def drawn(figures: Iterable[Figure]) -> list[_Drawn]:
        return [
            _Drawn(f.name, f.title, f.caption, Markup(inline_svg(f)))  # noqa: S704  # escaped there
            for f in figures
        ]

    templates = jinja2.Environment(
        loader=jinja2.PackageLoader("pytest_lambda_ml.analysis"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    changed, unchanged = sheets.comparison_sheets(comparison) if comparison else (None, None)
    command, origin = reproduction_of(run)
    return templates.get_template(TEMPLATE).render(
        run=run,
        asked=question_text(asked),
        requests=number(asked.traffic.requests_per_day, 0),
        assumptions=assumptions(asked),
        answers=[answer_of(each) for each in told.values()],
        comparison=comparison,
        changed=changed,
        unchanged=unchanged,
        strangers=[
            (what, sheets.by_algorithm(cells), len(cells))
            for what, cells in (
                ("new, without a baseline", comparison.new),
                ("in the baseline only", comparison.vanished),
            )
        ]
        if comparison
        else [],
        algorithms=[
            {
                "name": algorithm,
                "anchor": f"algorithm-{i}",
                "figures": drawn(algorithm_figures(algorithm, cells, told.get(algorithm))),
                "sheet": sheets.cell_sheet(algorithm, cells, told.get(algorithm)),
                "details": sheets.details_sheet(algorithm, cells),
            }
            for i, (algorithm, cells) in enumerate(groups.items(), start=1)
        ],
        trainings=[
            {
                "name": algorithm,
                "anchor": f"training-{i}",
                "figures": drawn(training_figures(algorithm, cells)),
                "sheet": sheets.training_sheet(algorithm, cells),
            }
            for i, (algorithm, cells) in enumerate(
                cells_by_algorithm(run, trainings=True).items(), start=1
            )
        ],
        general=drawn(general_figures(run, table.prices(run.region, architecture))),
        facts=facts_of(run),
        honesty=honesty_of(run, list(told.values())),
        trouble=sheets.trouble_of(run),
        bill=sheets.bill_of(run),
        command=command,
        origin=origin,
    )


def write_report(
    run: Run,
    path: Path,
    *,
    question: Question | None = None,
    comparison: Comparison | None = None,
) -> Path:
    """Write the page to ``path``, whole or not at all. Raises `RunStoreError` when it cannot be."""
    page = render_report(run, question=question, comparison=comparison)
    temporary = path.with_name(f".{path.name}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary.write_text(page, encoding="utf-8")
        temporary.replace(path)
    except OSError as error:
        with suppress(OSError):
            temporary.unlink()
        raise RunStoreError(
            f"the report {path} cannot be written: {error.strerror or error}"
        ) from error
    return path
