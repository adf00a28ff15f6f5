"""The papers' figures as a suite declares them: panels that name their kind, rows and what they show of them."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal, Self

from pydantic import Field, NonNegativeInt, model_validator

from harness.config import Strict
from harness.methods.spec import SearchSpec
from harness.methods.stops import DominantEigenvalue
from harness.suite.scale import number_at

Rows = Annotated[list[str], Field(min_length=1)]
OneRow = Annotated[list[str], Field(min_length=1, max_length=1)]
Since = Literal["architecture_warmup", "search_epochs"]  # keys of `search_number`: epochs are counted from there


class _Panel(Strict):
    title: str


class AccuracyPanel(_Panel):
    """What a column measures of the discretised architecture, by epoch; one line per row.

    ``best``: an accuracy of the space that somebody states, percent; what is shown then is how far below it lines are.
    """

    kind: Literal["accuracy"]
    rows: Rows
    column: str
    since: Since | None = None
    best: float | None = Field(default=None, ge=0, le=100)


class MagnitudePanel(_Panel):
    """Operation magnitudes (Delve, Eq. 11) of a row, by epoch."""

    kind: Literal["magnitude"]
    rows: OneRow


class EdgeWeightsPanel(_Panel):
    """Mixing weights of a row, by epoch: one set of axes per edge."""

    kind: Literal["edge-weights"]
    rows: OneRow


class EntropyPanel(_Panel):
    """Sum of the edges' entropies (SP-DARTS, Eq. 21), by epoch; one line per row."""

    kind: Literal["entropy"]
    rows: Rows


class DiagnosticPanel(_Panel):
    """A measurement beside the search, by epoch; one line per row."""

    kind: Literal["diagnostic"]
    of: Literal["eigenvalue", "supernet-accuracy", "discretised-accuracy"]
    rows: Rows
    since: Since | None = None


class GradientsPanel(_Panel):
    """Gradients of the loss by the mixing weights of one cell, by epoch: axes per edge, a line per operation."""

    kind: Literal["gradients"]
    of: ClassVar[str] = "operation-gradients"
    rows: OneRow
    cell: Literal["first", "middle", "last"]
    edges: Annotated[list[Literal["1<-0", "2<-0", "2<-1", "3<-0", "3<-1", "3<-2"]], Field(min_length=1)]


class CorrelationPanel(_Panel):
    """Gradient correlations at the nodes of one cell, by epoch: a colour per node, dashes per row."""

    kind: Literal["correlation"]
    of: ClassVar[str] = "gradient-correlation"
    rows: Rows
    cell: Literal["first", "middle", "last"]


class StrengthPanel(_Panel):
    """Alpha and the strength of every operation, as bars: a set of axes per edge that was measured of a row.

    ``seed``: of the supernet, null for all.
    """

    kind: Literal["strength"]
    rows: OneRow
    seed: NonNegativeInt | None = None


class StrongestPanel(_Panel):
    """The best operation by alpha and the strongest, on every edge that was measured of the supernet of a seed."""

    kind: Literal["strongest"]
    rows: OneRow
    seed: NonNegativeInt


class AgreementPanel(_Panel):
    """Kendall's tau of criteria with strength: mean over the edges with its interval, and every edge.

    A set of axes per row. ``table``: the mean accuracy of all architectures that have the operation there.
    """

    kind: Literal["agreement"]
    rows: Rows
    by: Annotated[list[Literal["alpha", "perturbation", "table"]], Field(min_length=1)]


class EigenvaluePanel(_Panel):
    """What a column measures of the discretised architecture, and the dominant eigenvalue on a second axis."""

    kind: Literal["eigenvalue"]
    of: ClassVar[str] = "eigenvalue"
    rows: OneRow
    column: str


class SweepPanel(_Panel):
    """What columns measure of the found architectures over a number of their searches; one line per method.

    Every column has its own set of axes. ``by_epoch``: rows that are drawn by epoch beside them, where that is what
    ``over`` counts.
    """

    kind: Literal["sweep"]
    over: str = Field(description="key path of `search_number`")
    x_label: str
    rows: Rows
    by_epoch: list[str] = Field(default_factory=list)
    columns: Annotated[list[str], Field(min_length=1)]


