"""What a suite says of final trainings: which rows are trained, by which named block, and what of it they report.

``training`` stands at a suite, a table, a row, a profile and its stand-in, later ones winning. Beside settings of
`harness.methods.training` it names a ``block`` of the suite's ``trainings``, whose settings lie below those of its own,
and replace what lies below itself. A row is trained where it, its table or its suite says so, or where the
stand-in says of what.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import Field, PositiveInt

from harness.benchmarks.spec import TrainingBenchmark
from harness.config import Strict, deep_merge
from harness.documents import KeyPath
from harness.errors import nearest
from harness.methods.catalogue import Layer, merge, writer
from harness.methods.training import TrainingSettings
from harness.suite.schema import Column

if TYPE_CHECKING:
    from harness.suite.loaded import LoadedSuite

KEY = "training"


class EachSearch(Strict):
    """One training of what each search found, with the search's seed."""

    name: Literal["each-search"]


class OneSearch(Strict):
    """As many trainings as the row has runs, all of what the search of seed 0 found."""

    name: Literal["one-search"]


class BestSearch(Strict):
    """As many trainings as the row has runs, all of the best of several searches, by a ``short`` training each."""

    name: Literal["best-search"]
    searches: PositiveInt


class NamedCell(Strict):
    """As many trainings as the row has runs, all of a published cell (`harness.spaces.cells`); nothing is searched."""

    name: Literal["cell"]
    cell: str


class Written(Strict):
    """As many trainings as the row has runs, all of an architecture that is written out; nothing is searched."""

    name: Literal["architecture"]
    architecture: str


class EachExchange(Strict):
    """One training per operation of the first edge, of what each search found with that one there.

    Operations are those that the search, or the first of its stages, chose from on the first edge of its first cell
    type, without `none` (StacNAS, Figure 5). The row measures ``exchanged``.
    """

    name: Literal["each-exchange"]


Of = Annotated[EachSearch | OneSearch | BestSearch | EachExchange | NamedCell | Written, Field(discriminator="name")]


class Statement(Strict):
    """``dataset``: that is trained on, null: the one searched on. ``reports``: which epoch's accuracy a row prints.

    ``short``: settings in which the trainings that choose among searches differ from the final ones.
    """

    of: Of
    short: dict[str, Any] = Field(default_factory=dict)
    dataset: str | None = None
    block: str | None = None
    reports: Literal["last", "best"]


@dataclass(frozen=True)
class Retraining:
    """What a row trains under a profile. ``short``: the trainings by which the best search is chosen."""

    of: Of
    dataset: str
    reports: Literal["last", "best"]
    settings: TrainingSettings
    short: TrainingSettings | None

    @property
    def searches(self) -> bool:
        """Tell whether searches come before."""
        return not isinstance(self.of, NamedCell | Written)

    @property
    def exchanges(self) -> bool:
        """Tell whether networks differ from what was found."""
        return isinstance(self.of, EachExchange)

    def answers(self, column: Column) -> bool:
        """Tell whether a column is of the accuracies that this gives."""
        return not self.exchanges and self.covers(column) and self.settings.counts_top(column.top)

    def counts(self, column: Column) -> bool:
        """Tell whether a column is of the size of the networks that are trained: parameters, multiply-adds."""
        here = column.dataset in (None, self.dataset) and not column.difference and not self.exchanges
        return column.metric in ("parameters", "flops") and column.unit == "M" and here

    def covers(self, column: Column) -> bool:
        """Tell the same, whatever number of guesses the column is of."""
        asked = column.dataset, column.split, column.training_epochs
        ours = self.dataset, self.settings.data.split, self.settings.epochs
        return column.metric in ("accuracy", "error") and asked == ours and not column.difference


