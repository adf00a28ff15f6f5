"""Nobody outside `harness.spaces` knows a particular space; and what `Space` itself computes."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

import harness
from harness.errors import HarnessError
from harness.spaces import operations
from harness.spaces.operations import Convolution, Operation
from harness.spaces.registry import known, published
from harness.spaces.space import Group
from tests.test_layers import MODULES, PACKAGE, imports

# A benchmark of one space may know it: its table is read and checked by the space's encoding.
TABLES = ("benchmarks/nb101", "benchmarks/nb201")


def particular(module: Path, source: str) -> list[str]:
    """Return the imports of a module outside `harness.spaces` that name a particular space."""
    if module.parts[0] == "spaces" or str(module).startswith(TABLES):
        return []
    tree = ast.parse(source)
    named = [(line, parts[1]) for line, parts in imports(tree) if parts[:1] == ("spaces",) and parts[1:]]
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.module == "harness.spaces":
            named += [(node.lineno, alias.name) for alias in node.names]
    return [f"{module}:{line}: {name}" for line, name in named if name in known()]


@pytest.mark.parametrize("module", MODULES, ids=str)
def test_no_module_outside_spaces_imports_a_particular_space(module: Path) -> None:
    assert particular(module, (PACKAGE / module).read_text(encoding="utf-8")) == []


@pytest.mark.parametrize(
    ("module", "source", "count"),
    [
        ("methods/x.py", "from harness.spaces.nb201 import encoding", 1),
        ("methods/x.py", "from harness.spaces import nb201", 1),
        ("methods/x.py", "def f():\n    import harness.spaces.nb201.net", 1),
        ("methods/x.py", "from harness.spaces.space import Space", 0),
        ("spaces/x.py", "from harness.spaces.nb201 import encoding", 0),
        ("benchmarks/nb201.py", "from harness.spaces.nb201 import encoding", 0),
        ("benchmarks/nb101_file.py", "from harness.spaces.oneshot import encoding", 0),
        ("benchmarks/x.py", "from harness.spaces.nb201 import encoding", 1),
    ],
)
def test_the_rule_itself(module: str, source: str, count: int) -> None:
    assert len(particular(Path(module), source)) == count


def test_settings_and_networks_of_spaces_are_apart() -> None:
    """What lists and validates imports no torch."""
    for path in (Path(harness.__file__).parent / "spaces").rglob("space.py"):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        top = [node for node in tree.body if isinstance(node, ast.Import | ast.ImportFrom)]
        assert not [node for node in top if "torch" in ast.unparse(node)]


def test_nb201_is_the_default_and_has_its_settings() -> None:
    space = published("nb201")
    assert space.model_dump(mode="json") == {
        "name": "nb201", "channels": 16, "cells": 5, "conv_bias": True, "bn_statistics": "batch",
        "ops": ["none", "skip_connect", "nor_conv_1x1", "nor_conv_3x3", "avg_pool_3x3"], "partial_channels": 1,
    }  # fmt: skip
    assert space.architectures == 15_625 and space.edges == 6 and space.cell_types == ("cell",)
    with pytest.raises(HarnessError, match=r"unknown space 'nb210'.*nb201"):
        published("nb210")


def test_groups_are_rectangles() -> None:
    whole = {"name": "g", "cell": "c", "places": (0, 1), "sources": (0, 0), "nodes": (1, 2)}
    assert Group(**whole, options=(("none", "noise"), ("noise", "none"))).of_kind("none") == [(0,), (1,)]
    with pytest.raises(ValueError, match="equally many options"):
        Group(**whole, options=(("none",), ("none", "noise")))
    with pytest.raises(ValueError, match="for each of its 1 rows"):
        Group(**whole, options=(("none",),))


def test_operations_are_known_by_name_and_only_once() -> None:
    assert operations.operation("skip_connect").kind == "skip"
    operations.register(operations.operation("noise"))  # the same again
    with pytest.raises(HarnessError, match="is in the table"):
        operations.register(Operation("noise", "noise", "conv", (Convolution((1, 1)),)))
    with pytest.raises(HarnessError, match=r"unknown operation 'skip_conect'; did you mean 'skip_connect'"):
        operations.operation("skip_conect")
