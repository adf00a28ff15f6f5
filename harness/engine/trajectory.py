"""The trajectory of a search: plain numbers per epoch, the input of stop rules, figures and diagnostics."""

from __future__ import annotations

from collections.abc import Mapping
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

    Schema 1, of NAS-Bench-201 alone, had ``ops``, the options of every edge, in the place of ``groups``.
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


class TrainingCurve(BaseModel):
    """What a training leaves per epoch: lists have one entry each, the first is of the state after one epoch.

    ``architecture``: whose network it is; ``parameters``: counted without an auxiliary head. ``loss`` and
    ``train_accuracy`` (percent): means over the epoch's batches in training mode, without the auxiliary head's loss.
    ``accuracy`` and ``top5``: of the images that are evaluated (percent), None in epochs that were not;
    ``tops``: the same by the number of guesses, where others than 1 and 5 were asked for. ``diagnostics``: what was
    measured after the last epoch, by name.
    """

    model_config = ConfigDict(extra="forbid", allow_inf_nan=False)

    schema_version: Literal[1] = 1
    architecture: str
    parameters: int
    loss: list[float] = []
    train_accuracy: list[float] = []
    lr: list[float] = []
    accuracy: list[float | None] = []
    top5: list[float | None] = []
    tops: dict[str, list[float | None]] = {}
    diagnostics: dict[str, float] = {}

    @model_validator(mode="after")
    def _equally_long(self) -> TrainingCurve:
        lengths = [len(values) for values in (self.loss, self.train_accuracy, self.lr)]
        lengths += [len(values) for values in (self.accuracy, self.top5, *self.tops.values())]
        if len(set(lengths)) > 1:
            raise ValueError("the lists of a training must be equally long")
        return self

    def add(self, *, loss: float, train_accuracy: float, lr: float, right: Mapping[int, float | None]) -> None:
        """Append an epoch. ``right``: percent by the number of guesses."""
        self.loss.append(loss)
        self.train_accuracy.append(train_accuracy)
        self.lr.append(lr)
        for guesses, value in right.items():
            self.right_among(guesses).append(value)

    def right_among(self, guesses: int) -> list[float | None]:
        """Return the curve of the images (percent) whose class is among so many guesses."""
        known = {1: self.accuracy, 5: self.top5}
        return known[guesses] if guesses in known else self.tops.setdefault(str(guesses), [])

    @property
    def evaluated(self) -> list[float]:
        """Return the accuracies (percent) of the epochs that were evaluated."""
        return [value for value in self.accuracy if value is not None]

    @property
    def landmarks(self) -> list[tuple[str, int, float]]:
        """Name the first, the last and the best accuracy (percent; of equals the earliest), each with its epoch."""
        known = [(epoch, value) for epoch, value in enumerate(self.accuracy, start=1) if value is not None]
        best = max(known, key=lambda entry: entry[1])
        return [("first", *known[0]), ("last", *known[-1]), ("best", *best)]
