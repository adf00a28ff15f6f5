"""Write the report as a small site: the same records give the same bytes."""

from __future__ import annotations

import gzip
from collections.abc import Iterator, Sequence
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING

from harness.analysis.verdicts import SuiteVerdict
from harness.data.atomic import replacing
from harness.errors import HarnessError
from harness.report.links import Records
from harness.report.printed import Printed
from harness.runner.store import Store

if TYPE_CHECKING:
    from importlib.resources.abc import Traversable

    from harness.report.site import Site

FIRST = "index.html"
FILES = "files.txt"  # names all files of the report
STATIC = files("harness.report") / "static"


def write_report(
    verdicts: Sequence[SuiteVerdict],
    out: Path,
    results: Path | None = None,
    printed: Printed | None = None,
) -> list[Path]:
    """Write the site into ``out``, and beside it copies of the records that it shows; return the paths, the first page
    before the others.

    ``results``: the folder of the records. ``printed``: all printed numbers and the audit, by default the numbers of
    the verdicts under the paper profile. Files are replaced whole. Raises `HarnessError` where somebody else's first
    page is in the folder.
    """
    from harness.report.site import Site

    if (out / FIRST).exists() and not (out / FILES).exists():
        raise HarnessError(f"{out / FIRST}: is of no earlier report, name another folder")
    records = Records(results, Store.of(results).index() if results else {})
    site = Site(verdicts, printed or Printed.beside(verdicts), records)
    contents, before = dict(_contents(verdicts, site)), _listed(out)
    written = {name: out / name for name in contents}
    for name, content in contents.items():
        if name != FIRST:
            _write(out / name, content)
    for trial in site.shown_trials():  # one by one: there may be ten thousand
        if (place := records.place(trial)) is not None:
            written[place] = _write(out / place, gzip.compress(records.files[trial].read_bytes(), mtime=0))
    _write(out / FILES, "".join(f"{name}\n" for name in written).encode())
    _write(out / FIRST, contents[FIRST])  # last: where the disk is full the old one leads to old pages
    for name in before - written.keys():
        (out / name).unlink(missing_ok=True)
    return [*written.values()]


def _listed(out: Path) -> set[str]:
    """Return the files of an earlier report in the folder: what it has and this one does not must go."""
    try:
        names = (out / FILES).read_text(encoding="utf-8").splitlines()
    except OSError:
        return set()
    return {name for name in names if (out / name).resolve().is_relative_to(out.resolve())}


def _contents(verdicts: Sequence[SuiteVerdict], site: Site) -> Iterator[tuple[str, bytes]]:
    """Yield all files but the records."""
    from harness.report.export import results_csv, verdicts_csv

    yield from ((name, text.encode()) for name, text in site.pages())
    yield from site.pictures()
    yield "verdicts.csv.gz", gzip.compress(verdicts_csv(verdicts).encode(), mtime=0)
    yield "results.csv.gz", gzip.compress(results_csv(verdicts).encode(), mtime=0)
    yield from _static(STATIC, "")


def _static(folder: Traversable, before: str) -> Iterator[tuple[str, bytes]]:
    for item in sorted(folder.iterdir(), key=lambda item: item.name):
        if item.is_dir():
            yield from _static(item, f"{before}{item.name}/")
        else:
            yield f"{before}{item.name}", item.read_bytes()


def _write(path: Path, content: bytes) -> Path:
    with replacing(path, durable=False) as temporary:
        temporary.write_bytes(content)
    return path
