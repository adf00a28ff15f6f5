"""Draw cells as graphs: nodes from left to right, an arrow per edge with the operation that it holds."""

from __future__ import annotations

import csv
import io
import math
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import matplotlib
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import FancyArrowPatch

from harness.report.style import INK, operation_style
from harness.report.svg import SETTINGS, as_svg
from harness.spaces.operations import operation
from harness.spaces.space import Edge

WIDTH, HEIGHT = 5.2, 2.5  # inches of a cell, the height at most
BOWS = 0.4  # inches of the height that bent arrows need
MARGIN = (0.42, 0.35)  # inches around the middles of nodes
ROW = 0.75  # inches between nodes of a column, at most
LABEL = (0.62, 0.15)  # inches that a label takes
CLEARANCE = 0.22  # inches between an arrow and a node that it passes
BEND = 0.14  # of an arrow's length, for each that runs beside others
BENDS = (0.0, 0.12, -0.12, 0.2, -0.2, 0.3, -0.3)
Point = tuple[float, float]


@dataclass(frozen=True)
class DrawnCell:
    """A cell of one type, by the edges of an architecture. Nodes that no edge enters are its inputs."""

    title: str
    edges: tuple[Edge, ...]

    @property
    def drawn(self) -> list[Edge]:
        """Return the edges without those that hold nothing."""
        return [edge for edge in self.edges if operation(edge.operation).kind != "none"]

    @property
    def inputs(self) -> dict[int, str]:
        """Name the inputs: the one, or the outputs of the cells before."""
        entered = {edge.node for edge in self.edges}
        nodes = range(min(entered))
        return {0: "input"} if len(nodes) == 1 else {node: f"k-{len(nodes) - node}" for node in nodes}


def cells_svgs(cells: Sequence[DrawnCell], name: str) -> list[tuple[str, str]]:
    """Return the title and the SVG element of each cell; ids begin with ``name``."""
    with matplotlib.rc_context(SETTINGS):
        return [(cell.title, _svg(cell, f"{name}-{index}")) for index, cell in enumerate(cells)]


