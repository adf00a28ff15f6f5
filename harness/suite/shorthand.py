"""Short forms of a suite, written out before it is read: rows of grids, rows like others, columns of claims.

All that comes later sees ordinary rows and claims; a mistake in one of them is reported where its part was written.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from harness.config import validate
from harness.documents import Describe, Document, KeyPath, merge_documents
from harness.errors import nearest
from harness.suite.grid import MOST_CELLS, Array, Cell, Exclusion, Grid, Sample, chosen, combinations

# What a row gives to another that is like it.
SEARCHED = ("method", "searched_on", "per_dataset", "search", "reduced", "computation", "stop", "n")


def write_out(document: Document) -> Document:
    """Return a suite's document with its short forms written out; raise `ConfigError`."""
    out = document.below(())
    _Grids(out).run()
    _write_likes(out)
    _write_columns(out)
    return out


def _mapping(data: Any, *path: str | int) -> dict[str, Any]:
    """Return the mapping at a path; an empty one where there is something else, which the schema will complain of."""
    for key in path:
        data = data.get(key) if isinstance(data, dict) else None
    return data if isinstance(data, dict) else {}


def _known(document: Document, path: KeyPath, kind: str, name: str, names: Iterable[str]) -> None:
    if name not in (choices := list(names)):
        raise document.error(path, f"unknown {kind} {name!r}{nearest(name, choices)}")


@dataclass
class _Factors:
    """The factors of a table's grid, those first that it is `like`: names of levels, and where each is written.

    ``fixed``: where what is part of every row is written; ``cells``: what the design has.
    """

    levels: dict[str, list[str]] = field(default_factory=dict)
    places: dict[str, KeyPath] = field(default_factory=dict)
    without: list[Exclusion] = field(default_factory=list)
    fixed: list[KeyPath] = field(default_factory=list)
    cells: list[Cell] = field(default_factory=list)


class _Grids:
    def __init__(self, document: Document) -> None:
        self.document = document
        self.factors: dict[str, _Factors] = {}

    def run(self) -> None:
        """Write the rows of every grid into its table, before those that it has already."""
        for name, table in _mapping(self.document.data, "tables").items():
            if isinstance(table, dict) and "grid" in table:
                at: KeyPath = ("tables", name, "grid")
                grid = validate(Grid, table["grid"], Describe(self.document, at))
                self.factors[name] = self._factors(at, grid)
                self.factors[name].cells += self._cells(at, grid, self.factors[name])
                self._write(name, self.factors[name])

    def _factors(self, at: KeyPath, grid: Grid) -> _Factors:
        if grid.like is not None:
            _known(self.document, (*at, "like"), "grid of a table above", grid.like, self.factors)
        base = self.factors[grid.like] if grid.like else _Factors()
        levels, places = dict(base.levels), dict(base.places)
        for factor, parts in grid.factors.items():
            if factor in base.levels:
                raise self.document.error((*at, "factors", factor), f"is a factor of {grid.like!r} already")
            levels[factor], places[factor] = list(parts), (*at, "factors", factor)
        if not levels:
            raise self.document.error(at, "needs at least one factor")
        for index, exclusion in enumerate(grid.without):
            for factor, names in exclusion.levels.items():
                here: KeyPath = (*at, "without", index, "levels", factor)
                _known(self.document, here, "factor", factor, levels)
                for name in names:
                    _known(self.document, here, f"level of {factor!r}", name, levels[factor])
        return _Factors(levels, places, [*base.without, *grid.without], [*base.fixed, (*at, "fixed")])

    def _cells(self, at: KeyPath, grid: Grid, factors: _Factors) -> list[Cell]:
        here: KeyPath = (*at, "design")
        if grid.design is None and grid.like is not None:
            own = list(combinations({factor: list(parts) for factor, parts in grid.factors.items()}, []))
            cells = [{**cell, **more} for cell in self.factors[grid.like].cells for more in own]
            return [cell for cell in cells if not any(exclusion.excludes(cell) for exclusion in grid.without)]
        assert grid.design is not None
        count = math.prod(map(len, factors.levels.values()))
        if isinstance(grid.design, Array):
            self._listed((*here, "cells"), grid.design.cells, factors)
            return chosen(grid.design, factors.levels, [])
        if count > MOST_CELLS:
            raise self.document.error(here, f"{count:,} combinations of levels, more than {MOST_CELLS:,}")
        allowed = list(combinations(factors.levels, factors.without))
        if isinstance(grid.design, Sample) and grid.design.cells > len(allowed):
            raise self.document.error((*here, "cells"), f"{grid.design.cells} cells of {len(allowed)} combinations")
        return chosen(grid.design, factors.levels, allowed)

    def _listed(self, at: KeyPath, cells: list[list[str]], factors: _Factors) -> None:
        for index, levels in enumerate(cells):
            if len(levels) != len(factors.levels):
                raise self.document.error((*at, index), f"{len(levels)} levels for {len(factors.levels)} factors")
            for place, (level, (factor, names)) in enumerate(zip(levels, factors.levels.items(), strict=True)):
                _known(self.document, (*at, index, place), f"level of {factor!r}", level, names)
            if levels in cells[:index]:
                raise self.document.error((*at, index), "the same cell once more")
            for exclusion in factors.without:
                if exclusion.excludes(dict(zip(factors.levels, levels, strict=True))):
                    raise self.document.error((*at, index), f"is excluded: {exclusion.because}")

    def _write(self, name: str, factors: _Factors) -> None:
        at: KeyPath = ("tables", name)
        table, rows = self.document.data["tables"][name], dict[str, Document]()
        own = table.get("rows") or {}
        if not isinstance(own, dict):
            return  # the schema will complain of it
        for cell in factors.cells:
            row = "-".join(cell.values())
            if row in rows:
                raise self.document.error((*at, "grid"), f"two cells would be row {row!r}: names of levels join to one")
            rows[row] = self._row(name, row, cell, factors)
        table["rows"] = {**dict.fromkeys(rows), **own}
        self.document.places.setdefault((*at, "rows"), self.document.place((*at, "grid")))
        for row, written in rows.items():
            self.document.put((*at, "rows", row), written)

    def _row(self, table: str, name: str, cell: Cell, factors: _Factors) -> Document:
        grid: KeyPath = ("tables", table, "grid")
        levels: list[KeyPath] = [(*factors.places[factor], level) for factor, level in cell.items()]
        own: KeyPath = ("tables", table, "rows", name)
        row = Document({}, {})
        for path in (*factors.fixed, *levels, own):
            if path in self.document:
                merge_documents(row, self.document.below(path))
        row.places[()] = self.document.place(own if own in self.document else grid)
        said = [_mapping(self.document.data, *path).get("label", path[-1]) for path in levels]
        row.data["label"] = _mapping(self.document.data, *own).get("label") or ", ".join(str(s) for s in said if s)
        row.data["levels"] = dict(cell)
        return row


