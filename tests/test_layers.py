"""Imports point to the left only: suites -> suite -> parts -> engine -> runner -> analysis -> report -> api -> cli."""

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
    "api",
    "cli",
)
MODULES = sorted(path.relative_to(PACKAGE) for path in PACKAGE.rglob("*.py"))


def layer(parts: tuple[str, ...]) -> str:
    """Return the layer of a module by its path below the package, without the suffix.

    ``__init__``, and a name that is no module, which only that can offer, are the face of `harness.api`; the bare
    package is everybody's.
    """
    if not parts:
        return "root"
    if (PACKAGE / parts[0]).is_dir():
        return parts[0]
    if parts == ("__main__",):
        return "cli"
    is_module = parts != ("__init__",) and (PACKAGE / f"{parts[0]}.py").is_file()
    return "root" if is_module or len(parts) > 1 else "api"


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
        ("__init__.py", "from harness.api.running import run", 0),
        ("__init__.py", "from harness.cli import main", 1),
        ("analysis/x.py", "from harness import records", 1),
        ("cli/x.py", "from harness import records", 0),
        ("runner/x.py", "import harness", 0),
        ("api/x.py", "from harness.report.page import render_page", 0),
        ("report/x.py", "from harness.api.reader import Reader", 1),
    ],
)
def test_the_rule_itself(module: str, source: str, wrong: int) -> None:
    assert len(wrong_imports(Path(module), source)) == wrong
