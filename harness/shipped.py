"""What comes with the package beside its code: the suites, and the records of its own results.

An installed package has them inside (`setup.py` puts them there), a checkout beside the package.
"""

from __future__ import annotations

from pathlib import Path
from typing import Literal

PACKAGE = Path(__file__).parent
INSIDE = "_shipped"


def folder(name: Literal["suites", "results"]) -> Path | None:
    """Return where it lies, relative to the working directory where it is below that; None where it is not there."""
    inside, beside = PACKAGE / INSIDE / name, PACKAGE.parent / name
    is_checkout = (PACKAGE.parent / "pyproject.toml").is_file()
    found = next((path for path in (inside, *([beside] if is_checkout else [])) if path.is_dir()), None)
    return found and _from_here(found)


def _from_here(path: Path) -> Path:
    here = Path.cwd()
    return path.relative_to(here) if path.is_relative_to(here) else path
