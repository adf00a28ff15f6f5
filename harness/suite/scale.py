"""Factors of a profile on the numbers of a resolved search, so that rows which differ in them still differ."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from harness.config import deep_merge, nest
from harness.documents import Document, ErrorAt, KeyPath
from harness.errors import HarnessError, nearest
from harness.methods.catalogue import Layer
from harness.methods.computed import ComputedSpec
from harness.methods.spec import SearchSpec

DIGITS = 6  # significant ones: a factor like 66.6667 gives back the round number that it was made for


@dataclass(frozen=True)
class Factor:
    """A factor and the key path where a suite writes it."""

    value: float
    at: KeyPath


def scaled(
    spec: SearchSpec | ComputedSpec, method: str, factors: Mapping[str, Factor], document: Document
) -> Iterator[Layer]:
    """Yield the products as settings, one layer a factor; ``factors`` by key path, ``architecture_optimiser.lr``.

    Products have six significant digits; those of whole numbers are rounded to whole numbers. Raises `ConfigError`
    at the factor where the path leads to no number; a product that the search cannot have is reported there, too.
    """
    settings = spec.model_dump()
    for key, factor in factors.items():
        path = tuple(key.split("."))
        try:
            value = number_at(settings, path)
        except HarnessError as error:
            raise document.error(factor.at, f"{error} (method {method!r})") from error
        layer = _placed(settings, path, _product(value, factor.value))
        settings = deep_merge(settings, layer)  # the next factor may be of the same list
        yield Layer(layer, _error_at(document, factor.at))


def _placed(settings: Mapping[str, Any], path: Sequence[str], value: float) -> dict[str, Any]:
    """Make the settings that hold a value at a key path; a list on the way is there as a whole."""
    found: Any = settings
    for depth, part in enumerate(path):
        if isinstance(found, list | tuple):
            rest = [*found]
            inner = path[depth + 1 :]
            rest[int(part)] = deep_merge(rest[int(part)], _placed(rest[int(part)], inner, value)) if inner else value
            return nest(tuple(path[:depth]), rest)
        found = found[part]
    return nest(tuple(path), value)


def _error_at(document: Document, at: KeyPath) -> ErrorAt:
    return lambda path, message: document.error(at, message)


def number_at(settings: Mapping[str, Any], path: Sequence[str]) -> float:
    """Return the number at a key path; raise `HarnessError` where there is none."""
    value: Any = settings
    for part in path:
        if isinstance(value, list | tuple):
            value = {str(index): item for index, item in enumerate(value)}
        keys = value if isinstance(value, Mapping) else {}
        if part not in keys:
            raise HarnessError(f"unknown key {part!r}{nearest(part, keys)}")
        value = keys[part]
    if isinstance(value, Mapping):
        raise HarnessError(f"is a block and no number{nearest('', value)}")
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise HarnessError(f"{value!r} is no number")
    return value


def _product(value: float, factor: float) -> float:
    if isinstance(value, int):
        return math.floor(value * factor + 0.5)
    return float(f"{value * factor:.{DIGITS}g}")
