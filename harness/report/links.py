"""Where things are in the report: every address in one place, relative to its folder."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import quote, urlencode

from harness.analysis.verdicts import SuiteVerdict

INDEX, EXPLORER, AUDIT = "index.html", "explorer.html", "audit.html"
RECORDS = "records"
OWN = 4  # parts of a path that are a record's own: profile, method, data set, file


def _plain(name: str) -> str:
    """Return a name as it may stand in a file's name and in an address."""
    return re.sub(r"[^\w.-]", "_", name, flags=re.ASCII)


def paper_page(paper: str) -> str:
    """Return the page of a paper, by its key."""
    return f"paper-{_plain(paper)}.html"


def method_page(method: str) -> str:
    """Return the page of a method, by its name."""
    return f"method-{_plain(method)}.html"


def run_page(verdict: SuiteVerdict) -> str:
    """Return the page of the records of a suite under a profile."""
    return f"run-{_plain(verdict.loaded.suite.suite)}-{verdict.profile_name}.html"


def causes_page(verdict: SuiteVerdict) -> str:
    """Return the page on the causes that a design varies."""
    return f"causes-{_plain(verdict.loaded.suite.suite)}-{verdict.profile_name}.html"


def explorer(view: str, **chosen: str) -> str:
    """Return the explorer's address with a view and what is chosen there: ``q``, ``row``, or facets by name."""
    return f"{EXPLORER}#{urlencode({'view': view, **chosen}, quote_via=quote)}"


def row_trials(verdict: SuiteVerdict, row: str) -> str:
    """Return the explorer's address with the trials of a row."""
    return explorer("trials", rows=f"{verdict.loaded.suite.suite}:{row}", profile=verdict.profile_name)


def row_anchor(verdict: SuiteVerdict, row: str) -> str:
    """Return the anchor of a row on its page."""
    return f"{verdict.loaded.suite.suite}-{verdict.profile_name}/{row}"


def table_anchor(verdict: SuiteVerdict, table: str) -> str:
    """Return the anchor of a table on its page."""
    return f"{verdict.loaded.suite.suite}-{verdict.profile_name}-{table}"


class Records:
    """The files of records by trial id, and where their copies lie beside the report."""

    def __init__(self, root: Path | None, files: Mapping[str, Path]) -> None:
        self.root, self.files = root, files

    def place(self, trial: str) -> str | None:
        """Return where the copy of a trial's record lies, compressed; None where there is no record."""
        if self.root is None or trial not in self.files:
            return None
        return f"{RECORDS}/{Path(*self.files[trial].parts[-OWN:]).as_posix()}.gz"

    def link(self, trial: str) -> str | None:
        """Return the same as a link."""
        place = self.place(trial)
        return None if place is None else quote(place)
