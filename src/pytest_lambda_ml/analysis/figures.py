"""Which figures a run has: the thesis' eleven and those beyond it, each with its words."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pytest_lambda_ml.analysis import figures_data as data
from pytest_lambda_ml.analysis.wording import cell_names

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from pytest_lambda_ml.analysis.load import Run, RunCell
    from pytest_lambda_ml.analysis.recommendation import Recommendation
    from pytest_lambda_ml.measure.pricing import Prices

__all__ = ["Figure", "algorithm_figures", "figures_of_run", "general_figures", "training_figures"]

MOST_ROWS = 40
"""Bars of one figure; of more cells the first so many are drawn, and the caption says so."""

WITHOUT_MEMORY = frozenset({"memory_mb"})
WITHOUT_BATCH = frozenset({"batch_size"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """One figure: a file name without ending, a title, what it shows, and its chart.

    ``measured`` says on what it rests: engines, invocations, execution environments.
    """

    name: str
    title: str
    caption: str
    chart: Any  # an Altair chart: Altair's classes have no common type that is public
    measured: str = ""


def figures_of_run(
    run: Run, recommendations: Sequence[Recommendation], prices: Prices
) -> Iterator[Figure]:
    """All figures of a run, the general ones first, made as they are asked for."""
    yield from general_figures(run, prices)
    told = {each.algorithm: each for each in recommendations}
    for algorithm, cells in cells_by_algorithm(run).items():
        yield from algorithm_figures(algorithm, cells, told.get(algorithm))
    for algorithm, cells in cells_by_algorithm(run, trainings=True).items():
        yield from training_figures(algorithm, cells)


def cells_by_algorithm(run: Run, *, trainings: bool = False) -> Mapping[str, list[RunCell]]:
    """The cells of each algorithm, in the grid's order: those of items, or the trainings."""
    groups: dict[str, list[RunCell]] = {}
    for cell in run.cells:
        if (cell.training is not None) is trainings:
            groups.setdefault(cell.configuration.algorithm, []).append(cell)
    return {algorithm: sorted(cells, key=_grid_order) for algorithm, cells in groups.items()}


def _grid_order(cell: RunCell) -> tuple[object, ...]:
    of = cell.configuration
    return of.engine != "reference", of.engine, of.batch_size, of.concurrency, of.memory_mb


def general_figures(run: Run, prices: Prices) -> Iterator[Figure]:
    """Figures 5.1 and 5.2: price and CPUs over memory."""
    from pytest_lambda_ml.analysis import figures_charts as charts

    sizes = {cell.configuration.memory_mb for cell in run.cells}
    yield Figure(
        name="price-per-memory",
        title="Price over memory",
        caption=f"List price of a billed millisecond in {prices.region}, {prices.architecture}.",
        chart=charts.price_chart(data.price_frame(prices, sizes)),
    )
    yield Figure(
        name="cpus-per-memory",
        title="CPUs over memory",
        caption="Lambda gives 1 vCPU at 1,769 MB and 6 at most; a function sees at least 2 cores, "
        "of which it gets its share.",
        chart=charts.cores_chart(data.cores_frame(sizes), data.seen_cores(run.cells)),
    )


def algorithm_figures(
    algorithm: str, cells: Sequence[RunCell], told: Recommendation | None
) -> Iterator[Figure]:
    """The figures of one algorithm; those for which it has no invocations are left out."""
    subject = _Subject(algorithm, cells, told)
    for make in (_performance, _pareto, _batch, _cold, _distribution, _requests):
        yield from make(subject)


class _Subject:
    """One algorithm: its cells, those shown over memory, and the recommendation."""

    def __init__(
        self, algorithm: str, cells: Sequence[RunCell], told: Recommendation | None
    ) -> None:
        self.name = algorithm
        self.slug = _slug(algorithm)
        self.cells = cells
        self.told = told
        self.taken = data.slice_cells(cells, told)

    @property
    def held(self) -> str:
        """What the shown cells have in common that the others have not."""
        return self.held_in(self.taken)

    def held_in(self, taken: Sequence[RunCell]) -> str:
        """The same of other cells."""
        said = []
        for field, words in (
            ("concurrency", "concurrency {}"),
            ("batch_size", "batch size {}"),
            ("memory_mb", "{:,} MB"),
            ("architecture", "{}"),
        ):
            values = {getattr(cell.configuration, field) for cell in taken}
            if len(values) == 1 < len({getattr(c.configuration, field) for c in self.cells}):
                said.append(words.format(values.pop()))
        return f"; {' and '.join(said)} only" if said else ""

    @staticmethod
    def measured(taken: Sequence[RunCell]) -> str:
        """On what a figure of these cells rests."""
        engines = list(dict.fromkeys(cell.configuration.engine for cell in taken))
        counts = (
            (sum(len(cell.invocations) for cell in taken), "invocation"),
            (sum(cell.figures.environments for cell in taken), "execution environment"),
        )
        said = " in ".join(f"{n:,} {it}{'' if n == 1 else 's'}" for n, it in counts)
        return f"Engine{'' if len(engines) == 1 else 's'} {', '.join(engines)}: {said}."

    @property
    def choice(self) -> RunCell:
        """The recommended cell; the first one where none is."""
        chosen = self.told.choice.configuration if self.told and self.told.choice else None
        found = (cell for cell in self.cells if cell.configuration == chosen)
        return next(found, self.cells[0])


