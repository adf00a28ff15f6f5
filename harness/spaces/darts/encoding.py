"""The notation of cells with two terms per node, as the DARTS space and its ancestors have them. No torch here.

A cell has two inputs, sources 0 and 1, and nodes, sources 2, 3, ...; a node is the sum of two terms, each an operation
on a source; the cell returns some of its nodes, all unless it says which. An architecture is a normal and a reduction
cell:

    normal |sep_conv_3x3~0|skip_connect~1|+|...|+|...|+|...| reduce |...|+|...|+|...|+|...|

with a group between bars for each node. A cell that returns only some nodes names them: ``reduce[4,5,6] |...``, where
2 is the first node. Public code writes ``Genotype(normal=[('sep_conv_3x3', 0), ...], normal_concat=range(2, 6), ...)``,
two terms after two terms, or a list of the two for each node; all are read.
"""

from __future__ import annotations

import ast
import operator
import re
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from harness.errors import HarnessError
from harness.spaces.operations import operation

KINDS = ("normal", "reduce")
INPUTS = 2
TERMS = 2  # of a node
Term = tuple[str, int]  # operation, source


class Cell(NamedTuple):
    """``nodes``: of each node the terms, by source; ``returned``: the sources that make up the output."""

    nodes: tuple[tuple[Term, Term], ...]
    returned: tuple[int, ...]

    @property
    def terms(self) -> list[Term]:
        """List all terms, node after node."""
        return [term for node in self.nodes for term in node]


Architecture = Mapping[str, Cell]  # by kind


def to_string(architecture: Architecture) -> str:
    """Write an architecture in the project's notation."""
    return " ".join(f"{kind}{_suffix(architecture[kind])} {_bars(architecture[kind])}" for kind in KINDS)


def parse(text: str) -> dict[str, Cell]:
    """Read an architecture, in the project's notation or as a genotype of public code; raise `HarnessError`."""
    if text.lstrip().startswith("Genotype("):
        return from_genotype(text)
    found = re.fullmatch(r"\s*normal(\S*) (\S+) reduce(\S*) (\S+)\s*", text)
    if found is None:
        raise HarnessError(f"architecture {text!r}: expected 'normal |...| reduce |...|' or 'Genotype(...)'")
    suffixes, bodies = found.group(1, 3), found.group(2, 4)
    cells = zip(KINDS, suffixes, bodies, strict=True)
    return {kind: _cell(f"{kind} cell", _nodes(kind, body), _returned(kind, suffix)) for kind, suffix, body in cells}


def from_genotype(text: str) -> dict[str, Cell]:
    """Read ``Genotype(normal=[...], normal_concat=..., reduce=[...], reduce_concat=...)``; it is not run."""
    try:
        call = ast.parse(text.strip(), mode="eval").body
        assert isinstance(call, ast.Call) and not call.args
        values = {str(keyword.arg): _value(keyword.value) for keyword in call.keywords}
        return from_lists(values)
    except (SyntaxError, ValueError, TypeError, AssertionError, KeyError) as error:
        raise HarnessError(f"genotype {text!r}: expected normal, normal_concat, reduce and reduce_concat") from error


def from_lists(values: Mapping[str, Any]) -> dict[str, Cell]:
    """Build an architecture of lists: ``normal``: pairs (operation, source), ``normal_concat``: sources; reduce alike.

    Raises `HarnessError` for what is no cell, `KeyError`, `TypeError` or `ValueError` for what is no such list.
    """
    return {kind: _cell(f"{kind} cell", _pairs(values[kind]), values[f"{kind}_concat"]) for kind in KINDS}


def to_genotype(architecture: Architecture) -> str:
    """Write an architecture as public code does."""
    parts = []
    for kind in KINDS:
        cell = architecture[kind]
        parts += [f"{kind}={cell.terms!r}", f"{kind}_concat={list(cell.returned)!r}"]
    return f"Genotype({', '.join(parts)})"


def _value(node: ast.expr) -> Any:
    """Evaluate a literal, or a range of literals."""
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "range":
        return list(range(*(int(ast.literal_eval(argument)) for argument in node.args)))
    return ast.literal_eval(node)


def _bars(cell: Cell) -> str:
    return "+".join("|" + "".join(f"{name}~{source}|" for name, source in node) for node in cell.nodes)


def _suffix(cell: Cell) -> str:
    whole = tuple(range(INPUTS, INPUTS + len(cell.nodes)))
    return "" if cell.returned == whole else f"[{','.join(map(str, cell.returned))}]"


def _nodes(kind: str, body: str) -> list[list[Term]]:
    """Read the groups between bars."""
    nodes = []
    for group in body.split("+"):
        terms = [term.partition("~") for term in group.strip("|").split("|")]
        if not (group.startswith("|") and group.endswith("|")) or any(not source.isdigit() for *_, source in terms):
            raise HarnessError(f"{kind} cell: group {group!r} must hold terms 'operation~source' between bars")
        nodes.append([(name, int(source)) for name, _, source in terms])
    return nodes


def _returned(kind: str, suffix: str) -> list[int] | None:
    """Read ``[4,5,6]``; nothing: None."""
    if suffix and not re.fullmatch(r"\[\d+(,\d+)*\]", suffix):
        raise HarnessError(f"{kind} cell: expected the nodes that it returns as in '{kind}[4,5,6]', found {suffix!r}")
    return [int(number) for number in suffix[1:-1].split(",")] if suffix else None


def _pairs(terms: Sequence[Sequence[Any]]) -> list[list[Term]]:
    """Take two terms after two for a node, or lists of a node's terms as they are."""
    if terms and not isinstance(terms[0][0], str):
        return [[(str(name), operator.index(source)) for name, source in node] for node in terms]
    listed = [(str(name), operator.index(source)) for name, source in terms]
    return [listed[start : start + TERMS] for start in range(0, len(listed), TERMS)]


def _cell(where: str, nodes: Sequence[Sequence[Term]], returned: Sequence[int] | None) -> Cell:
    """Check a cell and put its terms in order."""
    for number, terms in enumerate(nodes, start=INPUTS):
        if len(terms) != TERMS:
            raise HarnessError(f"{where}: node {number} has {len(terms)} terms, expected {TERMS}")
        for name, source in terms:
            try:
                operation(name)
            except HarnessError as error:
                raise HarnessError(f"{where}: node {number}: {error}") from error
            if not 0 <= source < number:
                raise HarnessError(
                    f"{where}: node {number} cannot read source {source}; it is one of 0 to {number - 1}"
                )
    last = INPUTS + len(nodes)
    chosen = tuple(range(INPUTS, last) if returned is None else returned)
    if not chosen or len(set(chosen)) != len(chosen) or not set(chosen) <= set(range(last)):
        raise HarnessError(f"{where}: returns {list(chosen)}, expected sources out of 0 to {last - 1}")
    return Cell(tuple((first, second) for first, second in (sorted(t, key=_order) for t in nodes)), chosen)


def _order(term: Term) -> tuple[int, str]:
    return term[1], term[0]
