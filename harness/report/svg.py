"""From a drawn figure to an SVG element of a page, or to a picture: small, described, in the page's colours."""

from __future__ import annotations

import io
import re
import zlib
from typing import Any

from markupsafe import escape
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure

from harness.report.style import BEHIND, FAINT, INK, MORE, PALETTE

SHARED = "behind"  # id of the grey lines
GRID = "fill: none; stroke: var\\(--grid\\); stroke-width: 0.6; stroke-linecap: square"
OFTEN = {  # looks of means and of single seeds, by class
    "l": "stroke-width: 1.8; stroke-linecap: square",
    "s": "stroke-opacity: 0.4; stroke-width: 0.6",
}
SETTINGS: Any = {
    "text.parse_math": False,  # a name may hold a dollar sign
    "svg.fonttype": "none",  # text stays text: small, searchable, in the page's colour
    "svg.hashsalt": "harness",  # ids do not change from one run to the next
    "font.family": "sans-serif",
    "font.size": 9.0,
    "axes.titlesize": 9.0,
    "axes.edgecolor": INK,
    "axes.labelcolor": INK,
    "axes.linewidth": 0.7,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "grid.color": FAINT,
    "grid.linewidth": 0.6,
    "text.color": INK,
    "xtick.color": INK,
    "ytick.color": INK,
    "xtick.major.size": 0.0,  # the grid says where values are
    "ytick.major.size": 0.0,
    "xtick.labelsize": 8.0,
    "ytick.labelsize": 8.0,
    "legend.frameon": False,
}


def as_svg(figure: Figure, name: str, title: str, description: str) -> str:
    """Write a drawn figure as an SVG element with title and description; ids begin with ``name``."""
    FigureCanvasSVG(figure)
    stream = io.StringIO()
    figure.savefig(stream, format="svg", transparent=True, metadata={"Date": None, "Creator": None})
    short = shortened(name)
    svg = _lean(stream.getvalue(), short)
    for colour, value in (PALETTE | MORE).items():
        svg = svg.replace(value, f"var(--{colour})")  # the page brightens them on dark paper
    said = f'<title id="{short}-t">{escape(drawable(title))}</title>'
    said += f'<desc id="{short}-d">{escape(drawable(description))}</desc>'
    opening, end, rest = svg.partition(">")
    return f'{opening} role="img" aria-labelledby="{short}-t {short}-d"{end}{said}{rest}'


def shortened(name: str) -> str:
    """Return a short stand-in for a name, for ids that are written often."""
    return f"f{zlib.crc32(name.encode()):08x}"


def _lean(svg: str, name: str) -> str:
    """Leave out what a page has no use for: fonts, unused ids, blanks; a tenth of a point is precise enough.

    What is written often becomes a class of the page's style sheet.
    """
    svg = re.sub(r"<metadata>.*?</metadata>|<style.*?</style>", "", svg[svg.index("<svg") :], flags=re.DOTALL)
    svg = re.sub(r"font-family: [^;\"]*;? ?| transform=\"rotate\(-0 [^\"]*\"", "", svg)
    svg = re.sub(r"\b(d|x|y)=\"[^\"]*\"", lambda found: re.sub(r"(\.\d)\d+", r"\1", found[0]), svg)
    svg = (
        re.sub(r"\s*\n\s*", " ", svg)
        .replace(INK, "currentColor")
        .replace(FAINT, "var(--grid)")
        .replace(BEHIND, "var(--behind)")
    )
    svg = re.sub(rf' clip-path="[^"]*" style="{GRID}"', ' class="g"', svg)
    for letter, anchor in (("m", "middle"), ("e", "end")):
        svg = svg.replace(f'style="font-size: 8px; text-anchor: {anchor}; fill: currentColor"', f'class="{letter}"')
    for letter, look in OFTEN.items():
        svg = re.sub(rf'style="fill: none; stroke: (#\w+); {look}"', rf'class="{letter}" style="stroke: \1"', svg)
    used = {SHARED, *re.findall(r"#([^\")]+)[\")]", svg)}
    svg = re.sub(r" id=\"([^\"]*)\"", lambda found: found[0] if found[1] in used else "", svg)
    svg = re.sub(r"\b(id=\"|xlink:href=\"#|url\(#)", rf"\g<1>{name}-", svg)
    svg = re.sub(r"(?<=[\d\"]) ?([MLz]) (?=[\d\"]|-\d)", r"\1", svg)
    svg = re.sub(r"> +<", "><", svg).replace("<defs></defs>", "")
    return re.sub(r'<path d="[^"]*" style="fill: none"/>', "", _ungrouped(svg))


def _ungrouped(svg: str) -> str:
    """Leave out groups that have no attribute."""
    kept, stay = list[str](), list[bool]()
    for part in re.split(r"(<g(?: [^>]*)?>|</g>)", svg.replace("<g/>", "")):
        if part.startswith("<g"):
            stay.append(part != "<g>")
        keep = stay.pop() if part == "</g>" else part != "<g>"
        kept += [part] if keep else []
    return "".join(kept)


def as_png(figure: Figure, dots_per_inch: int) -> bytes:
    """Write a drawn figure as a picture on white."""
    FigureCanvasAgg(figure)
    stream = io.BytesIO()
    figure.savefig(stream, format="png", dpi=dots_per_inch, metadata={"Software": None})
    return stream.getvalue()


def drawable(text: str) -> str:
    """Replace control characters, which SVG cannot hold."""
    return "".join(letter if letter.isprintable() else " " for letter in text)
