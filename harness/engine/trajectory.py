"""The trajectory of a search: plain numbers per epoch, the input of stop rules, figures and diagnostics."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict


class Trajectory(BaseModel):
    """What a search leaves per epoch. Index 0 is the state before training; lists have epochs + 1 entries.

    ``mixing[group]``: [epochs + 1, edges, ops] mixing weights. ``architectures``: the discretised architecture
    (largest weight) in the benchmark's notation. Losses and accuracies (percent) are means over the epoch's
    batches, taken in training mode; None before training and where a quantity does not exist for the method
    (a single-level search has no separate architecture batches). ``diagnostics``: by name, None where not measured.
    Where a selection goes on after the search, its epochs follow, and ``architectures`` knows its decisions; one that
    trains no more (best path) adds a single entry. The last architecture is the result.
    """

    model_config = ConfigDict(extra="forbid")

    ops: list[str]
    mixing: dict[str, list[list[list[float]]]]
    architectures: list[str]
    weight_loss: list[float | None]
    weight_accuracy: list[float | None]
    architecture_loss: list[float | None]
    architecture_accuracy: list[float | None]
    weight_lr: list[float | None]
    diagnostics: dict[str, list[float | None]] = {}