def _write_likes(document: Document) -> None:
    """Lay every row that is like one above over what decides that one's search."""
    above: list[str] = []
    for table in _mapping(document.data, "tables"):
        for row, data in _mapping(document.data, "tables", table, "rows").items():
            at: KeyPath = ("tables", table, "rows", row)
            if isinstance(data, dict) and isinstance(data.get("like"), str):
                like = data["like"] if "/" in data["like"] else f"{table}/{data['like']}"
                _known(document, (*at, "like"), "row above", like, above)
                base = _searched(document, table, *like.split("/"))
                merge_documents(base, document.below(at))
                base.data = {key: base.data[key] for key in (*data, *(k for k in base.data if k not in data))}
                document.put(at, base)
            above.append(f"{table}/{row}")


def _searched(document: Document, table: str, of_table: str, of_row: str) -> Document:
    """Return what decides the search of a row, with what its table says where that is another one."""
    found = Document({}, {(): document.place(("tables", of_table, "rows", of_row))})
    paths: list[KeyPath] = [("tables", of_table, "rows", of_row)]
    if of_table != table:
        paths.insert(0, ("tables", of_table))
    for path in paths:
        for key in SEARCHED:
            if (*path, key) in document:
                merge_documents(found, document.part(path, key))
    return found


def _write_columns(document: Document) -> None:
    """Write out what the sides of a claim measure where it names a column, and sides that are names of rows."""
    columns = _mapping(document.data, "columns")
    for name, claim in _mapping(document.data, "claims").items():
        at: KeyPath = ("claims", name)
        for side in ("left", "right"):
            if isinstance(claim, dict) and isinstance(claim.get(side), str):
                claim[side] = {"row": claim[side]}
                document.places[(*at, side, "row")] = document.place((*at, side))
        if isinstance(claim, dict) and isinstance(claim.get("column"), str):
            _known(document, (*at, "column"), "column", claim["column"], columns)
            facts = _mapping(columns, claim["column"])
            if facts.get("metric") != "accuracy":
                raise document.error((*at, "column"), f"{claim['column']!r} is no accuracy")
            measured = {key: facts.get(key) for key in ("dataset", "split", "training_epochs")}
            for side in ("left", "right"):
                if isinstance(claim.get(side), dict):
                    claim[side] = {"of": "accuracy", **measured, **claim[side]}
