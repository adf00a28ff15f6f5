"""Imports point to the left only: suites -> suite -> parts -> engine -> runner -> analysis -> report -> cli."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

import harness

PACKAGE = Path(harness.__file__).parent
# From left to right. A module may import its own package and those to the left; modules at the root belong to none.
LAYERS = (
    "root",
    "theory",
    "spaces",
    "data",
    "methods",
    "benchmarks",
    "suite",
    "audit",
    "engine",
    "runner",
    "analysis",
    "report",
    "cli",
)
MODULES = sorted(path.relative_to(PACKAGE) for path in PACKAGE.rglob("*.py"))


def layer(parts: tuple[str, ...]) -> str:
    """Return the layer of a module by its path below the package, without the suffix."""
    is_package = (PACKAGE / parts[0]).is_dir() if parts else False
    return parts[0] if is_package else "cli" if parts == ("__main__",) else "root"


def imports(tree: ast.Module) -> Iterator[tuple[int, tuple[str, ...]]]:
    """Yield line and path below the package of every import of our own, wherever it stands, type checking included."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"line {node.lineno}: relative import"
            module = node.module or ""
            names = [f"{module}.{alias.name}" if module == "harness" else module for alias in node.names]
        else:
            continue
        for name in names:
            first, *rest = name.split(".")
            if first == "harness":
                yield node.lineno, tuple(rest)


def wrong_imports(module: Path, source: str) -> list[str]:
    """Return the imports of a module that point to the right."""
    here = LAYERS.index(layer(module.with_suffix("").parts))
    found = [(line, parts) for line, parts in imports(ast.parse(source)) if LAYERS.index(layer(parts)) > here]
    return [f"{module}:{line}: {LAYERS[here]} imports harness.{'.'.join(parts)}" for line, parts in found]


@pytest.mark.parametrize("module", MODULES, ids=str)
def test_imports_point_to_the_left(module: Path) -> None:
    assert not wrong_imports(module, (PACKAGE / module).read_text(encoding="utf-8"))


def test_every_package_has_a_layer() -> None:
    packages = {path.parent.name for path in PACKAGE.glob("*/__init__.py")}
    assert packages == set(LAYERS) - {"root"}


@pytest.mark.parametrize(
    ("module", "source", "wrong"),
    [
        ("suite/x.py", "from harness.methods.spec import SearchSpec", 0),
        ("suite/x.py", "from harness.suite.schema import Suite", 0),
        ("suite/x.py", "from harness.engine.search import run_search", 1),
        ("suite/x.py", "def f():\n    import harness.cli.app", 1),
        ("errors.py", "from harness import seeds", 0),
        ("errors.py", "from harness import suite", 1),
        ("errors.py", "from harness.seeds import derive_seed", 0),
        ("analysis/x.py", "import numpy, harness.report.page", 1),
        ("__main__.py", "from harness.cli import main", 0),
    ],
)
def test_the_rule_itself(module: str, source: str, wrong: int) -> None:
    assert len(wrong_imports(Path(module), source)) == wrong
