"""What goes with what, by capabilities: a new part needs no entry in any list."""

from __future__ import annotations

from typing import Any, Literal, get_args

import pytest

from harness.methods.composition import Composed, fit
from harness.methods.diagnostics import Eigenvalue
from harness.methods.optimisers import Adam, ExponentiatedGradient
from harness.methods.relaxations import EdgeNormalised, Sigmoid, Softmax
from harness.methods.spec import COMPOSED, SearchSpec
from harness.methods.updates import Alternating, WeightsOnly
from harness.spaces.registry import published


def parts(annotation: Any) -> list[type[Composed]]:
    """Return the part classes of a field."""
    if isinstance(annotation, type) and issubclass(annotation, Composed):
        return [annotation]
    return [part for inner in get_args(annotation) for part in parts(inner)]


FIELDS = {name: parts(SearchSpec.model_fields[name].annotation) for name in (*COMPOSED, "diagnostics")}


@pytest.mark.parametrize("field", FIELDS)
def test_what_parts_need_is_declared_by_all_that_can_stand_there(field: str) -> None:
    assert FIELDS[field]
    for part in FIELDS[field]:
        for other, capabilities in part.needs.items():
            assert other in COMPOSED
            for capability in capabilities:
                assert all(hasattr(found, capability) for found in FIELDS[other]), (part, other, capability)


class Sharper(Softmax):
    """A relaxation that nobody has heard of."""

    name: Literal["sharper"]  # type: ignore[assignment]


ALTERNATING = Alternating(name="alternating", order="weights-first", unrolled=False)
ADAM = Adam(name="adam", lr=0.1, betas=(0.9, 0.99), eps=1e-8, weight_decay=0)


def test_a_new_relaxation_is_known_by_what_it_declares() -> None:
    relaxation = Sharper(name="sharper")
    for field, part in (("update", ALTERNATING), ("architecture_optimiser", ADAM)):
        fit(field, part, {"relaxation": relaxation, "weight_relaxation": None})
    with pytest.raises(ValueError, match="'exponentiated-gradient' does not work with relaxation 'sharper'"):
        optimiser = ExponentiatedGradient(name="exponentiated-gradient", lr=0.1, floor=1e-6)
        fit("architecture_optimiser", optimiser, {"relaxation": relaxation})


def test_absence_and_the_needs_of_earlier_parts_count_too() -> None:
    weights_only = WeightsOnly(name="weights-only")
    eigenvalue = Eigenvalue(name="eigenvalue", every=1, images=8, first=0)
    with pytest.raises(ValueError, match="'weights-only' does not work with weight_relaxation 'softmax'"):
        fit("update", weights_only, {"weight_relaxation": Softmax(name="softmax")})
    fit("update", weights_only, {"weight_relaxation": None})
    fit("diagnostics", eigenvalue, {"relaxation": Sigmoid(name="sigmoid")})


def test_partial_channels_and_groups_are_looked_at_where_there_is_a_space() -> None:
    quarter = published("nb201").model_copy(update={"partial_channels": 4})
    with pytest.raises(ValueError, match=r"'sigmoid' does not work with space\.partial_channels above 1"):
        fit("relaxation", Sigmoid(name="sigmoid"), {"space": quarter})
    fit("relaxation", EdgeNormalised(name="edge-normalised"), {"space": quarter})
