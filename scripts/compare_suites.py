"""Compare suites with an earlier version of theirs: rows, labels, printed numbers, claims, trials. Usage: see `--help`.

For changes of how a suite is written that should change nothing of what it says.
"""

from __future__ import annotations

import argparse
import subprocess
import tarfile
import tempfile
from io import BytesIO
from pathlib import Path
from typing import Any

from harness.methods.catalogue import load_catalogue
from harness.runner.availability import DataAvailability
from harness.runner.plan import Filters, make_plan
from harness.suite.load import load_suite
from harness.suite.published import published_cells

ROOT = Path(__file__).parents[1]
FORMS = ("like", "levels", "column", "grid")  # how a thing is written, not what it is


def said(path: Path) -> dict[str, Any]:
    """Return all that a suite says, by what is compared."""
    loaded = load_suite(path, load_catalogue())
    tables = loaded.suite.tables
    found: dict[str, Any] = {
        "rows": [f"{t}/{r}" for t, table in tables.items() for r in table.rows],
        "labels": [loaded.label(t, r) for t, table in tables.items() for r in table.rows],
        "printed numbers": [(c.path, c.value.text, c.n, c.note, c.band) for c in published_cells(loaded.suite)],
        "rows in full": [_plain(row, "search", "searched_on") for t in tables.values() for row in t.rows.values()],
        "data sets": [loaded.searched_on(t, r) for t, table in tables.items() for r in table.rows],
        "claims": {name: _plain(claim) for name, claim in loaded.suite.claims.items()},
        "figures": loaded.suite.figures,
    }
    for profile in loaded.suite.profiles:
        plan = make_plan(loaded, profile, Filters(), (), data=DataAvailability({}, {}))
        found[f"trials of profile {profile}"] = plan.rows
        found[f"what profile {profile} does not run"] = plan.not_run
    return found


def _plain(block: Any, *left_out: str) -> dict[str, Any]:
    """Return a block without how it is written; of rows, what is searched is compared by the trials."""
    return {key: value for key, value in block.model_dump().items() if key not in (*FORMS, *left_out)}


def earlier(revision: str, folder: Path) -> Path:
    """Write the suites of a revision into a folder."""
    packed = subprocess.run(["git", "archive", revision, "suites"], cwd=ROOT, check=True, capture_output=True).stdout
    with tarfile.open(fileobj=BytesIO(packed)) as archive:
        archive.extractall(folder, filter="data")
    return folder


def main() -> int:
    """Print a line per thing compared; return 1 where something differs."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("revision", help="a commit")
    parser.add_argument("suites", nargs="+", type=Path)
    asked = parser.parse_args()
    different = 0
    with tempfile.TemporaryDirectory() as name:
        folder = earlier(asked.revision, Path(name))
        for path in asked.suites:
            before = folder / path
            print(f"{path}: {before.stat().st_size:,} bytes, now {path.stat().st_size:,}")
            old, new = said(before), said(path)
            for what in old | new:
                same = old.get(what) == new.get(what)
                different += not same
                print(f"  {what}: {'equal' if same else 'DIFFERENT'} ({len(new.get(what, ()))})")
    return 1 if different else 0


if __name__ == "__main__":
    raise SystemExit(main())
