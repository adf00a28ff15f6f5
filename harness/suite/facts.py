"""The table of protocol facts: what every searching row runs under the paper profile, and who says so.

``suites/_base/settings.yaml`` types the settings a second time, each with its source, in named blocks that rows
compose. What a row resolves to and what the table states of it must agree in every setting: see `disagreements`.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

from pydantic import Field, model_validator

from harness.config import Strict, validate
from harness.documents import Describe, Document, KeyPath, load_document
from harness.errors import HarnessError, nearest
from harness.suite.loaded import LoadedSuite
from harness.suite.schema import Deviation

FILE = Path("_base", "settings.yaml")  # beside the suites
PROFILE = "paper"
# Who states the one must state the other: a schedule that is inherited with another rate, or other epochs, is another.
TOGETHER = {"weight_optimiser.lr": "weight_schedule", "epochs": "weight_schedule"}

Source = Annotated[str, Field(pattern=r"^(paper|official|chosen here): \S")]


class Fact(Strict):
    """A setting's value and where it is from; written ``[value, source]``, the source in full or by its short name.

    A block as value states all its settings, and replaces all that was stated of it before.
    """

    value: Any
    source: str

    @model_validator(mode="before")
    @classmethod
    def _short_form(cls, data: Any) -> Any:
        if not isinstance(data, list) or len(data) != 2:
            raise ValueError("must be [value, source]")
        return {"value": data[0], "source": data[1]}


class _Block(Strict):
    """Facts by key path of a setting, ``weight_optimiser.lr``; ``extends``: a block whose facts come first."""

    extends: str | None = None
    facts: dict[str, Fact]

    @model_validator(mode="before")
    @classmethod
    def _short_form(cls, data: Any) -> Any:
        if not isinstance(data, dict):
            return data
        return {"extends": data.get("extends"), "facts": {k: v for k, v in data.items() if k != "extends"}}


class _File(Strict):
    """``rows``: suite -> table -> row -> the blocks that it is made of, later ones winning.

    ``grids``: suite -> table -> factor -> level -> blocks. A row of a grid is made of its levels' in this order, then
    of what ``rows`` has of it.
    """

    sources: dict[str, Source]
    blocks: dict[str, _Block]
    rows: dict[str, dict[str, dict[str, list[str]]]]
    grids: dict[str, dict[str, dict[str, dict[str, list[str]]]]] = Field(default_factory=dict)


@dataclass(frozen=True)
class Facts:
    """The table of facts, checked: every block and every source that is named is there."""

    file: _File
    document: Document

    def knows(self, suite: str) -> bool:
        """Tell whether anything is stated of a suite."""
        return suite in self.file.rows or suite in self.file.grids

    def of(self, suite: str, table: str, row: str, levels: Mapping[str, str] | None = None) -> dict[str, Fact]:
        """Return the facts of a row by key path; raise `HarnessError` where the table does not have it.

        ``levels``: by factor, of a row of a grid.
        """
        rows = self.file.rows.get(suite, {}).get(table, {})
        of_levels = self._of_levels(suite, table, levels or {})
        if row not in rows and not of_levels:
            raise HarnessError(f"{FILE}: no facts of row {suite}/{table}/{row}{nearest(row, rows)}")
        facts: dict[str, Fact] = {}
        for name in (*of_levels, *rows.get(row, ())):
            for block in self._lineage(name):
                _overlay(facts, block.facts)
        return {key: Fact.model_construct(value=f.value, source=self._full(f.source)) for key, f in facts.items()}

    def _of_levels(self, suite: str, table: str, levels: Mapping[str, str]) -> list[str]:
        """Name the blocks of a grid's row; raise `HarnessError` where one of its levels has none."""
        blocks: list[str] = []
        grid = self.file.grids.get(suite, {}).get(table, {})
        for factor, of_factor in grid.items() if levels else ():
            level = levels.get(factor, "")
            if level not in of_factor:
                what = f"level {level!r} of {suite}/{table}: {factor}"
                raise HarnessError(f"{FILE}: no facts of {what}{nearest(level, of_factor)}")
            blocks += of_factor[level]
        return blocks

    def rows(self) -> Iterator[tuple[str, str, str]]:
        """Yield suite, table and row of all facts that are stated by row."""
        for suite, tables in self.file.rows.items():
            yield from ((suite, table, row) for table, rows in tables.items() for row in rows)

    def levels(self) -> Iterator[tuple[str, str, str, str]]:
        """Yield suite, table, factor and level of all facts that are stated by level."""
        for suite, tables in self.file.grids.items():
            for table, factors in tables.items():
                yield from ((suite, table, factor, level) for factor, levels in factors.items() for level in levels)

    def have(self, suite: str, table: str, row: str) -> bool:
        """Tell whether anything is stated of a row: by itself, or by the levels of its table's grid."""
        return row in self.file.rows.get(suite, {}).get(table, {}) or table in self.file.grids.get(suite, {})

    def _lineage(self, name: str) -> list[_Block]:
        blocks: list[_Block] = []
        here: str | None = name
        while here is not None:
            blocks.insert(0, self.file.blocks[here])
            here = blocks[0].extends
        return blocks

    def _full(self, source: str) -> str:
        return self.file.sources.get(source, source)


