"""What `import harness` offers, and what it costs."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import harness

HEAVY = ("torch", "pandas", "numpy", "pydantic", "yaml", "typer", "rich")


def test_importing_it_imports_nothing_else() -> None:
    code = f"import sys, harness; print([name for name in {HEAVY} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_what_is_offered_is_there_with_its_types() -> None:
    """Type checkers read the imports under TYPE_CHECKING: they must name the places where things really are."""
    tree = ast.parse(Path(harness.__file__).read_text(encoding="utf-8"))
    (block,) = [node for node in tree.body if isinstance(node, ast.If)]
    typed = {alias.name: node.module for node in block.body if isinstance(node, ast.ImportFrom) for alias in node.names}
    assert typed == {name: f"harness.{place}" for name, place in harness._PLACES.items()}
    assert sorted(typed) == sorted(harness.__all__)
    for name in harness.__all__:
        assert getattr(harness, name).__doc__, name
        assert name in dir(harness)


def test_what_is_not_offered_is_not_there() -> None:
    with pytest.raises(AttributeError, match="'harness' has no attribute 'serch'"):
        harness.serch  # noqa: B018
