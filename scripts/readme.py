"""Write the generated parts of README.md anew: coverage of the printed numbers, and the methods.

Each lies between ``<!-- NAME: begin -->`` and ``<!-- NAME: end -->``. Usage: ``python scripts/readme.py [FILE]``.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Sequence
from pathlib import Path

from harness.analysis.aggregate import Summary
from harness.analysis.baselines import Baseline
from harness.analysis.evidence import gather
from harness.analysis.series import ACCURACY, find_series
from harness.cli.judge import Reader
from harness.cli.select import Request
from harness.data.atomic import replacing
from harness.methods.catalogue import Catalogue, load_catalogue
from harness.report.printed import Printed, coverage_rows
from harness.runner.availability import TRAINING_IMAGES, DataAvailability
from harness.runner.plan import Filters, make_plan
from harness.suite.load import find_suites, load_suite

ROOT = Path(__file__).parents[1]


def table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Write a markdown table."""
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join("| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |" for line in lines)


def reduced_settings(catalogue: Catalogue) -> set[tuple[str, str, str]]:
    """Return suite, name and settings of every series that the reduced profile plans now."""
    data, planned = DataAvailability(dict.fromkeys(TRAINING_IMAGES, ""), {}), set()
    for path in find_suites([str(ROOT / "suites")]):
        loaded = load_suite(path, catalogue)
        if "reduced" in loaded.suite.profiles:
            plan = make_plan(loaded, "reduced", Filters(), (), data=data)
            found = find_series(loaded.suite, gather(plan, {}))
            planned |= {(loaded.suite.suite, series.name, series.settings) for series in found}
    return planned


def reduced_accuracies(catalogue: Catalogue) -> dict[str, Summary]:
    """Return by method what its search with the catalogue's settings found, from the baseline of most seeds.

    What was recorded under settings that no longer run is left out.
    """
    found: dict[str, Summary] = {}
    planned = reduced_settings(catalogue)
    for file in sorted((ROOT / "suites" / "baselines").glob("*-reduced.json")):
        baseline = Baseline.model_validate_json(file.read_bytes())
        for series, entry in baseline.series.items():
            method, _, dataset = series.partition(" on ")
            new, known = entry.summary(ACCURACY), found.get(method)
            if dataset != "cifar10" or new is None or (baseline.suite, series, entry.settings) not in planned:
                continue
            if known is None or new.n > known.n:
                found[method] = new
    return found


def methods_table(catalogue: Catalogue) -> str:
    """List every method with its parts, whose settings it follows, and what it finds in the reduced profile."""
    found = reduced_accuracies(catalogue)
    rows = [
        [
            f"`{name}`",
            method.title,
            "; ".join(catalogue.own_parts(name)),
            method.paper,
            method.follows,
            accuracy(found.get(name)),
        ]
        for name, method in catalogue.methods.items()
    ]
    rows += [[f"`{name}`", title, "*no implementation yet*", "", "", ""] for name, title in catalogue.planned.items()]
    return table(["method", "what", "parts beyond its protocol's", "paper", "settings follow", "reduced: finds"], rows)


def accuracy(found: Summary | None) -> str:
    """Write an accuracy, its deviation and the number of seeds; nothing where nothing was searched."""
    if found is None or found.mean is None:
        return ""
    deviation = "" if found.sample_std is None else f" ± {found.sample_std:.1f}"
    return f"{found.mean:.1f}%{deviation} ({found.n})"


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
    evidence = Reader(request)
    printed = Printed.of(list(evidence.printed()), evidence.findings)
    header, *rows = coverage_rows(printed.listed)
    text = splice(text, "coverage", f"{table(header, rows)}\n\n{printed.rest}.")
    return splice(text, "methods", methods_table(load_catalogue()))


def main() -> None:
    """Rewrite the file."""
    file = Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT / "README.md"
    text = render(file.read_text(encoding="utf-8"))
    with replacing(file) as temporary:
        temporary.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
