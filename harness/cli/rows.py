"""``show`` of a row: what it runs under the paper profile, and who says so."""

from __future__ import annotations

from collections.abc import Iterator

import typer

from harness import shipped
from harness.api.request import DEFAULT_SUITES
from harness.cli.layout import Rows, emit
from harness.errors import HarnessError, nearest
from harness.methods.catalogue import load_catalogue
from harness.runner.store import render
from harness.suite.facts import FILE, disagreements, load_facts, searched_rows, sourced_settings
from harness.suite.load import find_suites, load_suite
from harness.suite.loaded import LoadedSuite


def show_row(name: str, layout: str) -> int:
    """Print the settings of ``[SUITE/]TABLE/ROW`` with their sources; return 1 where they disagree."""
    (loaded, table, row), *others = _find(name)
    if others:
        suites = ", ".join(one.suite.suite for one, *_ in ((loaded, table, row), *others))
        raise HarnessError(f"{name!r} is a row of several suites: {suites}; write SUITE/{name}")
    if (table, row) not in searched_rows(loaded):
        why = loaded.why_not_run(table, row) or "it is computed and not searched for"
        raise HarnessError(f"row {name!r} has no search: {why}")
    beside, packaged = loaded.path.parent, shipped.folder("suites")
    facts = load_facts(beside if (beside / FILE).is_file() or packaged is None else packaged)
    full = f"{loaded.suite.suite}/{table}/{row}"
    method = loaded.suite.tables[table].rows[row].method
    if layout == "text":
        typer.echo(f"{full}: {loaded.label(table, row)} (method {method}), under the paper profile")
    lines = [(key, render(value), source) for key, value, source in sourced_settings(facts, loaded, table, row)]
    emit(Rows(("setting", "value", "source"), lines), layout)
    known = facts.knows(loaded.suite.suite)
    wrong = [text for text in disagreements(facts, loaded) if known and text.startswith(f"{full}: ")]
    for text in wrong:
        typer.echo(f"error: {text}", err=True)
    return 1 if wrong else 0


def _find(name: str) -> list[tuple[LoadedSuite, str, str]]:
    """Return the rows of the shipped suites that a name may mean; raise `HarnessError` where there is none."""
    suites = [load_suite(path, load_catalogue()) for path in find_suites([DEFAULT_SUITES])]
    rows = [(one, table, row) for one in suites for table, row in _rows(one)]
    found = [(one, t, r) for one, t, r in rows if name in (f"{t}/{r}", f"{one.suite.suite}/{t}/{r}")]
    if not found:
        names = [f"{t}/{r}" if name.count("/") == 1 else f"{one.suite.suite}/{t}/{r}" for one, t, r in rows]
        raise HarnessError(f"no row {name!r}{nearest(name, names)}")
    return found


def _rows(loaded: LoadedSuite) -> Iterator[tuple[str, str]]:
    return ((table, row) for table, entry in loaded.suite.tables.items() for row in entry.rows)
