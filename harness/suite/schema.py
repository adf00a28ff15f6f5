"""The typed suite: papers, tables, rows, cells, bands, claims, profiles. Nothing here is a guess from a name."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field, PositiveInt, field_validator, model_validator

from harness.benchmarks.spec import Benchmark
from harness.config import Strict
from harness.methods.catalogue import Method
from harness.methods.stops import Stop
from harness.suite.figures import Figure
from harness.suite.grid import Grid, Name
from harness.suite.hypotheses import Hypothesis
from harness.suite.values import Published

Split = Literal["train", "valid", "test"]
Goal = Literal["max", "min"]
Metric = Literal["accuracy", "error", "search_seconds", "gpu_days", "parameters", "flops", "statistic"]
Statistic = Literal["mean", "best"]
Kind = Literal["result", "setting"]
Factor = Annotated[float, Field(gt=0)]
Runs = Annotated[int, Field(gt=0, le=100_000, description="each is planned: a slip of the hand must not fill memory")]


class Paper(Strict):
    """A publication whose tables the suite states."""

    title: str
    authors: str


class ToleranceBand(Strict):
    """The tolerance band ±``tolerance`` and the drift band ±``drift`` around a printed number, declared before looking.

    Within the first, a difference does not matter; within the second, it is a drift. ``because``: the rule that set
    them, and its source. How measured means are held against them: `harness.analysis.bands`.
    """

    kind: Literal["within"]
    tolerance: float = Field(gt=0)
    drift: float = Field(gt=0)
    because: str = Field(min_length=1)
    before: str | None = Field(default=None, description="what held when records were made, if it was changed since")

    @model_validator(mode="after")
    def _drift_is_wider(self) -> ToleranceBand:
        if self.drift <= self.tolerance:
            raise ValueError(f"the drift band ({self.drift:g}) must be wider than the tolerance ({self.tolerance:g})")
        return self


class ExactBand(Strict):
    """A recomputed number, equal after rounding to the printed decimals."""

    kind: Literal["exact"]


class Unjudged(Strict):
    """Nothing judges a printed number that is measured here; ``because``: what it does not say."""

    kind: Literal["none"]
    because: str = Field(min_length=1)


Rule = ToleranceBand | ExactBand
Band = Annotated[Rule | Unjudged, Field(discriminator="kind")]
Scatter = Literal["population", "sample", "unknown"]  # which std a paper prints: over n, or over n - 1


class Deviation(Strict):
    """How the trials of a profile differ from the paper's protocol, on purpose; it stands beside every verdict.

    ``key``: of the search, or ``data_checksum`` (of the images' files, with their ``dataset``; ours
    may be ``any``: every copy deviates as it is read). Where the search as
    written has the paper's value, ours takes its place; a trial with ours deviates, whoever wrote it. ``papers``: whose
    protocol it is that we leave; null: all.
    """

    key: str
    papers: tuple[Name, ...] | None = None
    dataset: str | None = None
    paper: str | float | bool | None
    ours: str | float | bool | None
    text: str = Field(min_length=1, description="what a reader is told")
    because: str = Field(min_length=1)


class TrainingBlock(Strict):
    """A published protocol of final training by its name. ``extends``: a block whose settings come first."""

    extends: Name | None = None
    source: str = Field(min_length=1, description="where its settings are stated")
    settings: dict[str, Any]


class Column(Strict):
    """What every number of a table's column measures."""

    label: str
    metric: Metric
    dataset: str | None = None
    split: Split | None = None
    training_epochs: PositiveInt | None = None
    unit: str
    goal: Goal
    statistic: Statistic | None = Field(default=None, description="of the runs; null: as the row says, else a mean")
    top: PositiveInt = Field(default=1, description="an answer counts if right among this many guesses")
    difference: bool = Field(default=False, description="from another row, in the column of the same facts")
    operation: str | None = Field(default=None, description="whose edges the column counts")
    setting: str | None = Field(default=None, description="key path of a search's setting, where it is one: batch_size")

    @model_validator(mode="after")
    def _accuracies_name_their_split(self) -> Column:
        if self.metric in ("accuracy", "error") and None in (self.dataset, self.split, self.training_epochs):
            raise ValueError(f"a column of {self.metric} must name its dataset, split and training_epochs")
        return self


class Derived(Strict):
    """How a number follows from another one: that of ``row`` in the same column, times ``times``, over ``over``."""

    row: str = Field(description="table/row, of this suite")
    times: Published
    over: Published
    source: str = Field(description="where the two factors are printed")


class Cell(Strict):
    """One published number, where it differs from its row's and column's common facts."""

    value: Published
    n: Runs | None = None
    band: Band | None = None
    derived: Derived | None = None
    note: str | None = None
    kind: Kind | None = None
    runs: str | None = Field(default=None, description="as of a row")

    @model_validator(mode="before")
    @classmethod
    def _short_form(cls, data: Any) -> Any:
        return data if isinstance(data, dict) else {"value": data}


