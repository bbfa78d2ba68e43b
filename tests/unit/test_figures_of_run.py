"""Figures of a run: which there are, what they hold, and that each format is what it says."""

from __future__ import annotations

import json
import re
from pathlib import Path
from xml.etree import ElementTree

import pytest
from browser import open_page
from recommend_cells import result, store

from pytest_lambda_ml.analysis import figures_data as data
from pytest_lambda_ml.analysis.figures import Figure, algorithm_figures, figures_of_run
from pytest_lambda_ml.analysis.figures_files import inline_svg, write_figures
from pytest_lambda_ml.analysis.load import Run, load_run
from pytest_lambda_ml.analysis.recommend import recommend
from pytest_lambda_ml.analysis.recommend_samples import samples_of_run
from pytest_lambda_ml.analysis.recommendation import Question
from pytest_lambda_ml.analysis.wording import run_line
from pytest_lambda_ml.errors import RunStoreError
from pytest_lambda_ml.measure.pricing import load_prices


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    root = tmp_path_factory.mktemp("lambda-ml")
    grid = [
        result(
            warm_ms=[batch * 2048 / memory + i for i in range(8)],
            algorithm=algorithm,
            memory_mb=memory,
            batch_size=batch,
        )
        for algorithm in ("svm", "<k & means>")
        for memory in (512, 1024)
        for batch in (1, 10)
    ]
    store(root, grid)
    return load_run("latest", root, columns=data.COLUMNS)


def drawn(run: Run) -> dict[str, Figure]:
    table = load_prices()
    told = recommend(samples_of_run(run), Question(), table.prices, draws=200)
    return {f.name: f for f in figures_of_run(run, told, table.prices("us-east-1"))}


def test_the_figures_are_those_of_the_thesis_and_those_beyond(run: Run) -> None:
    kinds = ("performance", "pareto", "batch", "cold-start", "distribution", "requests")
    expected = {f"{kind}-{name}" for kind in kinds for name in ("svm", "k-means")}
    assert set(drawn(run)) == {"price-per-memory", "cpus-per-memory", *expected}


def test_a_run_of_one_batch_size_has_no_figure_over_batch_sizes(tmp_path: Path) -> None:
    store(tmp_path, [result(warm_ms=[1.0, 2.0])])
    assert "batch-svm" not in drawn(load_run("latest", tmp_path))


def test_what_has_one_batch_size_alone_is_no_line_over_batch_sizes(tmp_path: Path) -> None:
    store(
        tmp_path,
        [
            result(warm_ms=[5.0, 6.0, 7.0], memory_mb=512, batch_size=1),
            result(warm_ms=[9.0, 9.0, 9.0], memory_mb=512, batch_size=10),
            result(warm_ms=[4.0, 4.0, 5.0], memory_mb=1024, batch_size=10),
        ],
    )
    figure = drawn(load_run("latest", tmp_path))["batch-svm"]
    drawn_cells = json.dumps(figure.chart.to_dict())
    assert "512 MB, batch 10" in drawn_cells
    assert "1024 MB" not in drawn_cells
    assert figure.measured == "Engine reference: 10 invocations in 4 execution environments."


def test_prices_are_the_thesis_table_5_1(run: Run) -> None:
    frame = data.price_frame(load_prices().prices("us-east-1"), [256])
    price = dict(zip(frame["memory_mb"], frame["usd_per_million_ms"] / 1e6, strict=True))
    for memory, usd in {
        128: 0.0000000021,
        256: 0.0000000042,
        512: 0.0000000083,
        1024: 0.0000000167,
        3072: 0.0000000500,
        10240: 0.0000001667,
    }.items():
        assert round(price[memory], 10) == usd


def test_performance_has_the_cells_own_figures(run: Run) -> None:
    cells = [cell for cell in run.cells if cell.configuration.algorithm == "svm"]
    frame = data.cell_frame(cells, but=frozenset({"memory_mb"}))
    for row, cell in zip(frame.to_dict("records"), cells, strict=True):
        assert row["billed_ms"] == cell.figures.billed_ms_mean
        assert row["usd_per_million"] == cell.figures.cost_usd_per_million
        assert row["p50"] == pytest.approx(cell.figures.duration_ms_p50)
    assert set(frame["series"]) == {"batch 1", "batch 10"}


@pytest.mark.parametrize("at_import", [False, True])
def test_no_part_of_a_cold_start_is_counted_twice(tmp_path: Path, *, at_import: bool) -> None:
    store(tmp_path, [result(warm_ms=[5.0], cold_ms=[900.0, 900.0], at_import=at_import)])
    frame = data.cold_frame(load_run("latest", tmp_path).cells)
    assert frame["ms"].sum() == pytest.approx(900.0)


def test_requests_are_split_and_counted_with_their_environments(run: Run) -> None:
    cell = run.cells[0]
    requests = data.requests_of(cell)
    assert (requests.cold, requests.hot, requests.environments) == (2, 8, 2)
    parts = requests.frame.groupby("start")["part"].unique().map(set).to_dict()
    assert parts == {
        "cold": {"init duration", "initialisation", "processing"},
        "hot": {"processing"},
    }


