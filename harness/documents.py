"""Strict YAML documents: safe loading, `include`, positions, and errors of one line.

A document is plain data plus the place (file, line) of every key path, so that a wrong value anywhere, also
in an included file, is reported where the user wrote it.
"""

from __future__ import annotations

import copy
import itertools
import math
import os
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache, partial
from pathlib import Path
from typing import Any

import yaml

from harness import shipped
from harness.errors import HarnessError, nearest
from harness.files import read_regular
from harness.text import CONTROL, brief

KeyPath = tuple[str | int, ...]
ErrorAt = Callable[[KeyPath, str], HarnessError]
TAGS = ("name", "kind")  # the keys that say which of several blocks one is
DEEPEST = 30  # levels of a document
LARGEST = 2**20  # bytes of a file; composed, a byte can take some 350
MOST_FILES = 100  # read for one document: files that include two others each are many soon
LONGEST_NUMBER = 40  # characters
# libyaml reads a suite ten times faster; the two loaders accept the same texts.
_Loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


@dataclass(frozen=True)
class Place:
    """Where a value was written; on the command line, which has no ``line``, the option."""

    file: Path | str
    line: int | None

    def __str__(self) -> str:
        return str(self.file) if self.line is None else f"{self.file}:{self.line}"


PlaceAt = Callable[[int], Place]  # from a line


class WrittenFloat(float):
    """A number that remembers its text: ``54.30`` was printed with two decimals."""

    text: str

    def __new__(cls, value: float, text: str) -> WrittenFloat:
        self = super().__new__(cls, value)
        self.text = text
        return self

    def __getnewargs__(self) -> tuple[float, str]:  # type: ignore[override]
        return float(self), self.text

    def __deepcopy__(self, memo: object) -> WrittenFloat:
        return self  # as for any number


# As YAML 1.1 sees them, less octal, hexadecimal, base 60, underscores, infinities and what is not a number.
NUMBERS = {
    "int": re.compile(r"[-+]?(0|[1-9][0-9]{0,17})"),
    "float": re.compile(r"[-+]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][-+]?[0-9]+)?"),
}
_KINDS: dict[str, Callable[[str], Any]] = {
    "map": str,
    "seq": str,
    "str": str,
    "timestamp": str,
    "null": lambda text: None,
    "bool": lambda text: text.lower() in ("yes", "true", "on"),
    "int": int,
    "float": lambda text: WrittenFloat(float(text), text),
}


class ConfigError(HarnessError):
    """A mistake in a YAML document: ``file:line: key.path: what is wrong``."""

    def __init__(self, place: Place, path: KeyPath, message: str) -> None:
        key = f"{dotted(path)}: " if path else ""
        super().__init__(f"{place}: {key}{message}")


def dotted(path: KeyPath) -> str:
    """Write a key path as a reader would: ``tables.t1.rows[2].n``."""
    text = ""
    for part in path:
        text += f"[{part}]" if isinstance(part, int) else f".{part}" if text else part
    return text


@dataclass
class Document:
    """Plain data with the place of each key path."""

    data: dict[str, Any]
    places: dict[KeyPath, Place]

    def place(self, path: KeyPath) -> Place:
        """Return the place of the nearest enclosing key that was written."""
        for length in range(len(path), -1, -1):
            if path[:length] in self.places:
                return self.places[path[:length]]
        raise KeyError(path)

    def error(self, path: KeyPath, message: str) -> ConfigError:
        """Make a one-line error that points at ``path``."""
        return ConfigError(self.place(path), path, message)

    def __contains__(self, path: KeyPath) -> bool:
        return path in self.places

    def below(self, path: KeyPath) -> Document:
        """Return a copy of the mapping at ``path`` as a document of its own."""
        data = self._at(path)
        places = {here[len(path) :]: place for here, place in self._placed(path, data)}
        return Document(copy.deepcopy(data) if isinstance(data, dict) else {}, places)

    def part(self, path: KeyPath, key: str) -> Document:
        """Return a copy of one key of the mapping at ``path``, as a document of that key alone."""
        data = self._at((*path, key))
        places = {here[len(path) :]: place for here, place in self._placed((*path, key), data)}
        return Document({key: copy.deepcopy(data)}, places)

    def put(self, path: KeyPath, other: Document) -> None:
        """Put a document in place of what is at ``path``, below a mapping that is there."""
        *above, last = path
        data = self._at(tuple(above))
        for old, _ in list(self._placed(path, data.get(last))):
            del self.places[old]
        data[last] = other.data
        self.places.update({(*path, *here): place for here, place in other.places.items()})

    def _at(self, path: KeyPath) -> Any:
        data: Any = self.data
        for key in path:
            data = data[key]
        return data

    def _placed(self, path: KeyPath, data: Any) -> Iterator[tuple[KeyPath, Place]]:
        """Yield the places of ``path`` and of all below it, where ``data`` is."""
        if path in self.places:
            yield path, self.places[path]
        children = data.items() if isinstance(data, dict) else enumerate(data) if isinstance(data, list) else ()
        for key, value in children:
            yield from self._placed((*path, key), value)


