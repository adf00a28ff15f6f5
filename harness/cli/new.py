"""``new``: begin a suite."""

from __future__ import annotations

from pathlib import Path

import typer

from harness import shipped
from harness.cli.text import command
from harness.data.atomic import check_writable
from harness.errors import HarnessError
from harness.runner.store import write_atomically
from harness.suite.new import new_suite


def begin_suite(name: str, space: str, folder: Path) -> int:
    """Write a suite and say what comes next; raise `HarnessError` where a file of its name is there."""
    text = new_suite(name, space)
    path = folder / f"{name}.yaml"
    if path.exists():
        raise HarnessError(f"{path}: is there already")
    check_writable(folder)
    write_atomically(path, text)
    typer.echo(f"{path}: a suite to change; then")
    for words in (["validate"], ["run"], ["run", "--until-decided"], ["check"]):
        typer.echo(f"  {command([words[0], str(path), *words[1:]])}")
    packaged = shipped.folder("suites")
    if packaged is not None and packaged.resolve() != folder.resolve():
        typer.echo(f"commands without a suite mean those of {folder} now; the package has others by name, as nb201")
    typer.echo("without data all but --until-decided run on digits, which decide no claim")
    return 0
