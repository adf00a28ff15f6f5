"""Random streams across checkpoints."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from torch import Generator

from harness.seeds import derive_seed


def begin_streams(
    generators: Mapping[str, Generator],
    on_host: Collection[str],
    seed: int,
    epoch: int,
    states: Sequence[dict[str, Any]],
) -> None:
    """Let the device's own streams begin anew, alike in all states of another kind; those on the host stay."""
    for name in states[0]["generators"].keys() - set(on_host):
        fresh = generators[name].manual_seed(derive_seed(seed, f"{name} from epoch {epoch} on"))
        for state in states:
            state["generators"][name] = fresh.get_state()


def set_streams(generators: Mapping[str, Generator], saved: Mapping[str, Any]) -> None:
    """Go on with saved streams; one that an earlier version lacked was not drawn from."""
    for name, drawn in saved.items():
        generators[name].set_state(drawn.cpu())
