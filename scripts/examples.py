"""Do what docs/extending.md says, block by block, in a fresh copy of the checkout, and stop where a command fails.

Usage: ``python scripts/examples.py [--document FILE]``. What a block is says the line that opens it: ``sh`` is run,
``diff`` is applied, ``python FILE`` and ``yaml FILE`` are written to that file, ``yaml KEY of FILE`` replaces the block
of a top-level key in it. Other blocks are prose. ``check`` may answer 3: an example runs one seed of several.
"""

from __future__ import annotations

import argparse
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[1]
FENCE = re.compile(r"^```(\w+)[ ]?(.*?)\n(.*?)^```$", re.M | re.S)
INCOMPLETE = 3
SKIPPED = {".git", ".venv", "results", "reports", "build"}


@dataclass(frozen=True)
class Block:
    """A fenced block: its language, what follows it on the line, and its text."""

    language: str
    about: str
    text: str


def blocks(document: str) -> Iterator[Block]:
    """Yield the blocks of a document that are to be done."""
    for match in FENCE.finditer(document):
        block = Block(*match.groups())
        if block.language in ("sh", "diff") or block.about:
            yield block


def do(block: Block, folder: Path) -> None:
    """Do one block in a folder; raise `SystemExit` where it fails."""
    if block.language == "sh":
        for line in block.text.splitlines():
            _run(line, folder)
    elif block.language == "diff":
        _run("patch -p1 --no-backup-if-mismatch", folder, block.text)
    elif " of " in block.about:
        key, _, name = block.about.partition(" of ")
        _replace(folder / name, key, block.text)
    else:
        (folder / block.about).write_text(block.text, encoding="utf-8")


def _run(line: str, folder: Path, given: str | None = None) -> None:
    print(f"$ {line}", flush=True)
    line = line.replace("python ", f"{sys.executable} ", 1) if line.startswith("python ") else line
    environment = {**os.environ, "PYTHONPATH": str(folder)}
    code = subprocess.run(line, shell=True, cwd=folder, input=given, text=True, env=environment).returncode
    if code and not (code == INCOMPLETE and " check " in line):
        raise SystemExit(f"{line}: exit code {code}")


def _replace(path: Path, key: str, text: str) -> None:
    """Put a block in the place of that of a top-level key, which goes on to the next line that is not indented."""
    old = path.read_text(encoding="utf-8")
    new, count = re.subn(rf"^{key}:\n(?:[ \t].*\n|\n(?=[ \t]))*", lambda _: text, old, flags=re.M)
    if count != 1:
        raise SystemExit(f"{path}: has {count} blocks {key!r}")
    path.write_text(new, encoding="utf-8")


def copy(folder: Path) -> None:
    """Copy the checkout, without results and what is installed."""
    names = subprocess.run(
        ["git", "ls-files", "-co", "--exclude-standard"], cwd=ROOT, capture_output=True, text=True, check=True
    )
    for name in names.stdout.splitlines():
        source = ROOT / name
        if Path(name).parts[0] not in SKIPPED and source.is_file():
            target = folder / name
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(source.read_bytes())


def main() -> None:
    """Do all blocks."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--document", type=Path, default=ROOT / "docs" / "extending.md")
    document = parser.parse_args().document.read_text(encoding="utf-8")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        copy(folder)
        done = [do(block, folder) for block in blocks(document)]
    print(f"{len(done)} blocks done")


if __name__ == "__main__":
    main()
