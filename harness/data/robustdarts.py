"""The logs that RobustDARTS' authors published: dominant eigenvalues and cells of their searches, epoch by epoch."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from harness.data.sources import first_existing, missing
from harness.errors import HarnessError

PLACES = ("robustdarts",)
FILES = ("runs.parquet", "epochs.parquet")
SKIP = "skip_connect"


@dataclass(frozen=True)
class LoggedSearch:
    """One search (DARTS, second order); index 0 of the curves is the state before training, which is not logged.

    ``eigenvalues``: the largest of the alpha-Hessian [epochs + 1], NaN where not measured. ``skips``: skip connections
    among the eight operations of the normal cell [epochs + 1], NaN before training. ``decay``: of the weights;
    ``drop_path``: its largest probability.
    """

    name: str
    space: str
    dataset: str
    decay: float
    drop_path: float
    seed: int
    eigenvalues: NDArray[np.float64]
    skips: NDArray[np.float64]


def load_logged_searches(root: Path | None) -> tuple[LoggedSearch, ...]:
    """Return the searches whose eigenvalues are logged, in the order of their names.

    Reads ``robustdarts/runs.parquet`` and ``epochs.parquet`` below the data root. Raises `DataMissing` where they are
    not there, and `HarnessError` for files of another form.
    """
    import pandas as pd

    folder = first_existing(root, PLACES)
    if folder is None or not all((folder / name).is_file() for name in FILES):
        places = [f"{PLACES[0]}/{name}" for name in FILES]
        raise missing("RobustDARTS' logs", root, places, "they are an extract of the logs in automl/RobustDARTS")
    try:
        runs, epochs = (pd.read_parquet(folder / name) for name in FILES)
        by_run = dict(list(epochs.sort_values("epoch").groupby("run")))
        measured = runs[runs["hessians"] > 0].sort_values("run")
        return tuple(_search(run, by_run[run["run"]]) for run in measured.to_dict("records"))
    except (KeyError, ValueError, OSError) as error:
        raise HarnessError(f"{folder}: no logs of RobustDARTS in the expected form ({error})") from error


def _search(run: dict[str, object], epochs: object) -> LoggedSearch:
    table: dict[str, NDArray[np.object_]] = {key: epochs[key].to_numpy() for key in epochs}  # type: ignore[attr-defined,index]
    skips = [sum(operation == SKIP for operation, _ in json.loads(cell)) for cell in table["normal"]]
    return LoggedSearch(
        name=str(run["run"]),
        space=str(run["space"]),
        dataset=str(run["dataset"]),
        decay=float(str(run["l2"])),
        drop_path=float(str(run["drop_path"])),
        seed=int(str(run["seed"])),
        eigenvalues=np.array([np.nan, *table["hessian_max_eigenvalue"]], dtype=np.float64),
        skips=np.array([np.nan, *skips], dtype=np.float64),
    )