class Summary(Strict):
    """What a row is made of: the mean or the best of other rows, the first minus the second, or over the second."""

    take: Literal["mean", "best", "difference", "ratio"]
    of: list[str] = Field(min_length=2, description="table/row, of this suite")


class Depends(Strict):
    """A setting of ours that the paper does not state, and the row that shows what another choice gives."""

    setting: str
    row: str = Field(description="table/row of this suite, with the same columns")


class Stated(Strict):
    """What another place says where a row prints settings, in the order of the table's columns; null: nothing."""

    source: str
    values: list[Published | None]


class Reading(Strict):
    """A number taken from a search: ``of`` names the function, the rest its arguments.

    ``computed``: a ``value`` that a computation gives for a seed. ``chosen``: how many edges of the architecture have
    the operation. ``diagnostic``: what was measured beside the search, ``first`` or ``last``. ``epoch``: ``first`` is
    the state before training, 1 that after one epoch. Of searches that measure strength, ``by`` a criterion (alpha;
    DARTS-PT's perturbation; or strength): ``strongest``, how many edges' best operation is the strongest;
    ``agreement``, the mean over edges of Kendall's tau with strength; ``rank``, the mean place of the operation among
    those of its edge, 1 being the last. ``exchanged``: of a row that trains each exchange, Pearson's correlation of the
    first edge's mixing weights with the accuracies of networks that have each operation there.
    """

    of: Literal[
        "accuracy", "magnitude", "chosen", "diagnostic", "computed", "strongest", "agreement", "rank", "exchanged"
    ]
    by: Literal["alpha", "perturbation", "strength"] | None = None
    dataset: str | None = None
    split: Split | None = None
    training_epochs: PositiveInt | None = None
    operation: str | None = None
    value: str | None = Field(default=None, description="name of what is computed")
    diagnostic: str | None = Field(default=None, description="name of a series: eigenvalue, gradient-confusion/cosine")
    cell: str | None = Field(
        default=None, description="the cell type; null: of a magnitude the space's first, of what is chosen all"
    )
    epoch: Literal["first", "last"] | PositiveInt = "last"


class Row(Strict):
    """A method with its settings and its published numbers, in the order of the table's columns."""

    method: str | None = Field(description="a name of the catalogue; null where nothing can be run")
    like: str | None = Field(default=None, description="a row above: what decides its search comes first")
    levels: dict[str, str] = Field(default_factory=dict, description="by factor, of a row of a grid")
    label: str | None = None
    subject: str | None = Field(
        default=None, description="what the numbers are of, where the label says more or less: the same in all tables"
    )
    searched_on: str | None = None
    per_dataset: bool = Field(default=False, description="one search per dataset: its columns' architectures differ")
    search: dict[str, Any] = Field(default_factory=dict, description="settings that differ from the method's")
    reduced: dict[str, Any] = Field(
        default_factory=dict, description="settings under the reduced profile, as written: its factors are not applied"
    )
    computation: dict[str, Any] = Field(default_factory=dict, description="the same for a computed row")
    training: dict[str, Any] = Field(default_factory=dict, description="final training: `harness.suite.training`")
    answered_by: dict[str, str] = Field(
        default_factory=dict, description="by column, the row (table/row of this suite) whose trainings give the number"
    )
    stop: Stop | None = Field(default=None, description="applied to the trajectories; null: the last epoch")
    n: Runs | None = Field(default=None, description="runs behind the published mean; null: not stated")
    statistic: Statistic | None = None
    summary: Summary | None = None
    source: str | None = Field(default=None, description="where the paper took the numbers from, if not its own")
    protocol: str | None = None
    not_run: str | None = Field(default=None, description="why nothing is run for it, as a clause after 'because'")
    band: Band | None = None
    std: Scatter | None = None
    depends: Depends | None = None
    note: str | None = None
    kind: Kind | None = Field(default=None, description="of its numbers; null: as the table")
    official: Stated | None = Field(default=None, description="public configuration of the printed settings")
    elsewhere: Stated | None = Field(default=None, description="another section on the printed settings")
    runs: str | None = Field(default=None, description="suite/table/row, the search of ours that has these settings")
    measures: dict[str, Reading] = Field(
        default_factory=dict,
        description="by column of statistics, what its search gives; a name alone: of a diagnostic",
    )
    values: list[Cell | None] = Field(default_factory=list)

    @field_validator("measures", mode="before")
    @classmethod
    def _diagnostics_by_name(cls, data: Any) -> Any:
        if not isinstance(data, dict):
            return data
        return {c: {"of": "diagnostic", "diagnostic": v} if isinstance(v, str) else v for c, v in data.items()}