class Describe:
    """Make the error for a key path of a block that lies at ``prefix`` of a document."""

    def __init__(self, document: Document, prefix: KeyPath = ()) -> None:
        self.document, self.prefix = document, prefix

    def __call__(self, path: KeyPath, message: str) -> ConfigError:
        return self.document.error((*self.prefix, *path), message)


def load_document(file: Path) -> Document:
    """Read a YAML mapping with its includes (local keys win); raise `ConfigError` or `HarnessError`."""
    return _load(file, (), itertools.count(1))


def read_value(text: str, option: str) -> Any:
    """Read one value of the command line as strictly as a document; ``option`` says where it stands in errors."""
    at = partial(_at_option, option)
    node = _compose(text, at)
    return None if node is None else _Reader(at).plain(node, ())


def _at_option(option: str, line: int) -> Place:
    return Place(option, None)


def _load(file: Path, parents: tuple[Path, ...], count: Iterator[int]) -> Document:
    if next(count) > MOST_FILES:
        raise HarnessError(f"{file}: more than {MOST_FILES} files include each other")
    local = _read(file)
    parents = (*parents, file.resolve())
    merged = Document({}, {(): local.places[()]})
    includes = local.data.pop("include", [])
    if not isinstance(includes, list) or not all(isinstance(name, str) for name in includes):
        raise local.error(("include",), "must be a list of file names")
    for index, name in enumerate(includes):
        target = _included(file, name)
        if target is None:
            near = [p for pattern in ("*.yaml", "*/*.yaml") for p in file.parent.glob(pattern) if p != file]
            choices = [p.relative_to(file.parent).as_posix() for p in near]
            raise local.error(("include", index), f"no such file {name!r}{nearest(name, choices)}")
        if target.resolve() in parents:
            chain = " -> ".join(p.name for p in (*parents, target.resolve()))
            raise local.error(("include", index), f"files include each other: {chain}")
        merge_documents(merged, _load(target, parents, count))
    merge_documents(merged, local)
    merged.places[()] = local.places[()]
    return merged


def _included(file: Path, name: str) -> Path | None:
    """Return the file that another one includes: beside it, else among the suites that come with the package."""
    folders = (file.parent, shipped.folder("suites"))
    places = (folder / name for folder in folders if folder is not None)
    return next((place for place in places if os.path.isfile(place)), None)


def merge_documents(base: Document, top: Document) -> None:
    """Overlay ``top`` on ``base`` in place; a replaced value takes its places with it. They come to share data."""

    def overlay(under: dict[str, Any], over: dict[str, Any], path: KeyPath) -> None:
        for key, value in over.items():
            here = (*path, key)
            if mixes(under.get(key), value):
                overlay(under[key], value, here)
                continue
            if key in under:
                for old in [p for p in base.places if p[: len(here)] == here]:
                    del base.places[old]
            under[key] = value

    overlay(base.data, top.data, ())
    base.places.update(top.places)


def _read(file: Path) -> Document:
    at = partial(Place, file)
    try:
        node = _composed(file, read_regular(file, LARGEST).decode("utf-8"))
    except UnicodeDecodeError as error:
        raise ConfigError(at(1), (), f"not a readable YAML text: {error}") from error
    except OSError as error:
        raise HarnessError(f"{file}: {error.strerror}") from error
    if not isinstance(node, yaml.MappingNode):
        raise ConfigError(at(1), (), "must be a mapping of keys to values")
    reader = _Reader(at)
    reader.places[()] = at(1)
    return Document(reader.mapping(node, ()), reader.places)


