"""The catalogue: methods by name, and how layers of settings become one resolved search.

Merge order, later ones winning: the suite's choices of space and data, the catalogue's `extends` chain, the method's
own block, then the other layers of the caller (row, profile, ..., ``--set``). Whoever wrote a wrong key is told so at
the place of writing.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from itertools import takewhile
from pathlib import Path
from typing import Any, Self

from pydantic import Field, model_validator

from harness.config import Model, Strict, deep_merge, nest, parse_override, validate
from harness.documents import Describe, Document, ErrorAt, KeyPath, dotted, load_document, mixes
from harness.errors import HarnessError, nearest
from harness.methods.computed import ComputedSpec
from harness.methods.spec import SearchSpec
from harness.methods.stages import Stage
from harness.methods.training import TrainingSpec
from harness.part import Part
from harness.spaces.registry import settings

PACKAGED = Path(__file__).with_name("catalogue.yaml")


class _Block(Strict):
    """Settings of a search, or of a computation that needs none."""

    search: dict[str, Any] = Field(default_factory=dict)
    computation: dict[str, Any] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _one_of_both(self) -> Self:
        if self.search and self.computation:
            raise ValueError("a method searches or computes: it cannot have both 'search' and 'computation'")
        return self


class Protocol(_Block):
    """Settings that several methods share; not a method itself."""


class Method(_Block):
    """A composition of parts. ``extends``: a protocol or another method whose settings come first."""

    title: str
    paper: str
    follows: str
    extends: str | None = None


class _File(Strict):
    protocols: dict[str, Protocol]
    methods: dict[str, Method]
    planned: dict[str, str]


@dataclass(frozen=True)
class Layer:
    """Settings from one place, and how to word a mistake in them: ``error(key path, what is wrong)``."""

    data: Mapping[str, Any]
    error: ErrorAt


@dataclass(frozen=True)
class Catalogue:
    """Methods by name; ``planned``: title by name of the methods that have no implementation yet.

    ``own``: the document that a suite's own methods were written in, by their names; all else is in ``document``.
    """

    protocols: Mapping[str, Protocol]
    methods: Mapping[str, Method]
    planned: Mapping[str, str]
    document: Document
    own: Mapping[str, Document] = field(default_factory=dict)
    resolved: dict[str, SearchSpec | ComputedSpec] = field(default_factory=dict)  # by all that was written
    chains: dict[str, list[Layer]] = field(default_factory=dict)  # the layers of a method, once they are asked for

    def with_methods(self, methods: Mapping[str, Method], document: Document) -> Catalogue:
        """Return the catalogue with the methods of a suite beside its own; raise `ConfigError` for a wrong one."""
        if not methods:
            return self
        for name in methods:
            if name in self.methods or name in self.protocols or name in self.planned:
                raise document.error(("methods", name), "the catalogue has a method of this name")
        every = {**self.methods, **methods}
        found = Catalogue(
            self.protocols, every, self.planned, self.document, {**self.own, **dict.fromkeys(methods, document)}
        )
        found.check(methods)
        return found

    def check(self, names: Iterable[str]) -> None:
        """Raise `ConfigError` for a method that extends what there is not, or itself."""
        blocks = [*self.protocols, *self.methods]
        for name in names:
            extends = self.methods[name].extends
            if extends is not None and extends not in blocks:
                message = f"unknown method or protocol {extends!r}{nearest(extends, blocks)}"
                raise self._written(name).error(("methods", name, "extends"), message)
        for name in names:
            self.layers(name)  # finds circles

    def _written(self, name: str) -> Document:
        return self.own.get(name, self.document)

    def title(self, name: str) -> str:
        """Return the title of a method, planned or not."""
        return self.methods[name].title if name in self.methods else self.planned[name]

    def computes(self, name: str) -> bool:
        """Tell whether a method is a computation and not a search."""
        return name in self.methods and any("computation" in layer.data for layer in self.layers(name))

    def parts(self, name: str) -> list[str]:
        """Name the parts that a method is composed of, as ``relaxation: softmax``."""
        merged = deep_merge(*(layer.data for layer in self.layers(name)))
        return [
            f"{kind}: {block['name']}"
            for kind, value in merged.items()
            for block in (value if isinstance(value, list) else [value])
            if isinstance(block, dict) and "name" in block
        ]

    def own_parts(self, name: str) -> list[str]:
        """Name the parts that set a method apart: its relaxation, its update, and what its protocol does not have."""
        common = [
            f"{kind}: {block['name']}"
            for kind, block in self.layers(name)[0].data.items()
            if kind not in ("relaxation", "update") and isinstance(block, dict) and "name" in block
        ]
        return [part for part in self.parts(name) if part not in common]

    def lineage(self, name: str) -> list[str]:
        """Return a method's name and those of what it extends, the nearest first; raise `ConfigError` for a circle."""
        names = [name]
        while (block := self.methods.get(names[-1])) is not None and block.extends is not None:
            if block.extends in names:
                message = f"extends itself: {' -> '.join([*names, block.extends])}"
                raise self._written(names[-1]).error(("methods", names[-1], "extends"), message)
            names.append(block.extends)
        return names

    def layers(self, name: str) -> list[Layer]:
        """Return the settings of a method: first its ancestors', last its own."""
        if name not in self.chains:
            self.chains[name] = [self._layer(ancestor) for ancestor in reversed(self.lineage(name))]
        return self.chains[name]

    def _layer(self, name: str) -> Layer:
        key: KeyPath = ("methods" if name in self.methods else "protocols", name)
        block = self.methods.get(name) or self.protocols[name]
        if block.computation:
            return Layer({"computation": block.computation}, Describe(self._written(name), key))
        return Layer(block.search, Describe(self._written(name), (*key, "search")))


