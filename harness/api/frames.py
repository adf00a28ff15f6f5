"""`harness.records` and `harness.verdicts`: what is known so far, as tables of pandas."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from harness.analysis.coverage import Entry
from harness.api.reader import Reader
from harness.api.request import Request
from harness.errors import HarnessError
from harness.report.export import PUBLISHED_FIELDS
from harness.runner.evaluate import found_accuracy, found_architecture
from harness.runner.record import Record
from harness.runner.store import RESULTS, RecordError, Store, read_record
from harness.runner.trial import ProfileName

if TYPE_CHECKING:
    import pandas as pd

COLUMNS = (
    *("trial", "status", "kind", "profile", "suite", "method", "dataset", "seed", "embedded"),
    *("architecture", "accuracy", "epochs", "seconds", "started", "error", "overrides", "path"),
)


def records(results: str | Path = RESULTS, *, profile: ProfileName | None = None) -> pd.DataFrame:
    """Return one row a trial, failed ones included, by the trial's id.

    ``architecture``: found or trained; ``accuracy``: its test accuracy on the trial's data set after the longest
    training, percent, NaN where nobody knows; ``seconds``: of the search or training; ``path``: of the record's file.
    In the usual folder the records that come with the package count, too. What is no record is left out with a warning.
    """
    import pandas as pd

    if Path(results) != RESULTS and not Path(results).exists():
        raise HarnessError(f"{results}: no folder of records")
    rows = list(_readable(Store.of(Path(results)), profile or ""))
    return pd.DataFrame(rows, columns=list(COLUMNS)).astype({"epochs": "Int64"}).set_index("trial")


def _readable(store: Store, profile: str) -> Iterator[dict[str, Any]]:
    seen = set()
    for path in store.files(profile):
        try:
            record = read_record(path)
        except RecordError as error:
            warnings.warn(f"{error}; it is left out", stacklevel=3)
            continue
        if record.id not in seen:  # of two files the first, as everywhere
            yield _of_record(record, path)
        seen.add(record.id)


def _of_record(record: Record, path: Path) -> dict[str, Any]:
    accuracy = found_accuracy(record)
    about = (
        *(record.id, record.status, record.kind),
        *(record.profile, record.suite, record.method, record.dataset, record.seed, record.embedded),
        *(found_architecture(record), float("nan") if accuracy is None else accuracy, record.spec.get("epochs")),
        *(record.provenance.search_seconds, record.provenance.started, record.error),
        *(" ".join(record.overrides), str(path)),
    )
    return dict(zip(COLUMNS, about, strict=True))


def verdicts(*suites: str | Path, results: str | Path = RESULTS) -> pd.DataFrame:
    """Return one row a number that the papers print, with its two marks, as ``harness published`` lists them.

    ``suites``: names of shipped suites, files, folders or globs; none: all. ``reproduction`` is what our records say of
    a number (under the paper profile), ``consistency`` what the recorded audit does; ``evidence`` names what they rest
    on. The index is the cell, ``suite:table/row/column``. Warnings on records go to stderr.
    """
    import pandas as pd

    names = [str(suite) for suite in suites]
    request = Request.read(names, "paper", None, None, None, None, None, Path(results))
    rows = [_of_entry(entry) for entry in Reader(request).entries()]
    return pd.DataFrame(rows, columns=list(PUBLISHED_FIELDS)).astype({"n": "Int64"}).set_index("cell")


def _of_entry(entry: Entry) -> dict[str, Any]:
    """Return a printed number as a row."""
    own = {name: getattr(entry, name) for name in PUBLISHED_FIELDS if hasattr(entry, name)}
    return own | {"mean": entry.value.mean, "std": entry.value.std, "evidence": list(entry.evidence)}