@lru_cache(maxsize=32)  # suites share their bases
def _composed(file: Path, text: str) -> yaml.Node | None:
    return _compose(text, partial(Place, file))


def _compose(text: str, at: PlaceAt) -> yaml.Node | None:
    """Read YAML up to its nodes; raise `ConfigError`."""
    try:
        _check_depth(text, at)
        node: yaml.Node | None = yaml.compose(text, Loader=_Loader)
        return node
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line = mark.line + 1 if mark else 1
        raise ConfigError(at(line), (), f"not YAML: {error.problem or error.context}") from error
    except (yaml.YAMLError, UnicodeEncodeError) as error:
        raise ConfigError(at(1), (), f"not a readable YAML text: {' '.join(str(error).split())}") from error


def _check_depth(text: str, at: PlaceAt) -> None:
    """Refuse deep nesting before composing, which recurses in C and would end the process."""
    depth = 0
    for event in yaml.parse(text, Loader=_Loader):
        depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
        if depth > DEEPEST:
            mark = event.start_mark
            raise ConfigError(at(mark.line + 1 if mark else 1), (), "nested too deeply")


class _Reader:
    """Turns YAML nodes into plain data and notes where everything stands.

    Stricter than YAML 1.1: no tags, no aliases (an alias can make a small file endless, and `include` does
    its work), no duplicate keys, numbers in plain decimals only, no control characters.
    """

    def __init__(self, at: PlaceAt) -> None:
        self.at = at
        self.places: dict[KeyPath, Place] = {}
        self._seen: set[int] = set()

    def plain(self, node: yaml.Node, path: KeyPath) -> Any:
        """Return a node's plain data."""
        place = self.places.setdefault(path, self.at(node.start_mark.line + 1))
        kind = node.tag.removeprefix("tag:yaml.org,2002:")
        if id(node) in self._seen:
            raise ConfigError(place, path, "YAML aliases (*name) are not allowed")
        if kind not in _KINDS:
            raise ConfigError(place, path, f"YAML tag {kind} is not allowed")
        self._seen.add(id(node))
        if isinstance(node, yaml.MappingNode):
            return self.mapping(node, path)
        if isinstance(node, yaml.SequenceNode):
            return [self.plain(child, (*path, i)) for i, child in enumerate(node.value)]
        if kind in NUMBERS and not is_plain_number(node.value, kind):
            raise ConfigError(place, path, f"not a plain decimal number: {brief(node.value)}")
        self._check_text(node.value, place, path)
        return _KINDS[kind](node.value)

    def _check_text(self, text: str, place: Place, path: KeyPath) -> None:
        if found := CONTROL.search(text):
            raise ConfigError(place, path, f"control character {found[0]!r} is not allowed")

    def mapping(self, node: yaml.MappingNode, path: KeyPath) -> dict[str, Any]:
        """Return a mapping's plain data."""
        data: dict[str, Any] = {}
        for key_node, value_node in node.value:
            key = str(key_node.value)
            here = (*path, key)
            line = self.at(key_node.start_mark.line + 1)
            if not isinstance(key_node, yaml.ScalarNode) or key_node.tag.endswith(":merge"):
                raise ConfigError(line, path, "keys must be plain words")
            self._check_text(key, line, path)
            if key in data:
                raise ConfigError(line, here, "key written twice")
            self.places[here] = line
            data[key] = self.plain(value_node, here)
        return data


def is_plain_number(text: str, kind: str) -> bool:
    """Tell whether a text is a number as people write one: decimal, not endless, ``kind`` int or float."""
    plain = len(text) <= LONGEST_NUMBER and NUMBERS[kind].fullmatch(text) is not None
    return plain and math.isfinite(float(text))


def mixes(old: Any, new: Any) -> bool:
    """Whether a mapping extends an earlier one; a block that names another part (`TAGS`) replaces it.

    An earlier block without a name is what several parts share, so naming one extends it.
    """
    if not isinstance(old, dict) or not isinstance(new, Mapping):
        return False
    return all(tag not in old or new.get(tag) in (None, old[tag]) for tag in TAGS)
