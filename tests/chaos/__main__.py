"""`python -m tests.chaos [--short] [--seed N] [--only NAME]`: do all of it, say what happened; exit code 1 else."""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

from tests.chaos.plan import LONG, SHORT, run


def main() -> None:
    """Read the options and run."""
    parser = argparse.ArgumentParser(prog="python -m tests.chaos", description=__doc__)
    parser.add_argument("--short", action="store_true", help="the form that the tests run")
    parser.add_argument("--seed", type=int, default=0, help="of the random moments")
    parser.add_argument("--only", help="one kind of blow")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="chaos-") as folder:
        for name, said in run(Path(folder), SHORT if given.short else LONG, given.seed, given.only):
            print(f"{name}: {said}", flush=True)


main()
