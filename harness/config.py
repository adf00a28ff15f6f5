"""Strict YAML documents: safe loading, `include`, positions, and errors of one line.

A document is plain data plus the place (file, line) of every key path, so that a wrong value anywhere, also in
an included file, is reported where the user wrote it.
"""

from __future__ import annotations

import copy
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import yaml
from pydantic import BaseModel, ConfigDict, ValidationError

from harness.errors import HarnessError, nearest

KeyPath = tuple[str | int, ...]
Model = TypeVar("Model", bound=BaseModel)


class Strict(BaseModel):
    """Base of every typed block: unknown keys are errors, values are immutable and never coerced from text."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=False, allow_inf_nan=False)


@dataclass(frozen=True)
class Place:
    """Where a value was written."""

    file: Path
    line: int

    def __str__(self) -> str:
        return f"{self.file}:{self.line}"


class WrittenFloat(float):
    """A number that remembers its text: ``54.30`` was printed with two decimals."""

    text: str

    def __new__(cls, value: float, text: str) -> WrittenFloat:
        self = super().__new__(cls, value)
        self.text = text
        return self

    def __getnewargs__(self) -> tuple[float, str]:  # type: ignore[override]
        return float(self), self.text


class ConfigError(HarnessError):
    """A mistake in a YAML document: ``file:line: key.path: what is wrong``."""

    def __init__(self, place: Place | Path, path: KeyPath, message: str) -> None:
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


def load_document(file: Path) -> Document:
    """Read a YAML mapping with its includes (local keys win); raise `ConfigError` or `HarnessError`."""
    return _load(file, ())


def _load(file: Path, parents: tuple[Path, ...]) -> Document:
    if file.resolve() in parents:
        chain = " -> ".join(p.name for p in (*parents, file))
        raise ConfigError(file, ("include",), f"files include each other: {chain}")
    local = _read(file)
    merged = Document({}, {(): local.places[()]})
    includes = local.data.pop("include", [])
    if not isinstance(includes, list) or not all(isinstance(name, str) for name in includes):
        raise local.error(("include",), "must be a list of file names")
    for index, name in enumerate(includes):
        target = file.parent / name
        if not target.is_file():
            choices = [p.relative_to(file.parent).as_posix() for p in file.parent.rglob("*.yaml")]
            raise local.error(("include", index), f"no such file {name!r}{nearest(name, choices)}")
        _merge_documents(merged, _load(target, (*parents, file.resolve())))
    _merge_documents(merged, local)
    merged.places[()] = local.places[()]
    return merged


def _merge_documents(base: Document, top: Document) -> None:
    """Overlay ``top`` on ``base`` in place; a replaced value takes its places with it."""

    def overlay(under: dict[str, Any], over: dict[str, Any], path: KeyPath) -> None:
        for key, value in over.items():
            if isinstance(value, dict) and isinstance(under.get(key), dict):
                overlay(under[key], value, (*path, key))
                continue
            here = (*path, key)
            for old in [p for p in base.places if p[: len(here)] == here]:
                del base.places[old]
            under[key] = value

    overlay(base.data, top.data, ())
    base.places.update(top.places)


def _read(file: Path) -> Document:
    try:
        node = yaml.compose(file.read_text(encoding="utf-8"), Loader=yaml.SafeLoader)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        raise ConfigError(Place(file, mark.line + 1 if mark else 1), (), f"not YAML: {error.problem}") from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        reason = " ".join(str(error).split())
        raise ConfigError(file, (), f"not a readable YAML text: {reason}") from error
    except OSError as error:
        raise HarnessError(f"{file}: {error.strerror}") from error
    if not isinstance(node, yaml.MappingNode):
        raise ConfigError(file, (), "must be a mapping of keys to values")
    places: dict[KeyPath, Place] = {}
    data = _plain(node, (), file, places)
    places[()] = Place(file, 1)
    return Document(data, places)


def _plain(node: yaml.Node, path: KeyPath, file: Path, places: dict[KeyPath, Place]) -> Any:
    """Turn a YAML node into plain data and note where everything stands; duplicate keys are errors."""
    places[path] = Place(file, node.start_mark.line + 1)
    if isinstance(node, yaml.MappingNode):
        mapping: dict[str, Any] = {}
        for key_node, value_node in node.value:
            key = str(key_node.value)
            here = (*path, key)
            line = Place(file, key_node.start_mark.line + 1)
            if not isinstance(key_node, yaml.ScalarNode) or key_node.tag.endswith(":merge"):
                raise ConfigError(line, path, "keys must be plain words")
            if key in mapping:
                raise ConfigError(line, here, "key written twice")
            mapping[key] = _plain(value_node, here, file, places)
            places[here] = line
        return mapping
    if isinstance(node, yaml.SequenceNode):
        return [_plain(child, (*path, i), file, places) for i, child in enumerate(node.value)]
    if not node.tag.startswith("tag:yaml.org,2002:"):
        raise ConfigError(places[path], path, f"tag {node.tag} is not allowed")
    try:
        value = yaml.SafeLoader("").construct_object(node)
        return WrittenFloat(value, node.value) if isinstance(value, float) else value
    except (yaml.YAMLError, ValueError) as error:
        raise ConfigError(places[path], path, f"cannot read {node.value!r}") from error


def deep_merge(*layers: Mapping[str, Any]) -> dict[str, Any]:
    """Merge mappings, later ones winning; a block that names another part (`name`) replaces instead of mixing."""
    merged: dict[str, Any] = {}
    for layer in layers:
        for key, value in layer.items():
            old = merged.get(key)
            mixes = isinstance(old, dict) and isinstance(value, Mapping) and value.get("name") in (None, old.get("name"))
            merged[key] = deep_merge(old, value) if mixes and isinstance(old, dict) else copy.deepcopy(value)
    return merged


def validate(model: type[Model], data: object, describe: Describe) -> Model:
    """Build a typed block from plain data; the first mistake becomes one line through ``describe(path, text)``."""
    try:
        return model.model_validate(data)
    except ValidationError as error:
        first = error.errors()[0]
        path = tuple(part for part in first["loc"] if part in _reachable(data, first["loc"]))
        raise describe(path, _explain(model, first, path)) from error


class Describe:
    """Make the error for a key path of a block that lies at ``prefix`` of a document."""

    def __init__(self, document: Document, prefix: KeyPath = ()) -> None:
        self.document, self.prefix = document, prefix

    def __call__(self, path: KeyPath, message: str) -> ConfigError:
        return self.document.error((*self.prefix, *path), message)


def _reachable(data: object, loc: Sequence[str | int]) -> set[str | int]:
    """Keep the parts of a pydantic location that are keys of the data (it also names union tags)."""
    parts: set[str | int] = set()
    here: Any = data
    for part in loc:
        if isinstance(here, Mapping) and part in here:
            here = here[str(part)]
            parts.add(part)
        elif isinstance(here, list) and isinstance(part, int) and part < len(here):
            here = here[part]
            parts.add(part)
        elif part == loc[-1] and isinstance(here, Mapping):
            parts.add(part)
    return parts


def _explain(model: type[BaseModel], error: Any, path: KeyPath) -> str:
    kind, given = error["type"], error.get("input")
    if kind == "extra_forbidden":
        return f"unknown key {path[-1]!r}" + nearest(str(path[-1]), fields_at(model, error["loc"][:-1]))
    if kind == "missing":
        return f"missing key {error['loc'][-1]!r}"
    if kind in ("literal_error", "union_tag_invalid", "enum"):
        context = error["ctx"]
        given = context.get("tag", given)
        expected = [c.strip(" '") for c in str(context.get("expected_tags", context.get("expected"))).split(",")]
        choices = [c for part in expected for c in part.replace("' or '", ",").split(",")]
        return f"unknown value {given!r}{nearest(str(given), choices)}"
    if kind == "union_tag_not_found":
        return f"missing key {str(error['ctx']['discriminator']).strip(chr(39))!r}"
    message = str(error["msg"]).removeprefix("Value error, ")
    return message if kind == "value_error" else f"{message[0].lower()}{message[1:]}, got {given!r}"


def fields_at(model: type[BaseModel], loc: Iterable[str | int]) -> list[str]:
    """List the keys that are valid at a pydantic location below ``model`` (all of a union's, where unsure)."""
    models: list[type[BaseModel]] = [model]
    for part in loc:
        below = [m.model_fields[str(part)].annotation for m in models if part in m.model_fields]
        found = [inner for annotation in below for inner in _models_in(annotation)]
        models = found or models
    return sorted({name for m in models for name in m.model_fields})


def _models_in(annotation: Any) -> list[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    return [m for inner in getattr(annotation, "__args__", ()) for m in _models_in(inner)]


def parse_override(text: str) -> tuple[KeyPath, Any]:
    """Read one ``--set key.path=value``; the value is YAML."""
    key, equals, value = text.partition("=")
    if not equals or not key.strip() or not all(key.split(".")):
        raise HarnessError(f"--set {text!r}: expected key.path=value")
    try:
        return tuple(key.strip().split(".")), yaml.safe_load(value)
    except yaml.YAMLError as error:
        raise HarnessError(f"--set {text!r}: cannot read the value") from error


def nest(path: KeyPath, value: object) -> dict[str, Any]:
    """Make the nested mapping that holds one value at a key path."""
    for part in reversed(path):
        value = {part: value}
    assert isinstance(value, dict)
    return value


