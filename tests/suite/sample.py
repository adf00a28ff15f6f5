"""The small valid suite `sample.yaml`, which tests write, change and break."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from harness.methods.catalogue import Catalogue, load_catalogue
from harness.suite.load import load_suite
from harness.suite.loaded import LoadedSuite

PLANNED = {"cdarts": "CDARTS", "rsps": "RSPS", "setn": "SETN"}
SUITE = Path(__file__).with_name("sample.yaml").read_text(encoding="utf-8")


def changed(*changes: tuple[str, str]) -> str:
    """Return the sample with texts replaced, each of which must occur exactly once."""
    text = SUITE
    for old, new in changes:
        assert text.count(old) == 1, f"{old!r} occurs {text.count(old)} times"
        text = text.replace(old, new)
    return text


def with_planned() -> Catalogue:
    """Return the catalogue as if some of its methods had no implementation yet."""
    shipped = load_catalogue()
    methods = {name: method for name, method in shipped.methods.items() if name not in PLANNED}
    return replace(shipped, methods=methods, planned=PLANNED)


def load(folder: Path, *changes: tuple[str, str]) -> LoadedSuite:
    """Write the changed sample into a folder and load it."""
    path = folder / "sample.yaml"
    path.write_text(changed(*changes), encoding="utf-8")
    return load_suite(path, with_planned())


def without_figures() -> tuple[str, str]:
    """Return the change that leaves the declared figures out, which name rows."""
    return SUITE[SUITE.index("figures:\n") :], ""


def without_searches() -> list[tuple[str, str]]:
    """Return the changes that leave published numbers alone: nothing to run, no profiles, no claims."""
    start, end, claims = (SUITE.index(f"{key}:\n") for key in ("profiles", "tables", "claims"))
    return [
        (SUITE[start:end], ""),
        (SUITE[claims:], ""),
        ("method: darts-v1\n        n", "method: null\n        n"),
        ("method: ex-darts", "method: rsps"),
        ("search: {alpha_init: {scale: 0.01}}", "note: x"),
        ("method: darts-v1\n        s", "method: setn\n        s"),
    ]
