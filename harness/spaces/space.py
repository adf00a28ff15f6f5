"""What a space is: groups of choices, the notation of its architectures, its counts, and the way to its networks.

Nobody outside a space's own folder knows more of it than this. A space is three files, ``spaces/NAME/space.py`` (no
torch) with a class `SPACE`, ``encoding.py`` where the notation asks for it, and ``net.py`` with the networks;
`harness.spaces.registry` finds it by its folder.

**Vocabulary.** A *cell type* is a cell whose copies share their choices (NAS-Bench-201: ``cell``; DARTS: ``normal``
and ``reduce``). A cell has *edges*, numbered from 0; an edge leads from a *source* node to a *node*, numbered from 0,
inputs of the cell first, so that sources are smaller than nodes. On each edge stands one of several *options*, names of
`harness.spaces.operations`.

**Alpha, mixing, decided** are dictionaries by `Group.name`, in the order of `Space.groups`:

- ``mixing[group]``: Tensor [rows, options], the weight of each option of each row. Rows need not sum to 1, and may be
  all zeros. In a search with an auxiliary skip connection (`Space.supernet`) it is [rows, options + 1]: the last column
  is the weight of that connection.
- ``decided[group]``: integers [rows]. ``option >= 0``: the position of the one that a selection has chosen;
  ``UNDECIDED`` (-1): still mixed; ``LEFT_OUT`` (-2): the edge is not part of the architecture (its mixing weights are
  zeros), which only selections with a topology step say, and only of groups with `Group.keep`. Where a row takes
  several options (`Group.take`) it is the position in `Group.choices`, and the weights are 1 for all of these.

A step without an auxiliary connection (a measurement) gives [rows, options] to any supernet.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from math import prod
from typing import TYPE_CHECKING, Any, ClassVar, Literal, NamedTuple, Self

from pydantic import (
    Field,
    PositiveInt,
    SerializerFunctionWrapHandler,
    ValidationInfo,
    field_validator,
    model_serializer,
    model_validator,
)

from harness.config import Strict
from harness.part import Part
from harness.spaces.operations import Kind, of_kind

if TYPE_CHECKING:
    from harness.spaces.supernet import Network, Supernet

UNDECIDED, LEFT_OUT = -1, -2
Weights = Mapping[str, Sequence[Sequence[float]]]  # by group [rows, options]
Decided = Mapping[str, Sequence[int]]  # by group [rows]
Options = Mapping[str, Sequence[Sequence[str]]]  # by cell type, for every one of its edges


class Group(Strict):
    """A rectangle of choices: rows with equally many options, which share one alpha [rows, options].

    Edges with unequal numbers of options lie in several groups of one cell type.
    ``cell``: the cell type. Of every row: ``places``, the number of its edge in the cell; ``sources`` and ``nodes``,
    where the edge begins and ends; ``options``, the operations to choose from. ``keep``: how many edges into a
    node an architecture has at most; None: all.

    ``links``: the options are no operations but nodes to read from, of kind ``link`` (NAS-Bench-1Shot1); ``sources``
    then say the first of these. ``take``: how many options of a row an architecture has.
    """

    name: str
    cell: str
    places: tuple[int, ...]
    sources: tuple[int, ...]
    nodes: tuple[int, ...]
    options: tuple[tuple[str, ...], ...]
    keep: PositiveInt | None = None
    links: bool = False
    take: PositiveInt = 1

    @property
    def choices(self) -> tuple[tuple[int, ...], ...]:
        """Return what a row can be decided to be: the positions of its options, in the order of their numbers."""
        return tuple(combinations(range(self.shape[1]), self.take))

    @property
    def shape(self) -> tuple[int, int]:
        """Return (rows, options)."""
        return len(self.options), len(self.options[0])

    def of_kind(self, kind: Kind) -> list[tuple[int, ...]]:
        """Return, row by row, the positions of the options of a kind."""
        return [of_kind(kind, row) for row in self.options]

    @model_validator(mode="after")
    def _rectangular(self) -> Self:
        rows = len(self.options)
        if not rows or {len(self.places), len(self.sources), len(self.nodes)} != {rows}:
            raise ValueError(f"group {self.name!r} needs a place, a source and a node for each of its {rows} rows")
        if len({len(row) for row in self.options}) != 1 or not self.options[0]:
            raise ValueError(f"group {self.name!r} must have equally many options in every row")
        if self.take > self.shape[1]:
            raise ValueError(f"group {self.name!r} takes {self.take} options of {self.shape[1]}")
        return self

    @model_serializer(mode="wrap")
    def _without_what_most_lack(self, plain: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """Leave out links and take where there are none, so that records from before there were any stay equal."""
        found: dict[str, Any] = plain(self)
        return found if self.links else {key: found[key] for key in found if key not in ("links", "take")}


class Edge(NamedTuple):
    """One edge of an architecture."""

    source: int
    node: int
    operation: str


@dataclass(frozen=True)
class Size:
    """How large a stand-alone network is: ``cells`` and ``channels`` as its space counts them.

    ``stem``: see `stem_stride`. ``squeeze``: cells of the first two thirds end in squeeze-and-excitation.
    """

    cells: int
    channels: int
    stem: Literal["cifar", "imagenet"] = "cifar"
    squeeze: bool = False

    @property
    def stem_stride(self) -> int:
        """Return by what the stem divides the side of images."""
        return 1 if self.stem == "cifar" else 8


@dataclass(frozen=True)
class Counts:
    """Of a stand-alone network: trainable parameters (no auxiliary head) and multiply-adds of one image.

    Multiply-adds are those of convolutions and linear layers. ``elementwise``: what some papers add to them, 2 for
    every element that a batch norm gives and 1 for every element that a ReLU gives.
    """

    parameters: int
    multiplications: int
    elementwise: int


@dataclass(frozen=True)
class Work:
    """What one pass of one image through the supernet costs, all options mixed, for estimates of time.

    ``cells``: how many there are; ``elements``: of all nodes of all cells; ``multiplications``: of the forward pass.
    """

    cells: int
    elements: float
    multiplications: float


class Space(Part):
    """The settings of a supernet, and all that is known of its space.

    Fields are settings: they enter the ids of trials. ``name``, a literal of the class, is the folder's. Methods are
    pure; what builds networks imports torch inside.
    """

    standard: ClassVar[Size]  # of stand-alone networks on CIFAR, as published
    large: ClassVar[Size | None] = None  # and on ImageNet, where there are any
    telling: ClassVar[tuple[str, str]]  # the operation that wins in a collapse, and what it displaces

    name: str
    channels: PositiveInt = Field(description="of the supernet's first cell")
    cells: PositiveInt
    partial_channels: PositiveInt = Field(description="K: 1/K of the channels pass operations (PC-DARTS); 1: all")

    @classmethod
    def presets(cls) -> Mapping[str, Mapping[str, Any]]:
        """Return the published variants by name, each as its settings (all that the class needs); one is the class's.

        `harness.spaces.registry.published` builds them: "nb201"; "darts", "s1" to "s4".
        """
        raise NotImplementedError

    @property
    @abstractmethod
    def groups(self) -> tuple[Group, ...]:
        """Return the groups, cell type by cell type: stop rules and papers read the first one's cell type."""

    @abstractmethod
    def discretise(self, weights: Weights, decided: Decided) -> str:
        """Return the architecture: of decided rows what is decided, of the others what weighs most by the paper's rule.

        ``weights``: alpha's opinion (strengths, or raw alpha: any numbers) as nested lists, by which `UNDECIDED` rows
        are chosen. The rule is the
        space's: which options may win, which edges a node keeps (those that are `LEFT_OUT` never; where as many as it
        keeps are decided, these). Equal weights: the first option, the first edge.
        """

    @abstractmethod
    def operations(self, architecture: str) -> dict[str, tuple[Edge, ...]]:
        """Return the edges of an architecture by cell type, in the order of their nodes, then sources.

        Raises `HarnessError` that names the first wrong part of the text.
        """

    @abstractmethod
    def narrowed(self, options: Options, cells: int | None = None) -> Self:
        """Return the space with other options: for every cell type its edges' options, in the order of their places.

        ``cells``: the number of cells of the new supernet; None: as many. Raises `HarnessError` for options that the
        space does not know or cannot combine.
        """

    @abstractmethod
    def counts(self, architecture: str, size: Size, classes: int, image_size: int) -> Counts:
        """Count the stand-alone network's parameters, and its multiply-adds on one image, without building it."""

    @abstractmethod
    def work(self, image_size: int) -> Work:
        """Return what one image costs in the supernet."""

    @abstractmethod
    def supernet(self, classes: int, *, auxiliary: bool = False) -> Supernet:
        """Build the supernet, weights drawn from torch's global stream, on the host.

        ``auxiliary``: with an auxiliary skip connection beside the options of every edge, whose weight is the last
        column of mixing (DARTS-). Only called so where `carries_auxiliary`.
        """

    @property
    def option_count(self) -> int:
        """Return how many options there are in a cell of each type, together."""
        return sum(group.shape[0] * group.shape[1] for group in self.groups)

    @property
    def carries_auxiliary(self) -> bool:
        """Tell whether there is a supernet with auxiliary skip connections."""
        return False

    @property
    def drops_paths(self) -> bool:
        """Tell whether its stand-alone networks know drop-path, an auxiliary head and squeeze-and-excitation."""
        return False

    @property
    def drops_skips(self) -> bool:
        """Tell whether its supernet knows dropout on skip connections (`Supernet.skip_dropout`)."""
        return False

    @property
    def reads_alpha(self) -> bool:
        """Tell whether `discretise` asks for alpha itself instead of the mixing weights that stand for it."""
        return False

    def compiled(self, device: str) -> bool:
        """Tell whether its supernet computes by kernels of its own on a device here: they round otherwise."""
        return False

    def canonical(self, architecture: str) -> str:
        """Return a key that is equal for architectures of one and the same function; the text itself where unknown."""
        return architecture

    @abstractmethod
    def network(self, architecture: str, size: Size, classes: int) -> Network:
        """Build the stand-alone network, weights drawn from torch's global stream, on the host."""

    @property
    def cell_types(self) -> tuple[str, ...]:
        """Name the cell types in the order of the groups."""
        return tuple(dict.fromkeys(group.cell for group in self.groups))

    @property
    def edges(self) -> int:
        """Return how many edges the largest cell type has."""
        return max(len(self.rows(cell)) for cell in self.cell_types)

    @property
    def architectures(self) -> int:
        """Return how many architectures there are: where nodes keep some edges, those carry no `none`."""
        return prod(_choices(self.rows(cell)) for cell in self.cell_types)

    def rows(self, cell: str) -> list[tuple[Group, int]]:
        """List the choices of a cell type, by place: each a group and the number of a row in it."""
        found = [(group, row) for group in self.groups if group.cell == cell for row in range(len(group.places))]
        return sorted(found, key=lambda choice: choice[0].places[choice[1]])

    def entered(self, cell: str) -> dict[int, list[int]]:
        """Return the nodes that the edges of a cell type enter, in their order, each with where these begin."""
        found: dict[int, list[int]] = {}
        for group, row in self.rows(cell):
            found.setdefault(group.nodes[row], []).append(group.sources[row])
        return dict(sorted(found.items()))

    def names(self) -> tuple[str, ...]:
        """Name all options of all groups, each once, in the order of their first appearance."""
        return tuple(dict.fromkeys(name for group in self.groups for row in group.options for name in row))

    @model_validator(mode="after")
    def _each_once(self) -> Self:
        groups = self.groups
        edges = [(group.cell, place) for group in groups for place in group.places]
        if len({group.name for group in groups}) != len(groups) or len(set(edges)) != len(edges):
            raise ValueError("each group, and each edge of a cell, only once")
        return self

    @field_validator("partial_channels")
    @classmethod
    def _divides(cls, partial: int, info: ValidationInfo) -> int:
        channels = info.data.get("channels", partial)
        if channels % partial:
            raise ValueError(f"must divide the {channels} channels")
        return partial


def _choices(rows: Sequence[tuple[Group, int]]) -> int:
    """Count the ways to fill the edges of a cell type, node by node."""
    entering: dict[int, list[int]] = {}
    for group, row in rows:
        zeros = 0 if group.keep is None else len(group.of_kind("none")[row])
        entering.setdefault(group.nodes[row], []).append(len(group.choices) - zeros)
    keep = rows[0][0].keep
    kept = (combinations(widths, min(keep or len(widths), len(widths))) for widths in entering.values())
    return prod(sum(map(prod, choices)) for choices in kept)