def test_of_many_requests_a_sample_is_drawn_and_said_so(tmp_path: Path) -> None:
    store(tmp_path, [result(warm_ms=[1.0 + i / 1000 for i in range(1000)])])
    requests = data.requests_of(load_run("latest", tmp_path).cells[0])
    hot = requests.frame[requests.frame["start"] == "hot"]
    assert hot["request"].nunique() == data.REQUESTS_SHOWN
    assert {3, 1002} <= set(hot["request"])
    assert requests.hot == 1000
    assert requests.sampled


@pytest.mark.parametrize(
    ("kind", "magic"), [("svg", b"<svg"), ("png", b"\x89PNG"), ("pdf", b"%PDF")]
)
def test_each_format_is_what_it_says(run: Run, tmp_path: Path, kind: str, magic: bytes) -> None:
    figure = drawn(run)["performance-k-means"]
    (path,) = write_figures([figure], tmp_path, kind, source="Run a")
    assert path.name == f"performance-k-means.{kind}"
    assert path.read_bytes().startswith(magic)


def test_a_figure_out_of_its_folder_says_what_it_shows_and_of_which_run(
    run: Run, tmp_path: Path
) -> None:
    figures = drawn(run)
    said = {}
    for path in write_figures(figures.values(), tmp_path, "svg", source=run_line(run)):
        root = ElementTree.fromstring(path.read_text())
        texts = root.iter("{http://www.w3.org/2000/svg}text")
        said[path.stem] = " ".join(" ".join(each.itertext()) for each in texts)
    for name, figure in figures.items():
        assert figure.title in said[name]
        assert "Run feedc0de, 2026-01-02 02:46 UTC, local endpoint" in said[name]
    # Four cells of an algorithm, each with eight warm and two cold invocations.
    assert "Engine reference: 40 invocations in 8 execution environments." in said["pareto-svm"]
    assert "Each request of svm, in 2 unique environments" in said["requests-svm"]


def test_a_folder_that_cannot_be_made_is_named(run: Run, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(RunStoreError, match=r"file/figures cannot be written: Not a directory"):
        write_figures(drawn(run).values(), tmp_path / "file" / "figures", "svg", source="Run a")


def test_an_interactive_page_escapes_names_and_needs_no_network(run: Run, tmp_path: Path) -> None:
    figure = drawn(run)["performance-k-means"]
    (path,) = write_figures([figure], tmp_path, "html", source="Run a")
    page = path.read_text()
    assert page.startswith("<!doctype html>")
    assert "<k & means>" not in page
    assert not re.search(r'(src|href)="(https?:)?//', page)
    spec = re.search(r'id="spec">(.*?)</script>', page, re.DOTALL)
    assert spec is not None
    assert "vconcat" in json.loads(spec[1])
    assert (tmp_path / "vega.js").stat().st_size > 500_000
    seen = open_page(path, tmp_path / "profile", "--dump-dom")
    assert seen.count('aria-roledescription="point"') == 8


def test_an_inlined_figure_is_one_element_in_the_pages_ink_with_titles(run: Run) -> None:
    svg = inline_svg(drawn(run)["pareto-k-means"])
    root = ElementTree.fromstring(svg)  # well-formed, whatever the algorithm is called
    assert root.attrib["role"] == "img"
    assert root.attrib["aria-label"] == "Cost against p95 of <k & means>"
    titles = [e.text or "" for e in root.iter("{http://www.w3.org/2000/svg}title")]
    assert sum("cell: 512 MB" in text for text in titles) == 2
    assert "currentColor" in svg
    assert "#24292f" not in svg


def test_of_many_series_over_batch_size_those_of_one_memory_size_are_drawn(tmp_path: Path) -> None:
    """Three engines at three memory sizes are nine lines: too many to be told apart."""
    cells = [
        result(
            warm_ms=[speed * batch * 2048 / memory + i for i in range(8)],
            engine=engine,
            memory_mb=memory,
            batch_size=batch,
        )
        for engine, speed in (("reference", 20), ("fast", 1), ("fast-exact", 3))
        for memory in (512, 1024, 2048)
        for batch in (1, 10)
    ]
    store(tmp_path, cells)
    run = load_run("latest", tmp_path)
    (told,) = recommend(samples_of_run(run), Question(), load_prices().prices)
    figures = {each.name: each for each in algorithm_figures("svm", run.cells, told)}
    taken = data.slice_cells(run.cells, told, data.OVER_BATCH)
    frame = data.cell_frame(taken, but=frozenset({"batch_size"}))
    assert told.choice is not None
    assert set(frame["memory_mb"]) == {told.choice.configuration.memory_mb}
    assert frame["series"].nunique() == 3
    assert f"{told.choice.configuration.memory_mb:,} MB only" in figures["batch-svm"].caption
    assert set(data.choice_frame(told)["engine"]) == {
        "engine reference",
        "engine fast",
        "engine fast-exact",
    }
    assert '"engine fast-exact"' in json.dumps(figures["pareto-svm"].chart.to_dict())
