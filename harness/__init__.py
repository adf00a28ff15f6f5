"""A benchmark-driven reproducibility harness for differentiable architecture search.

    import harness

    found = harness.search("single-darts", space="nb201", dataset="cifar10", seed=0, profile="reduced")
    found.architecture, found.accuracy, found.trajectory        # a string, percent, a DataFrame
    harness.run("nb201", method="darts-v1", seeds="0-1")         # what is missing of a suite
    harness.records()                                            # a DataFrame, one row a trial
    harness.verdicts("nb201")                                    # one row a printed number, with its marks
    harness.benchmark("nb201").accuracy(found.architecture, "cifar10", "test", 200)

A mistake raises `HarnessError`, one line that says what is wrong, where, and what is near. Nothing heavy is imported
before it is used.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from harness.api.frames import records, verdicts
    from harness.api.looking_up import Lookup, benchmark
    from harness.api.running import RunSummary, run
    from harness.api.searching import Found, search
    from harness.errors import HarnessError

__all__ = ["Found", "HarnessError", "Lookup", "RunSummary", "benchmark", "records", "run", "search", "verdicts"]

_PLACES = {
    "Found": "api.searching",
    "HarnessError": "errors",
    "Lookup": "api.looking_up",
    "RunSummary": "api.running",
    "benchmark": "api.looking_up",
    "records": "api.frames",
    "run": "api.running",
    "search": "api.searching",
    "verdicts": "api.frames",
}


def __getattr__(name: str) -> Any:
    """Import what is offered when it is first asked for."""
    if name not in _PLACES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    found = globals()[name] = getattr(import_module(f"{__name__}.{_PLACES[name]}"), name)
    return found


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
