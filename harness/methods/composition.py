"""What goes with what: capabilities are declared on parts, and nobody keeps lists of their names."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from harness.part import Part


class Composed(Part):
    """A part that goes with some others only: what it does not go with would be ignored, or mean what no paper means.

    ``needs``: by field of a search's specification the capabilities, attributes that must be true, of the part there;
    none of them: there must be no part. ``whole_channels``: it works only where all channels pass the operations. Of
    partial channels the others bypass an edge with its weight, so that its weights must sum to it, and all be there.
    """

    needs: ClassVar[Mapping[str, tuple[str, ...]]] = {}
    whole_channels: ClassVar[bool] = False

    def check(self, others: Mapping[str, Any]) -> None:
        """Raise ValueError where it does not go with its numbers; ``others``: the fields that come before it."""


def fit(field: str, part: Composed | None, others: Mapping[str, Any]) -> None:
    """Raise ValueError where the part of a field does not go with those of the fields before it."""
    for other, found in others.items():
        of_part, of_found = getattr(part, "needs", {}).get(other), getattr(found, "needs", {}).get(field)
        if not (_has(found, of_part) and _has(part, of_found)):
            raise ValueError(f"{_name(part)!r} does not work with {other} {_name(found)!r}")
    if part is None:
        return
    if part.whole_channels and "space" in others and others["space"].partial_channels > 1:
        raise ValueError(f"{_name(part)!r} does not work with space.partial_channels above 1")
    part.check(others)


def _has(part: object, capabilities: tuple[str, ...] | None) -> bool:
    if capabilities is None:
        return True
    return part is None if not capabilities else all(getattr(part, name) for name in capabilities)


def _name(part: object) -> str | None:
    return getattr(part, "name", None)
