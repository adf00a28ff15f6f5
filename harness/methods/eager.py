"""torch's optimisers without torch's compiler, of which nothing here is used."""

from __future__ import annotations

import inspect
from functools import cache
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from torch.optim import Optimizer

Kind = TypeVar("Kind", bound="type[Optimizer]")


@cache
def eager(kind: Kind) -> Kind:
    """Return an optimiser that does the same steps, to the bit, and never asks whether it is being compiled.

    Asking imports the compiler, 800 modules, which takes as long as torch itself. What torch marks as not to be
    compiled is told that it need not be (the mark is private: without it all works as before, only slower).
    """
    import torch

    for name in ("add_param_group", "zero_grad", "state_dict", "load_state_dict"):
        plain = inspect.unwrap(getattr(torch.optim.Optimizer, name))
        vars(plain).setdefault("__dynamo_disable", plain)
    step = torch.no_grad()(inspect.unwrap(kind.step))
    return type(kind.__name__, (kind,), {"step": step})  # type: ignore[return-value]
