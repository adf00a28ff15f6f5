"""The package as it is installed, in an empty folder: ``python -m tests.installed FOLDER``.

Builds the wheel, installs it below the folder, and uses its command and its functions there, without data.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]
TINY = str(Path(__file__).with_name("tiny.yaml"))
PYTHON = (
    "import harness; found = harness.search('single-darts', dataset='digits', settings={'epochs': 1}); "
    "print(found.row, len(harness.records()), len(harness.verdicts('theory')))"
)
# What is done, and what its output must have.
STEPS: tuple[tuple[list[str], str], ...] = (
    (["harness", "list", "suites"], "nb201 "),
    (["harness", "validate"], "_shipped/suites/why.yaml: valid"),
    (["harness", "run", "nb201", "-m", "darts-v1", "--dry-run"], "to do, about"),
    (["harness", "published", "theory"], ",PASS,"),
    (["harness", "check", "theory"], "PASS"),
    (["harness", "run", TINY, "-m", "darts-v1", "--seeds", "0", "--jobs", "1"], "1 trials: 1 executed"),
    (["harness", "report", TINY, "--out", "report"], "index.html"),
    (["python", "-c", PYTHON], "nb201/single-darts-t1/single-darts"),
)


def main(folder: Path) -> int:
    """Build, install, use; return 1 where a step does not do what it should."""
    shutil.rmtree(folder, ignore_errors=True)
    target, empty = folder / "installed", folder / "empty"
    empty.mkdir(parents=True)
    words = ["pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation", "--wheel-dir", str(folder), str(ROOT)]
    subprocess.run([sys.executable, "-m", *words], check=True)
    (wheel,) = folder.glob("*.whl")
    words = ["pip", "install", "--quiet", "--no-deps", "--target", str(target), str(wheel)]
    subprocess.run([sys.executable, "-m", *words], check=True)
    known = {key: value for key, value in os.environ.items() if key != "HARNESS_DATA"}
    return max([step(words, wanted, target, empty, known) for words, wanted in STEPS])


def step(words: list[str], wanted: str, target: Path, empty: Path, known: dict[str, str]) -> int:
    """Do one step; return 1 where its output lacks what is wanted."""
    programs = {"harness": str(target / "bin" / "harness"), "python": sys.executable}
    done = subprocess.run(
        [programs[words[0]], *words[1:]],
        cwd=empty, env={**known, "PYTHONPATH": str(target)}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    right = wanted in done.stdout
    print(f"{'ok' if right else 'WRONG'}: {words[0]} {' '.join(words[1:])[:90]}", flush=True)
    if not right:
        print(done.stdout[-2000:], done.stderr[-2000:], sep="\n")
    return 0 if right else 1


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]).absolute()))
