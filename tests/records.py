"""Records made up for tests."""

from __future__ import annotations

from typing import Any

from harness.runner.record import Record
from harness.runner.trial import hashed

SPEC = {"epochs": 2, "space": {"name": "nb201"}}
ID = hashed(SPEC, "digits", 0, {"engine": 1}, "c")


def a_record(**changes: Any) -> Record:
    """Make the record of a search of two epochs; keywords replace fields."""
    data: dict[str, Any] = {
        "id": ID, "status": "done", "suite": "tiny", "profile": "reduced", "method": "darts-v1",
        "dataset": "digits", "seed": 0, "embedded": False, "spec": SPEC,
        "benchmark": {"name": "nb201-table"}, "part_versions": {"engine": 1}, "data_fingerprint": "f",
        "data_checksum": "c", "benchmark_checksum": "b", "error": None,
        "trajectory": {
            "ops": ["none", "skip_connect"],
            "mixing": {"cell": [[[0.5, 0.5]] * 6, [[0.25, 0.75]] * 6, [[0.125, 0.875]] * 6]},
            "architectures": ["first", "second", "second"],
            "weight_loss": [None, 2.5, 1.25], "weight_accuracy": [None, 10.0, 20.0],
            "architecture_loss": [None, 2.5, 1.25], "architecture_accuracy": [None, 10.0, 20.0],
            "weight_lr": [None, 0.1, 0.05],
        },
        "evaluations": {
            "first": {"digits/test/12": 1.0, "digits/test/200": 11.0},
            "second": {"digits/valid/200": 99.0, "digits/test/12": 2.0, "digits/test/200": 22.0},
        },
        "provenance": {
            "harness": "0", "git": None, "python": "3", "torch": "2", "platform": "p", "device": "cpu",
            "threads": 1, "started": "2020-01-01T00:00:00+00:00", "search_seconds": 3.0,
            "evaluation_seconds": 1.0, "epoch_seconds": [1.0, 2.0], "peak_memory_mb": None,
            "resumed_from_epoch": None,
        },
    }  # fmt: skip
    return Record.model_validate({**data, **changes})


def science(record: Record) -> dict[str, Any]:
    """Return what must not depend on how often a run was stopped."""
    return record.model_dump(exclude={"provenance"})