def load_facts(suites: Path) -> Facts:
    """Read the table of facts of a folder of suites; raise `HarnessError`, one line."""
    document = load_document(suites / FILE)
    file = validate(_File, document.data, Describe(document))
    for name, block in file.blocks.items():
        _check_block(file, document, name, block)
    for path, names in _compositions(file):
        for index, name in enumerate(names):
            _known(document, (*path, index), "block", name, file.blocks)
    return Facts(file, document)


def _check_block(file: _File, document: Document, name: str, block: _Block) -> None:
    at: KeyPath = ("blocks", name)
    if block.extends is not None:
        earlier = list(file.blocks)[: list(file.blocks).index(name)]
        _known(document, (*at, "extends"), "block above", block.extends, earlier)
    for key, fact in block.facts.items():
        if ": " not in fact.source:
            _known(document, (*at, key), "source", fact.source, file.sources)
        elif not fact.source.startswith(("paper: ", "official: ", "chosen here: ")):
            raise document.error((*at, key), f"source {fact.source!r} must begin with paper, official or chosen here")
    stated = {path for key, fact in block.facts.items() for path in leaves(key, fact.value)}
    for key, other in TOGETHER.items():
        if key in stated and not any(path == other or path.startswith(f"{other}.") for path in stated):
            raise document.error(at, f"states {key!r} and leaves {other!r} to the block that it extends")


def _compositions(file: _File) -> Iterator[tuple[KeyPath, list[str]]]:
    for suite, tables in file.rows.items():
        for table, rows in tables.items():
            yield from ((("rows", suite, table, row), names) for row, names in rows.items())
    for suite, grids in file.grids.items():
        for table, factors in grids.items():
            for factor, levels in factors.items():
                yield from ((("grids", suite, table, factor, level), names) for level, names in levels.items())


def _known(document: Document, at: KeyPath, kind: str, name: str, names: Any) -> None:
    if name not in names:
        raise document.error(at, f"unknown {kind} {name!r}{nearest(name, names)}")


def leaves(key: str, value: Any) -> dict[str, Any]:
    """Return the settings below a key path by their own; lists and null are values."""
    if not isinstance(value, Mapping):
        return {key: value}
    return {path: leaf for name, below in value.items() for path, leaf in leaves(f"{key}.{name}", below).items()}


def _overlay(facts: dict[str, Fact], above: Mapping[str, Fact]) -> None:
    """Lay a block's facts over others, each in place of all that was stated at and below its key."""
    for key, fact in above.items():
        for old in [path for path in facts if path == key or path.startswith(f"{key}.") or key.startswith(f"{path}.")]:
            del facts[old]
        for path, value in leaves(key, fact.value).items():
            facts[path] = Fact.model_construct(value=value, source=fact.source)


