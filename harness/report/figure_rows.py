"""The rows of a declared figure: their records, their curves, and how they look."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from harness.analysis.measures import own_accuracy_key
from harness.analysis.outcomes import Outcome
from harness.analysis.trajectories import Curve
from harness.analysis.verdicts import SuiteVerdict
from harness.methods.spec import SearchSpec
from harness.report.panels import Line, Style, seeds_line
from harness.report.style import COLOURS, DASHES, method_style
from harness.suite.figures import Since, search_number


class FigureRows:
    """The rows of a figure: their records, and how they look in it."""

    def __init__(self, verdict: SuiteVerdict, names: Sequence[str]) -> None:
        self.verdict, self.names, self.evidence = verdict, names, verdict.evidence
        self.suite, self.loaded = verdict.loaded.suite, verdict.loaded

    def done(self, row: str) -> list[Outcome]:
        """Return the outcomes of the trials that ended well."""
        return self.evidence.done(self.evidence.of_row(row))

    def method(self, row: str) -> str:
        """Return the name of a row's method."""
        table, _, name = row.partition("/")
        return str(self.suite.tables[table].rows[name].method)

    def spec(self, row: str) -> SearchSpec:
        """Return the resolved search of a row that has trials."""
        spec = self.evidence.of_row(row)[0].spec
        assert isinstance(spec, SearchSpec)
        return spec

    def why_empty(self, row: str) -> str:
        """Say why a row has no records."""
        if row in self.evidence.plan.not_run:
            return self.evidence.plan.not_run[row]
        trials = self.evidence.of_row(row)
        return self.evidence.shortfall(trials) if trials else "not selected"

    def label(self, row: str) -> str:
        """Return what a reader calls a row; its key is added where another row of the figure is called the same."""
        labels = {name: self.loaded.label(*name.split("/", 1)) for name in self.names}
        alike = [name for name, label in labels.items() if label == labels[row]]
        return labels[row] if len(alike) == 1 else f"{labels[row]} ({row})"

    def partly(self, row: str) -> str:
        """Return how many of the seeds are there, with a space before it; nothing where all are."""
        planned, done = len(self.evidence.of_row(row)), len(self.done(row))
        return "" if done in (0, planned) else f" ({done} of {planned} seeds)"

    def style(self, row: str) -> Style:
        """Return a row's look: its method's, unless rows of one method are to be told apart."""
        methods = [self.method(name) for name in self.names]
        place = self.names.index(row)
        look = (COLOURS[place % len(COLOURS)], DASHES[place // len(COLOURS) % len(DASHES)])
        if len(set(methods)) == len(methods):
            colour, dashes = method_style(self.loaded.catalogue, methods[place], 0)
            look = (colour, dashes if len(methods) > 1 else ())
        return (self.label(row) + self.partly(row), *look)

    def accuracy_key(self, outcome: Outcome, column: str) -> str | None:
        """Return the key of a column's accuracy; on the embedded digits there is only their own."""
        if outcome.embedded:
            return own_accuracy_key(outcome)
        facts = self.suite.columns[column]
        return f"{facts.dataset}/{facts.split}/{facts.training_epochs}"

    def accuracy(self, column: str) -> Callable[[Outcome], Curve | None]:
        """Return the function from an outcome to a column's curve, percent."""
        error = self.suite.columns[column].metric == "error"

        def curve(outcome: Outcome) -> Curve | None:
            found = outcome.accuracy.get(self.accuracy_key(outcome, column) or "")
            return found if found is None or not error else 100.0 - found

        return curve

    def axis(self, column: str) -> str:
        """Return the name of a column's axis."""
        facts = self.suite.columns[column]
        return f"{facts.metric} on digits, %" if self.verdict.embedded else f"{facts.label}, {facts.unit}"

    def lines(
        self, rows: Sequence[str], value: Callable[[Outcome], Curve | None], since: Since | None = None
    ) -> tuple[Line, ...]:
        """Return one line per row that has records with such a value."""
        lines = []
        for row in rows:
            first = int(search_number(self.spec(row), since)) if since and self.done(row) else 0
            curves = [c for outcome in self.done(row) if (c := value(outcome)) is not None and len(c) > first]
            if curves:
                lines.append(seeds_line(self.style(row), curves, first))
        return tuple(lines)

    def note(self, rows: Sequence[str], lines: Sequence[Line]) -> str:
        """Say why a panel is empty; nothing where it is not."""
        if lines:
            return ""
        there = any(self.done(row) for row in rows)
        return "the records do not hold this" if there else f"no records yet: {'; '.join(map(self.label, rows))}"
