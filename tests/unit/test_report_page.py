"""The report: what it says, that it is safe and self-contained, and that a browser draws it."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import pytest
from browser import open_page
from recommend_cells import result, store

from pytest_lambda_ml.analysis.compare import compare_runs
from pytest_lambda_ml.analysis.load import load_run
from pytest_lambda_ml.analysis.report import render_report, write_report
from pytest_lambda_ml.analysis.report_origin import reproduction_of
from pytest_lambda_ml.campaign.result import CellResult
from pytest_lambda_ml.errors import RunStoreError

ATTACK = "<script>alert(1)</script><img src=x onerror=alert(2)>"
VOID = {"meta", "br", "img", "link", "hr", "input"}


class Page(HTMLParser):
    """The elements of a page, with a check that tags nest."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self._open: list[str] = []
        self.feed(text)
        assert self._open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        if tag not in VOID:
            self._open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop() == tag

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.elements if name == tag]


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> str:
    root = tmp_path_factory.mktemp("lambda-ml")
    store(
        root,
        [
            result(warm_ms=[50.0 + i for i in range(10)], memory_mb=512),
            result(
                warm_ms=[15.0 + i for i in range(10)],
                memory_mb=1024,
                notes=("3 of 4 invocations ran at one time",),
            ),
            result(warm_ms=[40.0] * 9, algorithm=ATTACK),
            result(warm_ms=[], cold_ms=[], algorithm="pca", failed=[ATTACK, ATTACK, "other"]),
        ],
    )
    return render_report(load_run("latest", root))


def test_the_answer_stands_first_with_its_probability(page: str) -> None:
    text = re.sub(r"<style>.*?</style>|<svg.*?</svg>", "", page, flags=re.DOTALL)
    assert text.index("1024 MB") < text.index("Performance and cost")
    assert re.search(r"<dd>&gt; 99 %</dd>", text)
    assert "lowest cost" in text
    assert "Rule of thumb" in text


def test_what_was_not_honest_and_what_failed_is_said(page: str) -> None:
    assert "3 of 4 invocations ran at one time" in page
    assert "not a bill" in page
    assert "pca-reference-512-2-10 is not considered: nothing succeeded (failed)." in page


def test_it_says_how_to_measure_again(page: str) -> None:
    assert "pytest benchmarks/ --lambda-memory 512,1024" in page
    assert "0123abcd with changes" in page


def test_measuring_again_names_the_tests_that_were_asked_for(tmp_path: Path) -> None:
    store(tmp_path, [result(warm_ms=[80.0] * 9)])
    run = load_run("latest", tmp_path)
    asked = ["tests/test_svm.py::test_cost", "-k", "svm and 512"]
    command, _ = reproduction_of(replace(run, stored={**run.stored, "tests": asked}))
    assert command.startswith("pytest tests/test_svm.py::test_cost -k 'svm and 512' --lambda-mem")


def test_text_of_handlers_and_names_is_escaped(page: str) -> None:
    found = Page(page)
    assert found.all("script") == []
    assert found.all("img") == []
    assert not any(name.startswith("on") for _, attrs in found.elements for name in attrs)
    assert "&lt;script&gt;alert(1)" in page


def test_it_needs_nothing_from_the_network(page: str) -> None:
    found = Page(page)
    links = [attrs.get(key) or "" for _, attrs in found.elements for key in ("src", "href")]
    assert all(not link or link.startswith("#") for link in links)
    assert found.all("link") == []
    assert "@import" not in page
    assert not re.search(r"url\((?!#)", page)
    assert "default-src 'none'" in page


def test_it_can_be_used_by_keyboard_and_by_ear(page: str) -> None:
    found = Page(page)
    targets = {attrs["id"] for _, attrs in found.elements if attrs.get("id")}
    anchors = [str(attrs["href"]) for attrs in found.all("a")]
    assert anchors
    assert {anchor.removeprefix("#") for anchor in anchors} <= targets
    ids = [attrs["id"] for _, attrs in found.elements if attrs.get("id")]
    assert len(ids) == len(set(ids))
    scrolling = [a for _, a in found.elements if a.get("class") == "scroll" and "role" in a]
    assert scrolling
    assert all(attrs.get("tabindex") == "0" and attrs.get("aria-label") for attrs in scrolling)
    assert all(attrs.get("role") == "img" and attrs.get("aria-label") for attrs in found.all("svg"))
    assert found.all("html")[0]["lang"] == "en"
    assert all(attrs.get("scope") for attrs in found.all("th"))


