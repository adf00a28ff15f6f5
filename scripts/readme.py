"""Write the generated parts of README.md anew: coverage of the printed numbers, and the methods.

Each lies between ``<!-- NAME: begin -->`` and ``<!-- NAME: end -->``. Usage: ``python scripts/readme.py [FILE]``.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Sequence
from pathlib import Path

from harness.cli.judge import Evidence
from harness.cli.select import Request
from harness.data.atomic import replacing
from harness.methods.catalogue import Catalogue, load_catalogue
from harness.report.printed import coverage_rows, rest_line

ROOT = Path(__file__).parents[1]


def table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Write a markdown table."""
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join("| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |" for line in lines)


def methods_table(catalogue: Catalogue) -> str:
    """List every method with its parts and whose settings it follows."""
    rows = [
        [f"`{name}`", method.title, "; ".join(catalogue.own_parts(name)), method.paper, method.follows]
        for name, method in catalogue.methods.items()
    ]
    rows += [[f"`{name}`", title, "*no implementation yet*", "", ""] for name, title in catalogue.planned.items()]
    return table(["method", "what", "parts beyond its protocol's", "paper", "settings follow"], rows)


def splice(text: str, name: str, content: str) -> str:
    """Replace what lies between the markers of ``name``; an absent pair is an error."""
    pattern = re.compile(rf"(<!-- {name}: begin[^>]*-->\n).*?(<!-- {name}: end -->)", re.DOTALL)
    spliced, count = pattern.subn(lambda found: f"{found[1]}{content}\n{found[2]}", text)
    if count != 1:
        raise SystemExit(f"README: expected one block {name!r}, found {count}")
    return spliced


def render(text: str) -> str:
    """Return README's text with its generated parts made anew from suites, catalogue and committed records."""
    request = Request.read([str(ROOT / "suites")], "paper", None, None, None, None, None, ROOT / "results")
    evidence = Evidence(request)
    verdicts = list(evidence.verdicts())
    header, *rows = coverage_rows(verdicts, evidence.audited())
    text = splice(text, "coverage", f"{table(header, rows)}\n\n{rest_line(verdicts)}.")
    return splice(text, "methods", methods_table(load_catalogue()))


def main() -> None:
    """Rewrite the file."""
    file = Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT / "README.md"
    text = render(file.read_text(encoding="utf-8"))
    with replacing(file) as temporary:
        temporary.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
