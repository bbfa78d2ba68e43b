"""Figures as files and as parts of a page: SVG, PNG, PDF and interactive HTML, without a browser.

vl-convert carries Vega and its fonts, so nothing is loaded from the network.
"""

from __future__ import annotations

import html
import json
import re
import textwrap
from importlib import import_module
from typing import TYPE_CHECKING, Any

from pytest_lambda_ml.errors import RunStoreError, UnsupportedError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from pathlib import Path

    from pytest_lambda_ml.analysis.figures import Figure

__all__ = ["FORMATS", "check_drawing", "inline_svg", "write_figures"]

FORMATS = ("svg", "png", "pdf", "html")
BUNDLE = "vega.js"
PNG_SCALE = 2
LARGEST = 1.25
TITLE_LENGTH, SUBTITLE_LENGTH = 52, 74
"""Characters of a line that are about as long as a chart is wide."""

PALETTE = (
    "#2f7fc1",
    "#c8701a",
    "#2f9059",
    "#c2528b",
    "#7d68c9",
    "#85852f",
    "#1f9292",
    "#c4504a",
)
"""Each has a contrast of at least 3.5 to 1 on white and on the page's dark background."""

FONT = "Arial, Helvetica, 'Liberation Sans', sans-serif"
"""Fonts of one metric, which vl-convert knows: text takes the room that was reckoned with."""


def check_drawing() -> None:
    """Raise `UnsupportedError`, saying what to install, when figures cannot be drawn here."""
    for name in ("altair", "jinja2", "vl_convert"):
        try:
            import_module(name)
        except ImportError as error:
            raise UnsupportedError(
                f"figures and reports need {name}: pip install 'pytest-lambda-ml[report]'"
            ) from error


def _config(ink: str, font: str, background: str | None) -> dict[str, Any]:
    """A quiet theme in one ink; ``currentColor`` makes a figure follow the page's colour."""
    return {
        "background": background,
        "font": font,
        "view": {"stroke": None},
        "axis": {
            "labelColor": ink,
            "titleColor": ink,
            "titleFontWeight": "normal",
            "labelFontSize": 11,
            "titleFontSize": 11,
            "domainColor": ink,
            "domainOpacity": 0.4,
            "tickColor": ink,
            "tickOpacity": 0.4,
            "gridColor": ink,
            "gridOpacity": 0.12,
            "labelLimit": 320,
        },
        "axisX": {"grid": False, "tickCount": 5},
        "axisY": {"tickCount": 5},
        "legend": {
            "labelColor": ink,
            "labelFontSize": 11,
            "labelLimit": 320,
            "symbolType": "circle",
        },
        "title": {
            "color": ink,
            "fontWeight": "normal",
            "subtitleColor": ink,
            "subtitleFontSize": 11,
            "subtitleLineHeight": 15,
        },
        "text": {"color": ink},
        "mark": {"color": PALETTE[0]},
        "line": {"strokeWidth": 2},
        "range": {"category": list(PALETTE)},
    }


def specification(figure: Figure, *, ink: str, font: str, background: str | None) -> dict[str, Any]:
    """The figure's Vega-Lite specification in a theme."""
    spec: dict[str, Any] = figure.chart.to_dict()
    spec["config"] = _config(ink, font, background)
    return spec


def _standing_alone(figure: Figure, source: str) -> dict[str, Any]:
    """The specification of a figure that says itself what it shows, wherever it is taken."""
    spec = specification(figure, ink="#24292f", font=FONT, background="white")
    spec["padding"] = 12
    said = (figure.caption, figure.measured, source)
    spec["title"] = {
        "text": textwrap.wrap(figure.title, TITLE_LENGTH),
        "subtitle": [line for text in said for line in textwrap.wrap(text, SUBTITLE_LENGTH)],
        "anchor": "start",
        "fontSize": 14,
        "fontWeight": "bold",
        "subtitlePadding": 5,
        "offset": 14,
    }
    return spec


_MARK = re.compile(r'<path aria-label="([^"]*)"([^>]*)/>')
_SIZE = re.compile(r'^<svg ([^>]*?) width="([\d.]+)" height="([\d.]+)"')


def inline_svg(figure: Figure) -> str:
    """The figure as an SVG element for a page: it follows the page's colours and width.

    Marks carry their values as titles, which browsers show under the pointer and read aloud.
    """
    import vl_convert

    spec = specification(figure, ink="currentColor", font=FONT, background=None)
    svg: str = vl_convert.vegalite_to_svg(spec)
    svg = _MARK.sub(r'<path aria-label="\1"\2><title>\1</title></path>', svg)
    label = html.escape(figure.title, quote=True)
    return _SIZE.sub(_scaled(label), svg, count=1)


def _scaled(label: str) -> Callable[[re.Match[str]], str]:
    """As wide as there is room, but no text much larger than the page's."""

    def size(found: re.Match[str]) -> str:
        widest = float(found[2]) * LARGEST
        return f'<svg {found[1]} role="img" aria-label="{label}" style="max-width:{widest:.0f}px"'

    return size


def write_figures(figures: Iterable[Figure], folder: Path, kind: str, *, source: str) -> list[Path]:
    """Write each figure to ``folder`` as ``NAME.kind``; returns the paths.

    Each carries its title, what it shows, and ``source``: of which run it is.
    HTML files are interactive, and load Vega from the file beside them, which is written once. It
    is a plain script in a block of its own, because browsers load no modules from disk. Raises
    `RunStoreError` when a file cannot be written.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        written = [_write(figure, folder, kind, source) for figure in figures]
        if kind == "html":
            _write_bundle(folder)
    except OSError as error:
        raise RunStoreError(f"{folder} cannot be written: {error.strerror or error}") from error
    return written


def _write(figure: Figure, folder: Path, kind: str, source: str) -> Path:
    import vl_convert

    spec = _standing_alone(figure, source)
    path = folder / f"{figure.name}.{kind}"
    if kind == "svg":
        path.write_text(vl_convert.vegalite_to_svg(spec), encoding="utf-8")
    elif kind == "png":
        path.write_bytes(vl_convert.vegalite_to_png(spec, scale=PNG_SCALE))
    elif kind == "pdf":
        path.write_bytes(vl_convert.vegalite_to_pdf(spec))
    else:
        path.write_text(_page(figure, spec), encoding="utf-8")
    return path


def _write_bundle(folder: Path) -> None:
    import vl_convert

    (folder / BUNDLE).write_text(
        f"{{{vl_convert.javascript_bundle('window.vegaEmbed = vegaEmbed;')}}}", encoding="utf-8"
    )


_PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title>
<style>body{{font-family:{font};margin:2rem;color:#24292f}}</style>
</head>
<body>
<div id="figure"></div>
<script src="{bundle}"></script>
<script type="application/json" id="spec">{spec}</script>
<script>
window.vegaEmbed("#figure", JSON.parse(document.getElementById("spec").textContent), {{
  renderer: "svg",
  actions: {{export: true, source: false, editor: false, compiled: false}},
}});
</script>
</body>
</html>
"""


def _page(figure: Figure, spec: dict[str, Any]) -> str:
    return _PAGE.format(
        title=html.escape(figure.title),
        font=FONT,
        bundle=BUNDLE,
        spec=json.dumps(spec).replace("<", "\\u003c"),
    )
