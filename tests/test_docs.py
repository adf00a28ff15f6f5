"""What the documents say exists: their links, their commands, and the workflow that they offer."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import pytest
import typer.main
import yaml

from harness.cli import app

ROOT = Path(__file__).parents[1]
DOCUMENTS = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md")])


def commands(text: str) -> Iterator[list[str]]:
    """Yield the command lines of a document: in blocks of shell and YAML, and in the text."""
    blocks = re.findall(r"^```(?:sh|yaml)[^\n]*\n(.*?)^```", text, re.M | re.S)
    lines = [line for block in blocks for line in block.splitlines()]
    inline = re.findall(r"`([^`\n]+)`", re.sub(r"^```.*?^```", "", text, flags=re.M | re.S))
    for line in (*lines, *inline):
        found = re.match(r"(?:.*python -m |[\s$]*)harness (.*)", line)
        if found:
            yield shlex.split(
                re.split(r" (?:\|\||>|#|\|) ?", found[1])[0].replace("${{", "").rstrip('"'), comments=True
            )


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_links_lead_somewhere(document: Path) -> None:
    text = document.read_text(encoding="utf-8")
    for target in re.findall(r"\]\(([^)#\s]+)(?:#[^)]*)?\)", text):
        if not target.startswith("http"):
            assert (document.parent / target).exists(), target


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_commands_have_their_options(document: Path) -> None:
    root, text = typer.main.get_command(app), document.read_text(encoding="utf-8")
    found = list(commands(text))
    assert found or not re.search(r"^ *(?:python -m )?harness [a-z]+", text, re.M)
    for words in found:
        command = root
        while words and words[0] in getattr(command, "commands", {}):
            command, words = command.commands[words[0]], words[1:]
        assert command is not root or words == ["--help"], words
        known = {name for parameter in command.params for name in (*parameter.opts, *parameter.secondary_opts)} | {
            "--help"
        }
        assert {word for word in words if word.startswith("-")} <= known, words


def test_the_workflow_is_one() -> None:
    text = (ROOT / "docs" / "ci.md").read_text(encoding="utf-8")
    workflow = yaml.safe_load(re.findall(r"^```yaml\n(.*?)^```", text, re.M | re.S)[0])
    steps = workflow["jobs"]["reduced"]["steps"]
    assert all(("run" in step) != ("uses" in step) for step in steps)
    assert len([step for step in steps if "harness" in step.get("run", "")]) >= 3


def test_the_citation_is_of_this_version() -> None:
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))
    project = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    assert f'version = "{citation["version"]}"' in project
    assert {"cff-version", "message", "title", "authors"} <= citation.keys()


def test_readme_is_short_where_people_look_first() -> None:
    """What comes before the picture fits on a screen, and no cell of a table has more than ten words."""
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    assert len(text[: text.index("![")].splitlines()) <= 24
    for line in text.splitlines():
        if line.startswith("|"):
            assert all(len(cell.split()) <= 10 for cell in line.split("|")), line