def _performance(of: _Subject) -> Iterator[Figure]:
    from pytest_lambda_ml.analysis import figures_charts as charts

    frame = data.cell_frame(of.taken, but=WITHOUT_MEMORY)
    if len(frame):
        single = frame["series"].nunique() == 1
        spread = " (bars: 5th to 95th percentile of the duration)" if single else ""
        yield Figure(
            name=f"performance-{of.slug}",
            title=f"Performance and cost of {of.name}",
            caption=f"Mean billed time of warm invocations above{spread}, what a request costs "
            f"beneath{of.held}.",
            chart=charts.performance_chart(frame),
            measured=of.measured(of.taken),
        )


def _pareto(of: _Subject) -> Iterator[Figure]:
    from pytest_lambda_ml.analysis import figures_charts as charts

    if of.told and len(of.told.candidates) > 1:
        yield Figure(
            name=f"pareto-{of.slug}",
            title=f"Cost against p95 of {of.name}",
            caption="Each point is a cell; those on the line are beaten by none on cost and p95 "
            "together. Shapes are engines, where there are several.",
            chart=charts.pareto_chart(data.choice_frame(of.told)),
            measured=of.measured(of.cells),
        )


def _batch(of: _Subject) -> Iterator[Figure]:
    from pytest_lambda_ml.analysis import figures_charts as charts

    taken = data.slice_cells(data.of_several_batches(of.cells), of.told, data.OVER_BATCH)
    frame = data.cell_frame(taken, but=WITHOUT_BATCH)
    if len(frame):
        yield Figure(
            name=f"batch-{of.slug}",
            title=f"Cost per item of {of.name} over batch size",
            caption=f"What an item costs in warm invocations{of.held_in(taken)}.",
            chart=charts.batch_chart(frame),
            measured=of.measured(taken),
        )


def _cold(of: _Subject) -> Iterator[Figure]:
    from pytest_lambda_ml.analysis import figures_charts as charts

    frame = data.cold_frame(of.taken[:MOST_ROWS])
    if len(frame):
        yield Figure(
            name=f"cold-start-{of.slug}",
            title=f"Cold start of {of.name}",
            caption="Medians: the init duration (runtime and imports), the handler's "
            f"initialisation, and the first processing{of.held}{_cut(of.taken)}.",
            chart=charts.cold_chart(frame),
            measured=of.measured(of.taken[:MOST_ROWS]),
        )


def _distribution(of: _Subject) -> Iterator[Figure]:
    from pytest_lambda_ml.analysis import figures_charts as charts

    frame = data.cell_frame(of.cells[:MOST_ROWS])
    if len(frame):
        yield Figure(
            name=f"distribution-{of.slug}",
            title=f"Warm durations of {of.name}",
            caption="Line: 5th to 95th percentile, bar: the middle half, stroke: median, diamond: "
            f"mean{_cut(of.cells)}.",
            chart=charts.distribution_chart(frame),
            measured=of.measured(of.cells[:MOST_ROWS]),
        )


def _requests(of: _Subject) -> Iterator[Figure]:
    from pytest_lambda_ml.analysis import figures_charts as charts

    requests = data.requests_of(of.choice)
    if len(requests.frame):
        name = cell_names(each.configuration for each in of.cells)[of.choice.configuration]
        yield Figure(
            name=f"requests-{of.slug}",
            title=f"Each request of {of.name}, in {requests.environments:,} unique environments",
            caption=f"{name}: {requests.cold + requests.hot:,} requests, split into initialisation "
            "and processing.",
            chart=charts.requests_chart(requests),
            measured=of.measured([of.choice]),
        )


def training_figures(algorithm: str, cells: Sequence[RunCell]) -> Iterator[Figure]:
    """A figure for each kind of function that trained; ``cells`` are trainings."""
    from pytest_lambda_ml.analysis.figures_training import training_chart, training_frame

    of = _Subject(algorithm, cells, None)
    kinds = cell_names((cell.configuration for cell in cells), but=frozenset({"concurrency"}))
    several = len(set(kinds.values())) > 1
    for kind in dict.fromkeys(kinds.values()):
        taken = [cell for cell in cells if kinds[cell.configuration] == kind]
        memory_mb = taken[0].configuration.memory_mb
        yield Figure(
            name=_slug(f"training-{algorithm}" + (f"-{kind}" if several else "")),
            title=f"{algorithm}, {memory_mb:,} MB",
            caption="Accuracy on held-out rows, time, and cost in all. The critical path is the "
            "makespan of functions that all start at once.",
            chart=training_chart(training_frame(taken)),
            measured=of.measured(taken),
        )


def _cut(cells: Sequence[RunCell]) -> str:
    return f"; the first {MOST_ROWS} of {len(cells)} cells" if len(cells) > MOST_ROWS else ""


def _slug(text: str) -> str:
    """A name fit for a file."""
    return re.sub(r"[^A-Za-z0-9._-]+", "-", text).strip("-.") or "algorithm"