def test_a_baseline_leads_with_what_changed(tmp_path: Path) -> None:
    slower, faster = [100.0 + i for i in range(30)], [50.0 + i / 2 for i in range(30)]
    old = store(tmp_path / "old", [result(warm_ms=faster)], run_id="0000aaaa")
    new = store(tmp_path / "new", [result(warm_ms=slower)], run_id="0000bbbb")
    runs = [load_run(folder, tmp_path) for folder in (old, new)]
    page = render_report(runs[1], comparison=compare_runs(*runs))
    assert "Changed since run 0000aaaa" in page
    assert page.index("regressed</td>") < page.index("Unchanged, or not")
    changed = page[: page.index("Unchanged, or not")]
    assert ">63.8 ms</td>" in changed, "a value has its unit"
    assert re.search(r">\$[0-9.]+/M</td>", changed)


def test_cells_that_one_run_alone_has_are_folded_by_algorithm(tmp_path: Path) -> None:
    common, more = [result(warm_ms=[50.0] * 9)], [512, 1024, 2048]
    old = [result(warm_ms=[9.0] * 9, algorithm="pca", memory_mb=mb) for mb in more]
    new = [
        result(warm_ms=[9.0] * 9, algorithm=name, memory_mb=mb, engine="fast-exact")
        for mb in more
        for name in ("k-means", "svm")
    ]
    folders = (
        store(tmp_path / "old", [*common, *old], run_id="0000aaaa"),
        store(tmp_path / "new", [*common, *new], run_id="0000bbbb"),
    )
    runs = [load_run(folder, tmp_path) for folder in folders]
    page = render_report(runs[1], comparison=compare_runs(*runs))
    folds = {
        summary: re.findall(r"<d([td])>(.*?)</d", names)
        for summary, names in re.findall(
            r"<details><summary>(\d+ cells .*?)</summary>\s*<dl[^>]*>(.*?)</dl>", page, re.DOTALL
        )
    }
    assert folds == {
        "6 cells new, without a baseline": [
            ("t", "k-means"),
            *(("d", f"k-means-fast-exact-{mb}-2-10") for mb in more),
            ("t", "svm"),
            *(("d", f"svm-fast-exact-{mb}-2-10") for mb in more),
        ],
        "3 cells in the baseline only": [
            ("t", "pca"),
            *(("d", f"pca-reference-{mb}-2-10") for mb in more),
        ],
    }


def test_what_decides_comes_first_and_the_rest_is_folded(page: str) -> None:
    table = page[page.index("<caption>All cells of svm") :]
    shown, folded = table.split("<details>", 1)
    headings = re.findall(r"<th scope=\"col\"[^>]*>(.*?)</th>", shown)
    assert headings == [
        "cell",
        "$ per million requests",
        "$ per 1,000 items",
        "P(best)",
        "warm p50 ms",
        "warm p95 ms",
        "cold start p50 ms",
    ]
    assert re.search(
        r"<tr role=\"row\" class=\"marked\"><th[^>]*>1024 MB <small>recommended", shown
    )
    assert "max memory MB</th>" in folded


def test_a_cell_that_did_not_succeed_whole_says_so_beside_its_cost(page: str) -> None:
    table = page[page.index("<caption>All cells of pca") :]
    assert ">0 of 3</td>" in table[: table.index("<details>")]


def test_a_partial_run_and_a_run_without_cells_are_reported_too(tmp_path: Path) -> None:
    store(tmp_path / "a", [result(warm_ms=[1.0, 2.0])], partial=True)
    assert "Partial run" in render_report(load_run("latest", tmp_path / "a"))
    store(tmp_path / "b", [])
    assert "No cell was measured" in render_report(load_run("latest", tmp_path / "b"))


def test_a_report_that_cannot_be_written_says_so_and_leaves_nothing(tmp_path: Path) -> None:
    store(tmp_path, [])
    (tmp_path / "file").write_text("")
    with pytest.raises(RunStoreError, match="cannot be written"):
        write_report(load_run("latest", tmp_path), tmp_path / "file" / "r.html")
    assert (tmp_path / "file").read_text() == ""


