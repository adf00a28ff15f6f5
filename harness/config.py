"""Typed blocks from plain data: strict models, merging, ``--set``, and mistakes worded for the user."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from functools import partial
from typing import Any, TypeVar, get_args

from pydantic import BaseModel, ConfigDict, ValidationError

from harness.documents import DEEPEST, TAGS, ErrorAt, KeyPath, is_plain_number, mixes, read_value
from harness.errors import HarnessError, nearest
from harness.text import brief

Model = TypeVar("Model", bound=BaseModel)


class Strict(BaseModel):
    """Base of every typed block: unknown keys are errors, values are immutable.

    Text is read as a number where one is due, because YAML 1.1 takes ``3e-4`` for text.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, strict=False, allow_inf_nan=False)


def deep_merge(*layers: Mapping[str, Any]) -> dict[str, Any]:
    """Merge mappings, later ones winning; a block that names another part (`TAGS`) replaces the earlier one.

    What needs no merging is shared with the layers.
    """
    merged: dict[str, Any] = {}
    for layer in layers:
        for key, value in layer.items():
            old = merged.get(key)
            merged[key] = deep_merge(old or {}, value) if mixes(old, value) else value
    return merged


def unreadable(error: ValidationError, what: str) -> str:
    """Say in a line why a file is not ``what``; of one that a later version wrote, that."""
    first = error.errors()[0]
    where, known = ".".join(map(str, first["loc"])), str(first.get("ctx", {}).get("expected", ""))
    versions = [int(number) for number in re.findall("[0-9]+", known)]
    found = first["input"] if where.endswith("schema_version") else None
    if isinstance(found, int) and versions and found > max(versions):
        return f"written by a later version of the harness ({where} {found}, {known} is known here)"
    return f"not {what}: {where + ': ' if where else ''}{first['msg']}"


def validate(model: type[Model], data: object, describe: ErrorAt) -> Model:
    """Build a typed block from plain data; the first mistake becomes one line, ``describe(path, text)``.

    An unknown key comes before the others: it is the likely cause of a missing one.
    """
    try:
        made = model.model_validate(data)
    except ValidationError as error:
        errors = error.errors()
        first = next((e for e in errors if e["type"] == "extra_forbidden"), errors[0])
        path = _path_in(data, first)
        if first["type"] == "union_tag_invalid":
            path = (*path, _discriminator(first))
        raise describe(path, _explain(model, first, path)) from error
    for path, message in _not_numbers(data, made, ()):
        raise describe(path, message)
    return made


def _not_numbers(data: Any, made: Any, path: KeyPath) -> Iterator[tuple[KeyPath, str]]:
    """Yield where pydantic took for a number what is none here (it has no setting against that alone)."""
    children: Iterable[tuple[Any, Any, Any]] = ()
    if isinstance(data, dict):
        below = made.get if isinstance(made, dict) else partial(getattr, made)
        children = ((key, value, below(key, None)) for key, value in data.items())
    elif isinstance(data, list) and isinstance(made, list | tuple):
        children = ((i, value, child) for i, (value, child) in enumerate(zip(data, made, strict=False)))
    for key, value, child in children:
        number = isinstance(child, int | float) and not isinstance(child, bool)
        if isinstance(value, bool) and number:
            yield (*path, key), "must be a number, not true or false"
        elif isinstance(value, str) and number and not is_plain_number(value, "float"):
            yield (*path, key), f"not a plain decimal number: {brief(value)}"
        elif isinstance(value, dict | list):
            yield from _not_numbers(value, child, (*path, key))


def _path_in(data: object, error: Any) -> KeyPath:
    """Keep the parts of a pydantic location that are keys of the data (it also names union tags)."""
    path: list[str | int] = []
    here: Any = data
    for part in error["loc"]:
        inside = range(len(here)) if isinstance(here, list) else here if isinstance(here, Mapping) else ()
        if part in inside:
            here = here[part]
            path.append(part)
    if error["type"] == "missing":
        path.append(error["loc"][-1])
    return tuple(path)


def _discriminator(error: Any) -> str:
    return str(error["ctx"]["discriminator"]).strip("'")


def _explain(model: type[BaseModel], error: Any, path: KeyPath) -> str:
    kind, given = error["type"], error.get("input")
    if kind == "extra_forbidden":
        return f"unknown key {path[-1]!r}" + nearest(str(path[-1]), fields_at(model, error["loc"][:-1]))
    if kind == "missing":
        return f"missing key {error['loc'][-1]!r}"
    if kind in ("literal_error", "union_tag_invalid", "enum"):
        context = error["ctx"]
        given = context.get("tag", given)
        expected = str(context.get("expected_tags", context.get("expected")))
        choices = re.findall(r"'([^']*)'", expected)
        return f"unknown value {brief(given)}{nearest(brief(given), choices)}"
    if kind == "union_tag_not_found":
        return f"missing key {_discriminator(error)!r}"
    message = str(error["msg"]).removeprefix("Value error, ")
    return message if kind == "value_error" else f"{message[0].lower()}{message[1:]}, got {brief(given)}"


def fields_at(model: type[BaseModel], loc: Iterable[str | int]) -> list[str]:
    """List the keys that are valid at a pydantic location below ``model`` (of all of a union, where unsure)."""
    models: list[type[BaseModel]] = [model]
    for part in loc:
        below = [m.model_fields[str(part)].annotation for m in models if part in m.model_fields]
        found = [inner for annotation in below for inner in _models_in(annotation)]
        models = found or [m for m in models if _is_tagged(m, part)] or models
    return sorted({name for m in models for name in m.model_fields})


def _is_tagged(model: type[BaseModel], tag: str | int) -> bool:
    fields = [model.model_fields[key] for key in TAGS if key in model.model_fields]
    return any(tag in get_args(field.annotation) for field in fields)


def _models_in(annotation: Any) -> list[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    return [m for inner in getattr(annotation, "__args__", ()) for m in _models_in(inner)]


def parse_override(text: str) -> tuple[KeyPath, Any]:
    """Read one ``--set key.path=value``; the value is YAML as strict as in a suite."""
    key, equals, value = text.partition("=")
    path = tuple(key.strip().split("."))
    if not equals or not all(path) or len(path) > DEEPEST:
        raise HarnessError(f"--set {brief(text)}: expected key.path=value")
    return path, read_value(value, f"--set {brief(text)}")


def nest(path: KeyPath, value: object) -> dict[str, Any]:
    """Make the nested mapping that holds one value at a key path."""
    for part in reversed(path):
        value = {part: value}
    assert isinstance(value, dict)
    return value
