"""Write docs/why.md and its pictures from the records of `suites/why.yaml`, whatever is there of them.

Usage: ``python scripts/why.py [--results FOLDER] [--profile reduced] [--out docs] [--table FILE]``. The table is one
parquet file of all trials: levels of factors and responses.
"""

from __future__ import annotations

import argparse
import subprocess
from pathlib import Path

from harness.analysis.evidence import gather
from harness.analysis.outcomes import digest
from harness.api.reader import Reader
from harness.api.request import Request
from harness.data.atomic import replacing
from harness.data.sources import data_root
from harness.methods.catalogue import load_catalogue
from harness.report.causes_page import Page, best_of, pictures
from harness.runner.evaluate import load_table, table_problem
from harness.runner.plan import Filters
from harness.suite.load import load_suite

SUITE = Path("suites/why.yaml")


def written() -> str:
    """Return the commit that last changed the hypotheses."""
    asked = ["git", "log", "-1", "-s", "--format=%h of %as", "-L", f"/^hypotheses:/,+500:{SUITE}"]
    found = subprocess.run(asked, capture_output=True, text=True, check=False)
    return found.stdout.strip() or "not known"


def main() -> None:
    """Write the page and its pictures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--results", type=Path, default=Path("results"))
    parser.add_argument("--profile", default="reduced", choices=("reduced", "paper"))
    parser.add_argument("--out", type=Path, default=Path("docs"))
    parser.add_argument("--table", type=Path)
    asked = parser.parse_args()
    reader = Reader(Request((str(SUITE),), asked.profile, Filters(), (), asked.results))
    loaded = load_suite(SUITE, load_catalogue())
    plan = reader.plans(loaded)[asked.profile]
    evidence = gather(plan, {record.id: digest(record) for record in reader.records(plan)})
    best = best_of(load_table(data_root())) if table_problem(data_root()) is None else None
    page = Page(loaded, evidence, asked.profile, written(), best)
    if asked.table is not None:
        page.trials.to_parquet(asked.table, index=False)
    for name, content in {"why.md": page.text().encode(), **pictures(page)}.items():
        with replacing(asked.out / name) as temporary:
            temporary.write_bytes(content)


if __name__ == "__main__":
    main()