def resolve_training(
    loaded: LoadedSuite, table: str, row: str, profile: str, *, embedded: bool = False, overrides: Sequence[Layer] = ()
) -> Retraining | None:
    """Return what a row trains under a profile, None where it trains nothing; ``overrides``: of ``training``.

    Raises the error of the layer that wrote a mistake.
    """
    stated, stand_in = statements(loaded, table, row), loaded.profile(profile).embedded if embedded else None
    looks_up = not isinstance(loaded.benchmark(table, profile, embedded=embedded), TrainingBenchmark)
    if looks_up and not _names_a_cell(stated):  # a cell is trained whatever evaluates searches
        return None
    above: list[KeyPath] = [("profiles", profile, KEY)]
    if embedded:
        above.append(("profiles", profile, "embedded", KEY))
        if not stated and stand_in is not None and "of" in stand_in.training:
            stated = [loaded.layer(above.pop())]
    if not stated:
        return None
    at = f"row {table}/{row}"
    every = [*stated, *(loaded.layer(path) for path in above if path in loaded.document), *overrides]
    said = _statement(every, at)
    searched_on = said.dataset or loaded.searched_on(table, row)
    if searched_on is None:
        raise writer(every, ("of",)).error((), f"missing key 'dataset', which nothing is searched on ({at})")
    layers = _settings(loaded, every)
    final, short = merge(TrainingSettings, layers, every, at), None
    if isinstance(said.of, BestSearch):
        differing = [_inside(layer, "short") for layer in every if "short" in layer.data]
        if not differing:
            raise writer(every, ("of",)).error(("of",), f"missing key 'short', by which the best is chosen ({at})")
        short = merge(TrainingSettings, [*layers, *differing], every, at)
    return Retraining(said.of, searched_on, said.reports, final, short)


def statements(loaded: LoadedSuite, table: str, row: str) -> list[Layer]:
    """Return what suite, table and row say of training, those that say something."""
    paths: list[KeyPath] = [(KEY,), ("tables", table, KEY), ("tables", table, "rows", row, KEY)]
    found = [loaded.layer(path) for path in paths if path in loaded.document]
    return found if loaded.suite.tables[table].rows[row].method or _names_a_cell(found) else []


def trains_a_cell(loaded: LoadedSuite, table: str, row: str) -> bool:
    """Tell whether a row says which architecture is trained, so that nothing is searched."""
    return _names_a_cell(statements(loaded, table, row))


def _names_a_cell(layers: Sequence[Layer]) -> bool:
    said = deep_merge(*(layer.data for layer in layers)).get("of")
    return isinstance(said, dict) and said.get("name") in ("cell", "architecture")


def _statement(layers: Sequence[Layer], at: str) -> Statement:
    own = [Layer({k: v for k, v in one.data.items() if k in Statement.model_fields}, one.error) for one in layers]
    return merge(Statement, own, own, at)


def _settings(loaded: LoadedSuite, layers: Sequence[Layer]) -> list[Layer]:
    """Put the settings of blocks in their places, and leave out what is below them."""
    found: list[Layer] = []
    for layer in layers:
        if "block" in layer.data:
            found = _block(loaded, str(layer.data["block"]), layer)
        found.append(Layer({k: v for k, v in layer.data.items() if k not in Statement.model_fields}, layer.error))
    return found


def _inside(layer: Layer, key: str) -> Layer:
    return Layer(layer.data[key], lambda path, text: layer.error((key, *path), text))


def _block(loaded: LoadedSuite, name: str, asked_by: Layer) -> list[Layer]:
    """Return the settings of a named block: first those of what it extends."""
    if name not in loaded.suite.trainings:
        raise asked_by.error(("block",), f"unknown training {name!r}{nearest(name, loaded.suite.trainings)}")
    chain = [name]
    while (further := loaded.suite.trainings[chain[-1]].extends) is not None:
        at: KeyPath = ("trainings", chain[-1], "extends")
        if further in chain or further not in loaded.suite.trainings:
            why = f"unknown or circular training {further!r}{nearest(further, loaded.suite.trainings)}"
            raise loaded.document.error(at, why)
        chain.append(further)
    return [loaded.layer(("trainings", one, "settings")) for one in reversed(chain)]