def searched_rows(loaded: LoadedSuite) -> Iterator[tuple[str, str]]:
    """Yield table and row of every search that a suite can run."""
    for table, entry in loaded.suite.tables.items():
        for row in entry.rows:
            if loaded.searches(table, row):
                yield table, row


def settings(loaded: LoadedSuite, table: str, row: str) -> dict[str, Any]:
    """Return all that decides a searched row under the paper profile by key path: search, dataset, stop rule."""
    stop = loaded.suite.tables[table].rows[row].stop
    search = loaded.resolve(table, row, PROFILE).model_dump(mode="json")
    about = {"searched_on": loaded.searched_on(table, row), "stop": stop and stop.model_dump(mode="json")}
    return {path: leaf for key, value in {**about, **search}.items() for path, leaf in leaves(key, value).items()}


def sourced_settings(facts: Facts, loaded: LoadedSuite, table: str, row: str) -> list[tuple[str, Any, str]]:
    """Return all that decides a searched row under the paper profile: key path, value, and who has it or why.

    Of a suite that the table of facts does not know, nobody has it.
    """
    if not facts.knows(loaded.suite.suite):
        return [(key, value, "not stated") for key, value in settings(loaded, table, row).items()]
    stated = facts.of(loaded.suite.suite, table, row, _levels(loaded, table, row))
    declared = loaded.profile(PROFILE).deviations
    run = settings(loaded, table, row)
    return [(key, value, _source(key, value, stated.get(key), declared)) for key, value in run.items()]


def _levels(loaded: LoadedSuite, table: str, row: str) -> Mapping[str, str]:
    return loaded.suite.tables[table].rows[row].levels


def _source(key: str, value: Any, fact: Fact | None, declared: Sequence[Deviation]) -> str:
    if fact is None:
        return "-"
    ours = deviation(key, fact.value, value, declared)
    return f"declared, for {json.dumps(fact.value)}: {ours.because} ({fact.source})" if ours else fact.source


def disagreements(facts: Facts, loaded: LoadedSuite) -> list[str]:
    """Say in which settings a suite's searches and the table of facts differ, and what only one of them has."""
    suite, found = loaded.suite.suite, []
    searched = list(searched_rows(loaded))
    for table, row in searched:
        try:
            stated = facts.of(suite, table, row, _levels(loaded, table, row))
        except HarnessError as error:
            found.append(str(error))
            continue
        declared = loaded.profile(PROFILE).deviations
        differing = _compare(stated, settings(loaded, table, row), declared)
        found += [f"{suite}/{table}/{row}: {text}" for text in differing]
    unknown = [(s, t, r) for s, t, r in facts.rows() if s == suite and (t, r) not in searched]
    levels = {(suite, t, f, level) for t, r in searched for f, level in _levels(loaded, t, r).items()}
    unused = [(s, t, f, level) for s, t, f, level in facts.levels() if s == suite and (s, t, f, level) not in levels]
    return found + [f"{'/'.join(of)}: has facts, but is no search" for of in (*unknown, *unused)]


def deviation(key: str, stated: Any, run: Any, declared: Iterable[Deviation]) -> Deviation | None:
    """Return the declared deviation by which ``run`` stands where the sources state another value; None without one."""
    return next((d for d in declared if (d.key, d.paper, d.ours) == (key, stated, run)), None)


def _compare(stated: Mapping[str, Fact], run: Mapping[str, Any], declared: Sequence[Deviation]) -> Iterator[str]:
    for key, value in run.items():
        if key not in stated:
            yield f"{key} is {value!r} without a source"
        elif deviation(key, stated[key].value, value, declared):
            continue
        elif type(value) is bool or type(stated[key].value) is bool:
            if value is not stated[key].value:
                yield f"{key} is {value!r}, stated is {stated[key].value!r} ({stated[key].source})"
        elif value != stated[key].value:
            yield f"{key} is {value!r}, stated is {stated[key].value!r} ({stated[key].source})"
    for key in stated.keys() - run.keys():
        yield f"{key} is stated, and no setting of the search"
