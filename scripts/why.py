"""Write docs/why.md and its pictures from the records of `suites/why.yaml` and `why_s2.yaml` that are there.

Usage: ``python scripts/why.py [--results FOLDER] [--profile reduced] [--out docs] [--table FILE]``. The table is one
parquet file of all trials: levels of factors and responses.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from harness.analysis.responses import best_of, trials_of
from harness.api.reader import Reader
from harness.api.request import Request
from harness.data.atomic import replacing
from harness.data.sources import data_root
from harness.report.causes.page import pictures, text
from harness.report.causes.study import ELSEWHERE, Study
from harness.runner.evaluate import load_table, table_problem
from harness.runner.plan import Filters

SUITES = [Path("suites") / f"{name}.yaml" for name in ("why", ELSEWHERE)]


def main() -> None:
    """Write the page and its pictures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--results", type=Path, default=Path("results"))
    parser.add_argument("--profile", default="reduced", choices=("reduced", "paper"))
    parser.add_argument("--out", type=Path, default=Path("docs"))
    parser.add_argument("--table", type=Path)
    asked = parser.parse_args()
    request = Request(tuple(map(str, SUITES)), asked.profile, Filters(), (), asked.results)
    verdict, elsewhere = Reader(request).verdicts()
    study = Study(verdict)
    if asked.table is not None:
        best = best_of(load_table(data_root())) if table_problem(data_root()) is None else None
        trials_of(study.suite, study.evidence, best).to_parquet(asked.table, index=False)
    for name, content in {"why.md": text(study, elsewhere=elsewhere).encode(), **pictures(study)}.items():
        with replacing(asked.out / name) as temporary:
            temporary.write_bytes(content)


if __name__ == "__main__":
    main()