def load_catalogue(path: Path = PACKAGED) -> Catalogue:
    """Read a catalogue, by default the packaged one; raise `ConfigError`."""
    return _load(path)


@cache
def _load(path: Path) -> Catalogue:
    document = load_document(path)
    file = validate(_File, document.data, Describe(document))
    catalogue = Catalogue(file.protocols, file.methods, file.planned, document)
    for name in file.methods:
        if name in file.protocols or name in file.planned:
            raise document.error(("methods", name), "name used twice in the catalogue")
    catalogue.check(file.methods)
    return catalogue


def override_layers(overrides: Sequence[str]) -> list[Layer]:
    """Turn ``--set key.path=value`` texts into layers whose mistakes are reported as the user's option."""
    layers = []
    for text in overrides:
        path, value = parse_override(text)
        layers.append(Layer(nest(path, value), _option_error(text)))
    return layers


def _option_error(text: str) -> ErrorAt:
    return lambda path, message: HarnessError(f"--set {text}: {dotted(path)}: {message}")


def resolve(
    catalogue: Catalogue, method: str, layers: Sequence[Layer], below: Sequence[Layer] = ()
) -> SearchSpec | ComputedSpec:
    """Merge a method's settings with the caller's layers into a full specification; ``below`` lie under the method's.

    Raises `HarnessError` for an unknown or only planned method, and the error of the layer that wrote a wrong
    key or value; a key that nobody wrote is reported at the first of the caller's layers.
    """
    if method in catalogue.planned:
        raise HarnessError(f"method {method!r} has no implementation yet")
    if method not in catalogue.methods:
        raise HarnessError(f"unknown method {method!r}{nearest(method, catalogue.methods)}")
    below = [_with_space(layer) for layer in below]
    every = [*below, *catalogue.layers(method), *(layers := [_with_space(layer) for layer in layers])]

    written = json.dumps(deep_merge(*(layer.data for layer in every)), default=repr)
    if written not in catalogue.resolved:  # many rows are the same search, and all are asked for more than once
        model: type[SearchSpec | ComputedSpec] = ComputedSpec if catalogue.computes(method) else SearchSpec
        catalogue.resolved[written] = merge(model, every, [*below, *layers], f"method {method!r}")
    return catalogue.resolved[written]