class Table(Strict):
    """A published table. ``number``: the paper's own, with arabic digits; else ``text`` for numbers of the running
    text, ``statements`` for what a paper claims in words (a value of 1 says that it holds), ``own`` for ours. A
    figure's rows (``F2``) may have no values: curves print none. ``kind``: settings are no results, and no run of ours
    can confirm them.
    """

    paper: str
    number: str = Field(pattern=r"^(T\d+|F\d+|text|statements|own)$")
    title: str
    protocol: str
    not_run: str | None = Field(default=None, description="why nothing is run for its rows")
    columns: list[str]
    searched_on: str | None = None
    search: dict[str, Any] = Field(default_factory=dict, description="settings of all rows that search")
    training: dict[str, Any] = Field(default_factory=dict, description="final training of its rows")
    band: Band | None = None
    std: Scatter | None = None
    kind: Kind = "result"
    benchmark: Benchmark | None = Field(
        default=None, description="of its searches in place of the profiles', which knows none of their networks"
    )
    grid: Grid | None = None
    rows: dict[Name, Row]


class Measure(Reading):
    """A `Reading` of the trials of one row, one number per seed. The row's stop rule counts for the ``last`` epoch."""

    row: str = Field(description="table/row")


class Claim(Strict):
    """An ordinal statement: ``left`` relation ``right``.

    ``margin``: by how much ``>`` and ``<`` must be exceeded; how much ``>=`` and ``<=`` may fall short, which cannot
    be nothing: no number of seeds shows that two things are equal.
    A side may be the name of a row alone where ``column``, one of accuracies, says what is measured of both.
    """

    text: str
    source: str
    relation: Literal[">", ">=", "<", "<="]
    column: str | None = None
    left: Measure
    right: Measure | float
    margin: float = Field(ge=0)

    @model_validator(mode="after")
    def _no_worse_says_by_how_much(self) -> Claim:
        if self.relation in (">=", "<=") and not self.margin:
            raise ValueError(f"{self.relation} needs a margin above 0: how much worse is no worse")
        return self


class Embedded(Strict):
    """What a profile runs when the suite's images are not at hand: the machinery on scikit-learn's digits."""

    dataset: str
    seeds: Runs
    benchmark: Benchmark
    search: dict[str, Any]
    training: dict[str, Any] = Field(default_factory=dict)


class Profile(Strict):
    """How large: ``published`` seeds follow each row's n.

    What it changes, later ones winning: ``search`` for all; factors on the numbers that result, so that rows which
    differ still do (``scale`` for all, ``scales`` for a method and what extends it, a table, a row); ``methods``.
    """

    comparable: bool
    seeds: Runs | Literal["published"]
    unstated_seeds: Runs = Field(description="seeds of a row whose n the paper does not state")
    benchmark: Benchmark
    search: dict[str, Any]
    training: dict[str, Any] = Field(default_factory=dict, description="settings of the trainings of its rows")
    scale: dict[str, Factor] = Field(default_factory=dict, description="key path of a number: factor")
    scales: dict[str, dict[str, Factor]] = Field(
        default_factory=dict, description="the same by method, table or table/row"
    )
    methods: dict[str, dict[str, Any]] = Field(default_factory=dict, description="settings by method")
    left_out: dict[str, str] = Field(
        default_factory=dict, description="methods, tables or rows that this profile does not run, and why"
    )
    deviations: tuple[Deviation, ...] = ()
    first: list[str] = Field(
        default_factory=list,
        description="table/row and seed of the trials to run first, in this order; rows by pattern, seeds by range: "
        "'core/joint-* 0-4' is all those rows with seed 0, then with 1",
    )
    embedded: Embedded | None = None


class Suite(Strict):
    """A YAML file: the tables that belong together, with the published numbers.

    ``bands``: by ``dataset/training epochs`` and metric; a band of a table, row or number comes before them, ``band``
    after them.
    ``search`` and ``profiles`` may be left out where no row can be run. ``methods``: of the suite alone, beside those
    of the catalogue.
    """

    suite: Name
    title: str
    papers: dict[Name, Paper]
    band: Band
    bands: dict[str, dict[Metric, ToleranceBand]] = Field(default_factory=dict)
    std: Scatter = Field(default="unknown", description="of the printed deviations; unknown is read as population")
    search: dict[str, Any] = Field(default_factory=dict)
    training: dict[str, Any] = Field(default_factory=dict, description="final training of all rows that search")
    trainings: dict[Name, TrainingBlock] = Field(default_factory=dict, description="named blocks of settings")
    profiles: dict[Literal["paper", "reduced"], Profile] = Field(default_factory=dict)
    methods: dict[Name, Method] = Field(default_factory=dict, description="methods of the suite's own")
    columns: dict[Name, Column]
    tables: dict[Name, Table]
    claims: dict[Name, Claim] = Field(default_factory=dict)
    hypotheses: dict[Name, Hypothesis] = Field(default_factory=dict)
    figures: dict[Name, Figure] = Field(default_factory=dict)
