"""Write the generated parts of README.md anew, coverage of the printed numbers and the methods, and docs/methods.md;
and docs/collapse.png, where there are records of the reduced profile.

Each part of README lies between ``<!-- NAME: begin -->`` and ``<!-- NAME: end -->``. Usage:
``python scripts/readme.py [FILE] [--results FOLDER]``.
"""

from __future__ import annotations

import argparse
import re
from pathlib import Path

from harness.analysis.aggregate import Summary
from harness.analysis.baselines import Baseline
from harness.analysis.evidence import gather
from harness.analysis.series import ACCURACY, find_series
from harness.api.reader import Reader
from harness.api.request import Request
from harness.data.atomic import replacing
from harness.methods.catalogue import Catalogue, load_catalogue
from harness.report.curves import collapse_figure
from harness.report.figures import to_png
from harness.report.printed import Printed, coverage_rows
from harness.runner.availability import TRAINING_IMAGES, DataAvailability
from harness.runner.plan import Filters, make_plan
from harness.suite.load import find_suites, load_suite
from harness.text import markdown_table

ROOT = Path(__file__).parents[1]
METHODS = ROOT / "docs" / "methods.md"
PICTURE = ROOT / "docs" / "collapse.png"


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
    """List every method with what it finds in the reduced profile."""
    found = reduced_accuracies(catalogue)
    rows = [
        [f"[`{name}`](docs/methods.md#{name})", method.title, accuracy(found.get(name))]
        for name, method in catalogue.methods.items()
    ]
    return markdown_table(["method", "title", "reduced: finds"], rows)


def methods_page(catalogue: Catalogue) -> str:
    """Describe every method: where it comes from, whose settings it follows, what it is composed of."""
    parts = [
        "# Methods",
        "Made by `make readme` from [the catalogue](../harness/methods/catalogue.yaml). *Parts* are those beyond the "
        "protocol or the method that it extends; `harness show suite/table/row` prints every setting of a row with its "
        "source.",
    ]
    for name, method in catalogue.methods.items():
        parts += [f"## {name}", f"**{method.title}.** {method.paper}."]
        own = "; ".join(catalogue.own_parts(name))
        parts += [f"*Parts:* {own}."] if own else []
        parts += [f"*Follows* {method.follows}."] if method.follows else []
    return "\n\n".join(parts) + "\n"


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
    text = splice(text, "coverage", f"{markdown_table(header, rows)}\n\n{printed.rest}.")
    return splice(text, "methods", methods_table(load_catalogue()))


def main() -> None:
    """Rewrite the files."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("file", nargs="?", type=Path, default=ROOT / "README.md")
    parser.add_argument("--results", type=Path, default=ROOT / "results", help="records for the picture")
    asked = parser.parse_args()
    write(asked.file, render(asked.file.read_text(encoding="utf-8")).encode())
    write(METHODS, methods_page(load_catalogue()).encode())
    if picture := collapse(asked.results):
        write(PICTURE, picture)


def collapse(results: Path) -> bytes | None:
    """Draw what the reduced searches on NAS-Bench-201 find; None without records of them."""
    request = Request.read([str(ROOT / "suites" / "nb201.yaml")], "reduced", None, None, None, None, None, results)
    figures = map(collapse_figure, Reader(request).verdicts())
    return next((to_png(figure) for figure in figures if figure is not None and figure.drawn), None)


def write(file: Path, content: bytes) -> None:
    """Replace a file."""
    with replacing(file) as temporary:
        temporary.write_bytes(content)


if __name__ == "__main__":
    main()
