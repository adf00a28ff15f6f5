"""What tells one resolved specification from another, written as it would be set."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import yaml


def changes(usual: Mapping[str, Any], actual: Mapping[str, Any], prefix: str = "") -> Iterator[str]:
    """Yield ``key.path=value`` for every leaf of ``actual`` that differs; a block of another name comes whole."""
    for key, value in actual.items():
        before = usual.get(key)
        if isinstance(value, dict) and isinstance(before, dict):
            replaced = value.get("name") != before.get("name")
            yield from changes({} if replaced else before, value, f"{prefix}{key}.")
        elif key not in usual or value != before:
            text = yaml.safe_dump([value], default_flow_style=True, width=10_000).strip()[1:-1]
            yield f"{prefix}{key}={text}"
