"""A checked suite with the places of its keys: what a row runs, and the layers of its search."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from harness.benchmarks.spec import Benchmark
from harness.documents import Describe, Document, KeyPath
from harness.errors import HarnessError, nearest
from harness.methods.catalogue import Catalogue, Layer, resolve
from harness.methods.computed import ComputedSpec
from harness.methods.spec import SearchSpec
from harness.suite.deviations import deviate
from harness.suite.scale import Factor, scaled
from harness.suite.schema import Profile, Suite
from harness.suite.training import trains_a_cell


@dataclass(frozen=True)
class LoadedSuite:
    """A valid suite with the places of its keys, and the catalogue that its methods are looked up in.

    ``known``: the specifications that were asked for, which checks, plans and verdicts do many times.
    """

    suite: Suite
    document: Document
    path: Path
    catalogue: Catalogue
    known: dict[tuple[str, str, str, bool], SearchSpec] = field(default_factory=dict, repr=False, compare=False)

    def profile(self, name: str) -> Profile:
        """Return a profile; raise `HarnessError` where the suite does not have it."""
        for key, profile in self.suite.profiles.items():
            if key == name:
                return profile
        raise HarnessError(f"{self.path}: no profile {name!r}{nearest(name, self.suite.profiles)}")

    def why_not_run(self, table: str, row: str, profile: str | None = None) -> str | None:
        """Return why nothing can be run for a row, at all or under a profile; None where it can."""
        entry = self.suite.tables[table].rows[row]
        if entry.answered_by:
            return "rows of other tables are run for its numbers"
        stated = entry.not_run or (None if entry.training else self.suite.tables[table].not_run)
        if stated is not None:
            return stated
        if (entry.kind or self.suite.tables[table].kind) == "setting":
            return "a printed setting is no result"
        if trains_a_cell(self, table, row):
            known = profile is None or profile in self.suite.profiles
            left_out = self._left_out(table, row, profile)
            return left_out if known else f"its training has no size under the {profile} profile"
        if entry.method is None:
            return "no code computes it yet"
        if entry.method in self.catalogue.planned:
            return f"method {entry.method!r} ({self.catalogue.planned[entry.method]}) has no implementation yet"
        return self._left_out(table, row, profile)

    def _left_out(self, table: str, row: str, profile: str | None) -> str | None:
        """Return why a profile does not run a row that could be run."""
        left_out = self.profile(str(profile)).left_out if profile in self.suite.profiles else {}
        names = (self.suite.tables[table].rows[row].method, table, f"{table}/{row}")
        why = next((left_out[name] for name in names if name is not None and name in left_out), None)
        return f"left out of the {profile} profile: {why}" if why is not None else None

    def searched_on(self, table: str, row: str) -> str | None:
        """Return the dataset that a row's search runs on; None where the suite does not say."""
        entry = self.suite.tables[table]
        return entry.rows[row].searched_on or entry.searched_on

    def benchmark(self, table: str, profile: str, *, embedded: bool = False) -> Benchmark:
        """Return what evaluates the searches of a table under a profile."""
        settings = self.profile(profile)
        usual = settings.embedded.benchmark if embedded and settings.embedded else settings.benchmark
        return self.suite.tables[table].benchmark or usual

    def behind(self, row: str, column: str) -> str:
        """Return the ``table/row`` whose trials answer a column of ``table/row``: itself, but where it says another."""
        table, _, name = row.partition("/")
        return self.suite.tables[table].rows[name].answered_by.get(column, row)

    def label(self, table: str, row: str) -> str:
        """Return what a reader calls a row."""
        entry = self.suite.tables[table].rows[row]
        return entry.label or (row if entry.method is None else self.catalogue.title(entry.method))

    def resolve(
        self, table: str, row: str, profile: str, *, embedded: bool = False, overrides: Sequence[Layer] = ()
    ) -> SearchSpec:
        """Return the full specification of a row's search under a profile.

        Later layers win: the suite's `search`, the catalogue, the table's, the row's, the profile's; its factors on
        what results so far; its settings of the method, the row's for it, the embedded ones, ``overrides``;
        its declared deviations take the place of the paper's values. Raises the error of whoever wrote a mistake.
        """
        if overrides:
            return self._resolve(table, row, profile, embedded, overrides)
        asked = table, row, profile, embedded
        if asked not in self.known:
            self.known[asked] = self._resolve(*asked, ())
        return self.known[asked]

    def _resolve(self, table: str, row: str, profile: str, embedded: bool, overrides: Sequence[Layer]) -> SearchSpec:
        method = self._method(table, row)
        below = self._layers([("search",)])
        layers = self._layers(
            [("tables", table, "search"), ("tables", table, "rows", row, "search"), ("profiles", profile, "search")]
        )
        if factors := self._factors(profile, table, row):
            layers += scaled(resolve(self.catalogue, method, layers, below), method, factors, self.document)
        paths: list[KeyPath] = [("profiles", profile, "methods", method), ("tables", table, "rows", row, profile)]
        if embedded:
            paths.append(("profiles", profile, "embedded", "search"))
        spec = resolve(self.catalogue, method, [*layers, *self._layers(paths), *overrides], below)
        assert isinstance(spec, SearchSpec)

        def error(index: int, text: str) -> HarnessError:
            return self.document.error(("profiles", profile, "deviations", index, "ours"), text)

        return deviate(spec, self.profile(profile).deviations, [layer.data for layer in overrides], error)

    def _factors(self, profile: str, table: str, row: str) -> dict[str, Factor]:
        """Return a profile's factors for a row by key path; of several, the nearest.

        Nearest first: those of the row, its table, its method, what that extends, all.
        """
        settings, at = self.profile(profile), ("profiles", profile)
        factors = {key: Factor(value, (*at, "scale", key)) for key, value in settings.scale.items()}
        for name in (*reversed(self.catalogue.lineage(self._method(table, row))), table, f"{table}/{row}"):
            for key, value in settings.scales.get(name, {}).items():
                factors[key] = Factor(value, (*at, "scales", name, key))
        return factors

    def searches(self, table: str, row: str) -> bool:
        """Tell whether a row can be searched for: it is not computed, and not a training of a published cell."""
        if self.why_not_run(table, row) is not None or self.computes(table, row):
            return False
        return not trains_a_cell(self, table, row)

    def computes(self, table: str, row: str) -> bool:
        """Tell whether a row is computed and not searched for."""
        return self.catalogue.computes(self._method(table, row))

    def resolve_computation(self, table: str, row: str, *, runs: int, overrides: Sequence[Layer] = ()) -> ComputedSpec:
        """Return the full specification of a computed row: the catalogue, the row's `computation`, ``overrides``."""
        at: KeyPath = ("tables", table, "rows", row)
        written = self.suite.tables[table].rows[row].computation
        layers = [Layer({"runs": runs}, Describe(self.document, at))]
        if written:
            layers.append(Layer({"computation": written}, Describe(self.document, at)))
        spec = resolve(self.catalogue, self._method(table, row), [*layers, *overrides])
        assert isinstance(spec, ComputedSpec)
        return spec.model_copy(update={"runs": 1}) if spec.deterministic else spec

    def _method(self, table: str, row: str) -> str:
        return str(self.suite.tables[table].rows[row].method)

    def _layers(self, paths: Sequence[KeyPath]) -> list[Layer]:
        """Return the settings that are written at those of the paths that exist."""
        return [self.layer(path) for path in paths if path in self.document]

    def layer(self, path: KeyPath) -> Layer:
        """Return the settings that are written at a path."""
        data: Any = self.document.data
        for key in path:
            data = data[key]
        return Layer(data, Describe(self.document, path))