MEASURE = """
<script>
addEventListener("load", () => {
  const seen = [...document.querySelectorAll("figure svg")].map(svg => {
    const box = svg.getBoundingClientRect();
    const marks = [...svg.querySelectorAll("[role=graphics-symbol], [role=graphics-object] path")]
      .filter(mark => { const b = mark.getBoundingClientRect(); return b.width + b.height > 0; });
    return {figure: svg.closest("figure").id, width: box.width, height: box.height,
            marks: marks.length, ink: getComputedStyle(svg.querySelector("text")).fill};
  });
  const tables = [...document.querySelectorAll(".scroll[role]")]
    .filter(box => box.clientWidth)
    .map(box => ({name: box.ariaLabel, hidden: box.scrollWidth - box.clientWidth}));
  const wide = document.documentElement.scrollWidth > document.documentElement.clientWidth;
  document.body.innerHTML = "<pre id=seen></pre>";
  document.getElementById("seen").textContent = JSON.stringify(
    {figures: seen, tables: tables, wide: wide, width: innerWidth,
     dark: matchMedia("(prefers-color-scheme: dark)").matches});
});
</script>
"""


@pytest.mark.parametrize("dark", [False, True])
def test_a_browser_draws_every_figure_in_light_and_dark(
    page: str, tmp_path: Path, *, dark: bool
) -> None:
    seen = looked_at(page, tmp_path, dark=dark, width=1280)
    assert seen["dark"] is dark
    assert len(seen["figures"]) == page.count("<figure")
    for figure in seen["figures"]:
        assert figure["width"] > 200, figure
        assert figure["height"] > 60, figure
        assert figure["marks"] >= 2, figure
        assert figure["ink"] == ("rgb(228, 232, 237)" if dark else "rgb(31, 35, 40)")


def test_nothing_sticks_out_on_a_phone(page: str, tmp_path: Path) -> None:
    """A frame of a phone's width, because no browser window is as narrow."""
    seen = looked_at(page, tmp_path, dark=False, width=375)
    assert seen["width"] == 375
    assert not seen["wide"]
    assert all(figure["width"] <= 375 for figure in seen["figures"])


@pytest.mark.parametrize("width", [390, 1100])
def test_no_column_is_hidden_on_a_phone_or_a_small_window(tmp_path: Path, width: int) -> None:
    """The widest tables: long names, quality in words, and verdicts that say what else to do."""
    names = {"algorithm": "logistic-regression", "engine": "fast-exact", "memory_mb": 10240}
    runs = []
    for run_id, ms in (("0000aaaa", 1000.0), ("0000bbbb", 2500.0)):
        cells = [
            result(warm_ms=[ms + 99.0 * i for i in range(20)], batch_size=batch, **names)
            for batch in (100, 1000)
        ]
        cells = [with_quality(cell) for cell in cells]
        folder = store(tmp_path / run_id, cells, run_id=run_id)
        runs.append(load_run(folder, tmp_path))
    page = render_report(runs[1], comparison=compare_runs(*runs)).replace(
        "<details", "<details open"
    )
    tables = looked_at(page, tmp_path, dark=False, width=width)["tables"]
    assert len(tables) == 5
    assert [each for each in tables if each["hidden"] > 0] == []


def with_quality(cell: CellResult) -> CellResult:
    quality = {"cosine": 0.99612, "nearest_neighbour_agreement": 0.91234}
    return replace(cell, figures=replace(cell.figures, quality=quality))


def looked_at(page: str, folder: Path, *, dark: bool, width: int) -> dict:
    """Sizes of what is drawn. The script that looks is let in past the page's own policy."""
    looking = re.sub(r"<meta http-equiv=[^>]*>", "", page).replace("</body>", f"{MEASURE}</body>")
    frame = folder / "frame.html"
    frame.write_text(
        f"<body><iframe id=f width={width} height=900 style='border:0'></iframe><script>"
        "const frame = document.getElementById('f');"
        f"frame.srcdoc = {json.dumps(looking).replace('</', '<' + chr(92) + '/')};"
        "frame.onload = () => setTimeout(() => { document.body.innerHTML = '<pre>' + "
        "frame.contentDocument.getElementById('seen').innerHTML + '</pre>'; }, 500);"
        "</script>",
        encoding="utf-8",
    )
    scheme = f"--blink-settings=preferredColorScheme={0 if dark else 1}"
    said = open_page(frame, folder / "profile", "--dump-dom", "--window-size=1400,1000", scheme)
    found = re.search(r"<pre>(\{.*\})</pre>", said, re.DOTALL)
    assert found, said[-500:]
    return json.loads(found[1].replace("&amp;", "&").replace("&lt;", "<").replace("&gt;", ">"))