class PairsPanel(_Panel):
    """Correlations of what two operations of an edge give, after the search: the others above each one."""

    kind: Literal["pairs"]
    of: ClassVar[str] = "operation-correlation"
    rows: OneRow


class SpreadPanel(_Panel):
    """What a column measures of every run of a row: a place per row, a point per run."""

    kind: Literal["spread"]
    rows: Rows
    column: str


class ExchangesPanel(_Panel):
    """Accuracy of what was found with each operation on the first edge, by its mixing weight; a colour an operation.

    Of a row that trains ``each-exchange``; a point per search.
    """

    kind: Literal["exchanges"]
    rows: OneRow


class TheoryPanel(_Panel):
    """A figure of the theory layer, which needs no records."""

    kind: Literal["theory"]
    figure: Literal["theorem-4.3-steps", "delve-recovery", "sp-darts-saturation"]
    rows: ClassVar[tuple[str, ...]] = ()


class MajorityPanel(_Panel):
    """The table's accuracies where one operation holds more than half of the edges; needs the table and no records."""

    kind: Literal["majority"]
    rows: ClassVar[tuple[str, ...]] = ()


class CellPanel(_Panel):
    """The cells of an architecture as graphs: what one seed of a row found, or a ``published`` cell by its name.

    ``cell``: the cell type, null for all.
    """

    kind: Literal["cell"]
    rows: Annotated[list[str], Field(max_length=1)] = Field(default_factory=list)
    seed: NonNegativeInt = 0
    published: str | None = None
    cell: str | None = None

    @model_validator(mode="after")
    def _of_one_architecture(self) -> Self:
        if (self.published is None) != bool(self.rows):
            raise ValueError("needs either a row or a 'published' cell")
        return self


class ReplayedPanel(_Panel):
    """What the authors of RobustDARTS logged of their own searches, which needs no records.

    ``show``: eigenvalues or skip connections by epoch, a line per decay of the weights; or what a ``rule`` would have
    made of them. ``space``: of S1 to S4, null for all.
    """

    kind: Literal["replayed"]
    show: Literal["eigenvalue", "skips", "stops"]
    space: Literal["s1", "s3"] | None = None
    rule: DominantEigenvalue | None = None
    rows: ClassVar[tuple[str, ...]] = ()

    @model_validator(mode="after")
    def _stops_by_a_rule(self) -> Self:
        if (self.show == "stops") != (self.rule is not None):
            raise ValueError("show 'stops', and nothing else, needs a 'rule'")
        return self


Panel = Annotated[
    AccuracyPanel
    | MagnitudePanel
    | EdgeWeightsPanel
    | EntropyPanel
    | DiagnosticPanel
    | GradientsPanel
    | CorrelationPanel
    | StrengthPanel
    | StrongestPanel
    | AgreementPanel
    | EigenvaluePanel
    | SweepPanel
    | PairsPanel
    | SpreadPanel
    | ExchangesPanel
    | TheoryPanel
    | MajorityPanel
    | CellPanel
    | ReplayedPanel,
    Field(discriminator="kind"),
]


def search_number(spec: SearchSpec, key: str) -> float:
    """Return a number of a resolved search by its key path, such as ``weight_optimiser.lr``.

    ``search_epochs`` is one too: the epochs before a selection of its own begins. Raises `HarnessError` for others.
    """
    return number_at({**spec.model_dump(), "search_epochs": spec.search_epochs}, key.split("."))


class Figure(Strict):
    """A figure of a paper, or with ``number: own`` one of ours on it."""

    paper: str
    number: str = Field(pattern=r"^(F\d+|own)$")
    title: str
    panels: Annotated[list[Panel], Field(min_length=1)]

    @model_validator(mode="after")
    def _drawn_alone(self) -> Figure:
        if len(self.panels) > 1 and any(isinstance(panel, MajorityPanel) for panel in self.panels):
            raise ValueError("a panel of kind majority is a figure of its own")
        if len({isinstance(panel, CellPanel) for panel in self.panels}) > 1:
            raise ValueError("cells are not drawn beside panels of other kinds")
        return self

    @property
    def rows(self) -> list[str]:
        """Return the rows of all panels, each once."""
        beside = (row for panel in self.panels if isinstance(panel, SweepPanel) for row in panel.by_epoch)
        return list(dict.fromkeys([*(row for panel in self.panels for row in panel.rows), *beside]))
