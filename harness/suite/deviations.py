"""Declared deviations: where our searches differ from the paper's protocol on purpose."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from harness.config import validate
from harness.errors import HarnessError
from harness.methods.computed import ComputedSpec
from harness.methods.spec import SearchSpec
from harness.methods.training import TrainingSpec
from harness.suite.schema import Deviation

CHECKSUM = "data_checksum"  # the key of a deviation in the images themselves
ANY = "any"  # as our checksum: whatever copy of the data set it is
ABSENT = object()


def deviate(
    spec: SearchSpec,
    deviations: Iterable[Deviation],
    overridden: Sequence[Mapping[str, Any]],
    error: Callable[[int, str], HarnessError],
) -> SearchSpec:
    """Put our value where a search has the paper's; what an override sets is left as it is.

    Raises ``error(index of the deviation, what is wrong)`` for a value that does not fit there.
    """
    for index, deviation in enumerate(deviations):
        path = deviation.key.split(".")
        if setting(spec, path) == deviation.paper and not any(_holds(data, path) for data in overridden):
            data = spec.model_dump(mode="json")
            block = data
            for key in path[:-1]:
                block = block[key]
            block[path[-1]] = deviation.ours
            spec = validate(SearchSpec, data, lambda _, text, index=index: error(index, text))  # type: ignore[misc]
    return spec


def applying(
    deviations: Iterable[Deviation], spec: SearchSpec | ComputedSpec | TrainingSpec, dataset: str, checksum: str | None
) -> tuple[Deviation, ...]:
    """Return the deviations that a trial has: those of a setting, or of images, that are ours."""
    if isinstance(spec, ComputedSpec):
        return ()
    return tuple(d for d in deviations if _applies(d, spec, dataset, checksum))


def _applies(deviation: Deviation, spec: SearchSpec | TrainingSpec, dataset: str, checksum: str | None) -> bool:
    if deviation.key == CHECKSUM:
        return deviation.dataset == dataset and deviation.ours in (ANY, checksum)
    return bool(setting(spec, deviation.key.split(".")) == deviation.ours)


def setting(spec: SearchSpec | TrainingSpec, path: Sequence[str]) -> Any:
    """Return a specification's value at a key path; `ABSENT` where it has no such key."""
    here: Any = spec
    for key in path:
        if key not in getattr(type(here), "model_fields", ()):
            return ABSENT
        here = getattr(here, key)
    return here


def _holds(data: Mapping[str, Any], path: Sequence[str]) -> bool:
    here: Any = data
    for key in path:
        if not isinstance(here, Mapping) or key not in here:
            return False
        here = here[key]
    return True
