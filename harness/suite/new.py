"""A suite to begin with: a method of its own beside DARTS, and what should hold."""

from __future__ import annotations

import re
from pathlib import Path

from harness.errors import HarnessError, nearest
from harness.suite.grid import NAME

TEMPLATES = Path(__file__).with_name("templates")


def new_suite(name: str, space: str) -> str:
    """Return the text of a valid suite on a space; raise `HarnessError` for a name that no suite may have."""
    if not re.fullmatch(NAME, name):
        raise HarnessError(f"suite name {name!r}: lower-case letters, digits, '_', '.' and '-', such as my-suite")
    known = {path.stem: path for path in sorted(TEMPLATES.glob("*.yaml"))}
    if space not in known:
        raise HarnessError(f"no template for the space {space!r}{nearest(space, known)}")
    return known[space].read_text(encoding="utf-8").replace("NAME", name)
