"""From files to checked suites, and from a row to the layers of its search."""

from __future__ import annotations

import glob
import os
from collections.abc import Sequence
from itertools import takewhile
from pathlib import Path

from harness import shipped
from harness.config import validate
from harness.documents import Describe, load_document
from harness.errors import HarnessError, nearest
from harness.files import files_below
from harness.methods.catalogue import Catalogue
from harness.suite.checks import check
from harness.suite.loaded import LoadedSuite
from harness.suite.schema import Suite
from harness.suite.shorthand import write_out

SHIPPED = "suites"  # the folder of the shipped suites, as users write it


def load_suite(path: Path, catalogue: Catalogue) -> LoadedSuite:
    """Read a suite and check it against itself and the catalogue; raise `HarnessError`, one line."""
    document = write_out(load_document(path))
    suite = validate(Suite, document.data, Describe(document))
    loaded = LoadedSuite(suite, document, path, catalogue.with_methods(suite.methods, document))
    check(loaded)
    return loaded


def find_suites(paths: Sequence[str | Path]) -> list[Path]:
    """Return the suite files that files, globs and folders name, each once, in the order given.

    Folders are searched to the bottom. Folders and globs leave out what lies in or is a name that begins with
    ``_`` (shared blocks) or ``.``. What is no path here is looked for among the suites that come with the package:
    ``nb201``, ``suites/nb201.yaml``, ``suites``. A name that leads to no suite is an error.
    """
    found: dict[Path, None] = {}
    for name in map(str, paths):
        here = _suites_of(name) or _suites_of(f"{SHIPPED}/{name}.yaml") or _shipped(name)
        if not here:
            near = [str(Path(found)) for found in glob.glob(f"{glob.escape(os.path.dirname(name) or '.')}/*.yaml")]
            raise HarnessError(f"{name}: no suite{nearest(name, [*near, *_shipped_names()])}")
        found.update(dict.fromkeys(here))
    return list(found)


def _shipped(name: str) -> list[Path]:
    """Return the suites of the package that a name, with or without folder and suffix, leads to."""
    folder, parts = shipped.folder("suites"), Path(name).parts
    if folder is None or not parts or any(part[0] in "_./" for part in parts):
        return []
    inner = glob.escape(str(folder)) if glob.has_magic(name) else str(folder)
    place = os.path.join(inner, *parts[parts[0] == SHIPPED :])
    return _suites_of(place) or _suites_of(f"{place}.yaml")


def _shipped_names() -> list[str]:
    folder = shipped.folder("suites")
    return [path.stem for path in _suites_of(str(folder))] if folder is not None else []


def _suites_of(name: str) -> list[Path]:
    path = Path(name)
    if os.path.isfile(path):
        return [path]
    if os.path.isdir(path):
        base, matches = path, files_below(path, ".yaml")
    else:
        base = Path(*takewhile(lambda part: not glob.has_magic(part), path.parts))
        matches = [p for p in map(Path, sorted(glob.glob(name, recursive=True))) if not p.is_dir()]
    return [p for p in matches if not any(part[0] in "_." for part in p.relative_to(base).parts)]