def merge(model: type[Model], every: Sequence[Layer], callers: Sequence[Layer], about: str) -> Model:
    """Merge layers, later ones winning, into a typed block; raise the error of the layer that wrote a mistake.

    A key that nobody wrote is reported at the first of ``callers``; ``about``: what it is that is made.
    """

    def error(path: KeyPath, message: str) -> HarnessError:
        return writer(every, path, callers).error(path, f"{message} ({about})")

    return validate(model, deep_merge(*(layer.data for layer in every)), error)


def _with_space(layer: Layer) -> Layer:
    """Write out a space that a layer names: ``space: s1``."""
    name = layer.data.get("space")
    if not isinstance(name, str):
        return layer
    try:
        return Layer({**layer.data, "space": settings(name)}, layer.error)
    except HarnessError as error:
        raise layer.error(("space",), str(error)) from error


def writer(every: Sequence[Layer], path: KeyPath, callers: Sequence[Layer] = ()) -> Layer:
    """Find who wrote the value at ``path``, or, of a missing one, who chose the block that lacks it."""
    keys = tuple(takewhile(lambda part: isinstance(part, str), path))  # lists are written as a whole
    for length in range(1, len(keys)):
        every = _since_replaced(every, keys[:length])
    for length in range(len(keys), 0, -1):
        wrote = [layer for layer in every if _at(layer.data, keys[:length]) is not _ABSENT]
        if wrote and length == len(keys):
            return wrote[-1]
        if wrote:
            named = [layer for layer in wrote if _at(layer.data, (*keys[:length], "name")) is not _ABSENT]
            return named[-1] if named else wrote[0]
    return callers[0] if callers else every[-1]


def _since_replaced(layers: Sequence[Layer], path: KeyPath) -> Sequence[Layer]:
    """Leave out the layers before the last one that replaced the block at ``path`` by another part."""
    start, block = 0, _ABSENT
    for index, layer in enumerate(layers):
        value = _at(layer.data, path)
        if value is _ABSENT:
            continue
        if mixes(block, value):
            block = {**block, **value}
        else:
            start, block = index, value
    return layers[start:]


_ABSENT: Any = object()


def _at(data: Any, path: KeyPath) -> Any:
    for key in path:
        if not isinstance(data, Mapping) or key not in data:
            return _ABSENT
        data = data[key]
    return data


def part_versions(spec: SearchSpec | ComputedSpec | TrainingSpec) -> dict[str, int]:
    """Return the version of every part, as ``{"relaxation/softmax": 1, "data": 1, ...}``.

    Of a part within a part, ``data.jitter``, only one above 1: ids from before they were looked at stay.
    """
    fields = {field: getattr(spec, field) for field in type(spec).model_fields}
    parts = [(f, part) for f, value in fields.items() for part in (value if isinstance(value, tuple) else [value])]
    parts = [(f, part.options if isinstance(part, Stage) else part) for f, part in parts]
    found = [(field, part) for field, part in parts if isinstance(part, Part)]
    inner = [(name, part) for field, outer in found for name, part in _within(field, outer) if part.mathematics > 1]
    return {_named(field, part): part.mathematics for field, part in (*found, *inner)}


def _named(field: str, part: Part) -> str:
    return f"{field}/{part.name}" if hasattr(part, "name") else field


def _within(field: str, part: Part) -> Iterator[tuple[str, Part]]:
    for key in type(part).model_fields:
        value = getattr(part, key)
        for inner in value if isinstance(value, tuple) else [value]:
            if isinstance(inner, Part):
                yield f"{field}.{key}", inner
                yield from _within(f"{field}.{key}", inner)