def cells_csv(cells: Sequence[DrawnCell]) -> str:
    """Write the edges of the cells, one a line."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["cell", "source", "node", "operation"])
    writer.writerows([cell.title, *edge] for cell in cells for edge in cell.edges)
    return text.getvalue()


def places(cell: DrawnCell) -> dict[int, Point]:
    """Return x and y of every node: x is the longest path that leads there, nodes of equal x are one below the other.

    A node is at the mean height of those that it is fed by, or as near to it as the others of its column let it.
    """
    entering: dict[int, list[int]] = defaultdict(list)
    for edge in cell.drawn:
        entering[edge.node].append(edge.source)
    nodes = sorted({*cell.inputs, *(edge.node for edge in cell.edges)})
    x: dict[int, int] = {}
    for node in nodes:
        x[node] = 0 if node in cell.inputs else 1 + max((x[source] for source in entering[node]), default=0)
    heights: dict[int, float] = {}
    for column in sorted(set(x.values())):
        here = [node for node in nodes if x[node] == column]
        wanted = {n: sum(heights.get(s, 0.0) for s in entering[n]) / max(len(entering[n]), 1) for n in here}
        here.sort(key=lambda node: (-wanted[node], node))
        middle = sum(wanted.values()) / len(here)
        for row, node in enumerate(here):
            heights[node] = middle + (len(here) - 1) / 2 - row
    return {node: (float(x[node]), heights[node]) for node in nodes}


def _svg(cell: DrawnCell, name: str) -> str:
    heights = [y for _, y in places(cell).values()]
    height = min(HEIGHT, 2 * MARGIN[1] + ROW * max(1.0, max(heights) - min(heights)) + BOWS)
    figure = Figure(figsize=(WIDTH, height))
    _draw_cell(figure.add_axes((0, 0, 1, 1)), cell, height)
    edges = (f"{operation(edge.operation).label} from {edge.source} to {edge.node}" for edge in cell.drawn)
    return as_svg(figure, name, cell.title, f"A cell as a graph: {', '.join(edges) or 'no edge holds anything'}.")


def _draw_cell(ax: Axes, cell: DrawnCell, height: float) -> None:
    """Draw in inches, so that a bow is where it is computed to be."""
    ax.axis("off")
    ax.set_xlim(0, WIDTH)
    ax.set_ylim(0, height)
    at = _in_inches(places(cell), height)
    beside: Counter[tuple[int, int]] = Counter()
    labels: list[Point] = []
    for edge in cell.drawn:
        labels.append(_draw_edge(ax, at, edge, beside[edge.source, edge.node], labels))
        beside[edge.source, edge.node] += 1
    for node, (x, y) in at.items():
        label = cell.inputs.get(node, str(node))
        shape = "circle,pad=0.25" if len(label) == 1 else "round,pad=0.3"
        box = {"boxstyle": shape, "facecolor": "white", "edgecolor": INK, "linewidth": 1.0}
        ax.text(x, y, label, ha="center", va="center", fontsize=8, color=INK, bbox=box, zorder=4)


def _in_inches(at: Mapping[int, Point], height: float) -> dict[int, Point]:
    xs, ys = zip(*at.values(), strict=True)
    wide = (WIDTH - 2 * MARGIN[0]) / max(max(xs) - min(xs), 1.0)
    high = min((height - 2 * MARGIN[1]) / max(max(ys) - min(ys), 1.0), ROW)
    middle = (max(ys) + min(ys)) / 2
    return {n: (MARGIN[0] + wide * (x - min(xs)), height / 2 + high * (y - middle)) for n, (x, y) in at.items()}


def _draw_edge(ax: Axes, at: Mapping[int, Point], edge: Edge, beside: int, labels: Sequence[Point]) -> Point:
    """Draw an arrow and its label, whose place is returned; one that passes nodes, or is beside others, is bent."""
    start, end = at[edge.source], at[edge.node]
    bend = BEND * (-beside if beside % 2 else beside) if beside else _around(at, start, end)
    said, colour = operation_style(edge.operation)
    arrow = FancyArrowPatch(
        start, end, connectionstyle=f"arc3,rad={bend}", arrowstyle="-|>", mutation_scale=9, shrinkA=11, shrinkB=11,
        color=colour, linewidth=1.5, zorder=2,
    )  # fmt: skip
    ax.add_patch(arrow)
    spots = [_on_bow(start, end, bend, share) for share in (0.5, 0.66, 0.34, 0.58, 0.42, 0.74, 0.26)]
    spot = max(spots, key=lambda spot: min((_apart(spot, label) for label in labels), default=1.0))
    box = {"boxstyle": "round,pad=0.1", "facecolor": "white", "edgecolor": "none", "alpha": 0.85}
    ax.text(*spot, said, ha="center", va="center", fontsize=7.5, color=colour, bbox=box, zorder=3)
    return spot


def _around(at: Mapping[int, Point], start: Point, end: Point) -> float:
    """Return the bend that leads an arrow round the nodes in its way, 0 where there are none."""
    ways = [bend for bend in BENDS if all(_clear(start, end, bend, node) for node in at.values())]
    return ways[0] if ways else BENDS[-1]


def _clear(start: Point, end: Point, bend: float, node: Point) -> bool:
    if node in (start, end):
        return True
    return all(math.dist(_on_bow(start, end, bend, step / 20), node) > CLEARANCE for step in range(21))


def _on_bow(start: Point, end: Point, bend: float, share: float) -> Point:
    """Return a point of the quadratic curve that matplotlib's ``arc3`` is."""
    (x0, y0), (x1, y1) = start, end
    control = (x0 + x1) / 2 + bend * (y1 - y0), (y0 + y1) / 2 - bend * (x1 - x0)
    a, b, c = (1 - share) ** 2, 2 * share * (1 - share), share**2
    return a * x0 + b * control[0] + c * x1, a * y0 + b * control[1] + c * y1


def _apart(one: Point, other: Point) -> float:
    """Return how far labels are from covering each other; from 1 on they are apart."""
    return min(1.0, max(abs(one[0] - other[0]) / LABEL[0], abs(one[1] - other[1]) / LABEL[1]))
