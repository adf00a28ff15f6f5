"""The trajectory of a search: plain numbers per epoch, the input of stop rules, figures and diagnostics."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, SerializerFunctionWrapHandler, model_serializer, model_validator

from harness.errors import HarnessError
from harness.spaces.registry import DEFAULT, published
from harness.spaces.space import Group


class Trajectory(BaseModel):
    """What a search leaves per epoch. Index 0 is the state before training; lists have epochs + 1 entries.

    ``groups``: what was chosen from. ``mixing``: by their names mixing weights [epochs + 1, rows, options].
    ``architectures``: the discretised architecture in the notation of its space. Losses and accuracies (percent) are
    means over the epoch's batches, taken in training mode; None before training and where a quantity does not exist for
    the method (a single-level search has no separate architecture batches). ``diagnostics``: by name, None where not
    measured; also what a selection measures (strength). Where a selection goes on after the search, its epochs follow,
    and ``architectures`` knows its decisions; one that trains no more (best path), or puts the supernet back
    (strength), adds a single entry. The last architecture is the result.

    ``earlier``: the stages before the last, of a search in several; all else is of the last.

    Schema 1, of NAS-Search-201 alone, had ``ops``, the options of every edge, in the place of ``groups``.
    """

    model_config = ConfigDict(extra="forbid")

    schema_version: Literal[2] = 2
    groups: list[Group]
    mixing: dict[str, list[list[list[float]]]]
    architectures: list[str]
    weight_loss: list[float | None]
    weight_accuracy: list[float | None]
    architecture_loss: list[float | None]
    architecture_accuracy: list[float | None]
    weight_lr: list[float | None]
    diagnostics: dict[str, list[float | None]] = {}
    earlier: list[Trajectory] = []

    @model_serializer(mode="wrap")
    def _without_absent_stages(self, plain: SerializerFunctionWrapHandler) -> dict[str, Any]:
        found: dict[str, Any] = plain(self)
        if not self.earlier:
            found.pop("earlier", None)
        return found

    @model_validator(mode="before")
    @classmethod
    def _read_schema_1(cls, data: Any) -> Any:
        if not isinstance(data, dict) or "ops" not in data or "groups" in data:
            return data
        space = published(DEFAULT)
        try:
            groups = space.narrowed({cell: [data["ops"]] * space.edges for cell in space.cell_types}).groups
        except HarnessError as error:
            raise ValueError(str(error)) from error
        return {**{key: value for key, value in data.items() if key != "ops"}, "groups": groups}
