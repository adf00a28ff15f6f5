"""Spaces by name, found by their folders: ``harness/spaces/NAME/space.py`` with a class `SPACE`."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from importlib import import_module
from pkgutil import iter_modules
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import BeforeValidator, SerializeAsAny
from pydantic_core import PydanticKnownError

from harness import spaces
from harness.errors import HarnessError, nearest
from harness.spaces.space import Space

DEFAULT = "nb201"  # of tables, and of trajectories that do not tell their groups


def known() -> dict[str, type[Space]]:
    """Return the spaces' classes by name."""
    return _found(tuple(spaces.__path__))


@cache
def _found(folders: tuple[str, ...]) -> dict[str, type[Space]]:
    names = sorted(module.name for module in iter_modules(folders) if module.ispkg)
    return {name: import_module(f"{spaces.__name__}.{name}.space").SPACE for name in names}


def settings(name: str) -> Mapping[str, Any]:
    """Return the settings of a space by the name that papers give it (`Space.presets`); raise `HarnessError`."""
    presets = {preset: found for space in known().values() for preset, found in space.presets().items()}
    if name not in presets:
        raise HarnessError(f"unknown space {name!r}{nearest(name, presets)}")
    return presets[name]


def published(name: str) -> Space:
    """Build a space by the name that papers give it; raise `HarnessError`."""
    return stored(settings(name))


def stored(found: Mapping[str, Any]) -> Space:
    """Build a space from its settings, as specifications and records hold them."""
    return known()[found["name"]].model_validate(found)


def _built(value: Any) -> Any:
    """Build a space from its settings, the class by ``name``."""
    if not isinstance(value, dict):
        return value
    if "name" not in value:
        raise PydanticKnownError("union_tag_not_found", {"discriminator": "'name'"})
    if value["name"] not in known():
        expected = ", ".join(map(repr, known()))
        context = {"discriminator": "'name'", "tag": str(value["name"]), "expected_tags": expected}
        raise PydanticKnownError("union_tag_invalid", context)
    return stored(value)


if TYPE_CHECKING:
    AnySpace = Space
else:
    AnySpace = Annotated[SerializeAsAny[Space], BeforeValidator(_built)]
