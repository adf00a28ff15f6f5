"""`harness.search`: one search of a supernet in this process, with the settings of a shipped suite."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from harness.analysis.trajectories import group_weights, magnitudes_by_cell
from harness.api.looking_up import benchmark
from harness.api.request import DEFAULT_SUITES, as_settings, check_arguments
from harness.api.traces import as_it_was
from harness.benchmarks.spec import TABLES
from harness.data.sources import DataMissing, data_root
from harness.errors import HarnessError, nearest
from harness.methods.catalogue import load_catalogue, override_layers, part_versions
from harness.methods.spec import SearchSpec
from harness.runner import environment
from harness.runner.availability import find_data
from harness.runner.environment import Device
from harness.runner.record import PER_EPOCH
from harness.runner.trial import ProfileName, trial_id
from harness.spaces.registry import known, published
from harness.spaces.space import Space
from harness.suite.load import find_suites, load_suite
from harness.suite.loaded import LoadedSuite

if TYPE_CHECKING:
    import pandas as pd

    from harness.engine.trajectory import Trajectory


class _Row(NamedTuple):
    """A row that searches on a data set. ``embedded``: with the settings of the profile's stand-in for its own."""

    loaded: LoadedSuite
    table: str
    row: str
    dataset: str
    embedded: bool

    @property
    def name(self) -> str:
        return f"{self.loaded.suite.suite}/{self.table}/{self.row}"

    @property
    def own_settings(self) -> bool:
        """Tell whether the row, or its table, states more of the search for itself than its space and data."""
        table = self.loaded.suite.tables[self.table]
        return bool({*table.search, *table.rows[self.row].search} - {"space", "data"})

    def searches(self, space: Space, profile: str) -> bool:
        """Tell whether the profile runs it, and it chooses from what a space does, however large its supernet."""
        if self.loaded.why_not_run(self.table, self.row, profile) is not None:
            return False
        own = self.loaded.resolve(self.table, self.row, profile, embedded=self.embedded).space
        return type(own) is type(space) and own.groups == space.groups


@dataclass(frozen=True)
class Found:
    """What a search found.

    ``architecture``: in the notation of its space. ``trajectory``: one row an epoch, from before training (0) on:
    losses, accuracies (percent), learning rate, the architecture, and by operation and cell type its mean weight.
    ``accuracies``: what the benchmark's table says of the architecture, percent by ``dataset/split/epochs``; empty
    where there is no table at hand. ``row``: whose settings it had; ``settings``: all of them.
    """

    method: str
    space: str
    dataset: str
    seed: int
    profile: ProfileName
    row: str
    architecture: str
    trajectory: pd.DataFrame = field(repr=False)
    accuracies: Mapping[str, float] = field(repr=False)
    settings: Mapping[str, Any] = field(repr=False)
    seconds: float

    @property
    def accuracy(self) -> float | None:
        """Return the test accuracy (percent) on the data set of the search after the longest training, if known."""
        keys = {int(key.rpartition("/")[2]): key for key in self.accuracies if key.startswith(f"{self.dataset}/test/")}
        return self.accuracies[keys[max(keys)]] if keys else None


def search(
    method: str,
    *,
    space: str = "nb201",
    dataset: str = "cifar10",
    seed: int = 0,
    profile: ProfileName = "reduced",
    settings: Mapping[str, object] | None = None,
    device: Device = "auto",
    threads: int | None = None,
    checkpoints: str | Path | None = None,
    row: str | None = None,
    on_epoch: Callable[[int, int], None] | None = None,
) -> Found:
    """Search with a method of the catalogue, in this process, and look up what it found.

    The settings are those of the first row of the shipped suites that runs this method on this space and data set
    and states none of its own; where all do, ``row`` has to name one, ``SUITE/TABLE/ROW``. ``settings`` overrides some
    by key path, ``{"epochs": 3}``. Stop rules are not applied: the architecture is that of the last epoch.
    ``dataset="digits"`` needs no data and shows the machinery alone. ``threads``: of the CPU, by default as many as a
    worker of ``harness run`` has, which gives the same result; equal seeds do on one machine and one number of them.
    ``checkpoints``: a folder for the state after every epoch, by the search's id; the same call goes on from there.
    ``on_epoch``: called after each with its number and how many there are.

    Raises `HarnessError` for an unknown name or setting, and where the images are not at hand.
    """
    check_arguments(seed=seed, threads=threads, device=device, profile=profile)
    found = _find_row(method, space, dataset, profile, row)
    spec = found.loaded.resolve(
        found.table, found.row, profile, embedded=found.embedded, overrides=override_layers(as_settings(settings))
    )
    if len(spec.each(seed)) > 1:
        raise HarnessError(f"method {method!r} is {len(spec.each(seed))} trials a seed: use harness.run")
    (spec,) = spec.each(seed)
    track, seconds = _run(spec, dataset, seed, device, threads, checkpoints, on_epoch)
    architecture = track.architectures[-1]
    return Found(
        method, space, dataset, seed, profile, found.name, architecture, as_frame(track),
        _look_up(architecture, spec.space.name), spec.model_dump(mode="json"), seconds,
    )  # fmt: skip


def _run(
    spec: SearchSpec,
    dataset: str,
    seed: int,
    device: Device,
    threads: int | None,
    checkpoints: str | Path | None,
    on_epoch: Callable[[int, int], None] | None,
) -> tuple[Trajectory, float]:
    """Return the trajectory of a search, and its seconds."""
    from harness.data.load import load_dataset
    from harness.engine.search import run_search
    from harness.runner.worker import prepare

    root, place = data_root(), environment.resolve_device(device)
    images = load_dataset(dataset, root, limit=spec.data.limit, test=spec.data.split == "test")
    spec.data.counts(len(images.train))
    state = None if checkpoints is None else Path(checkpoints) / f"{_id(spec, dataset, seed, root)}.pt"
    with as_it_was():
        prepare(threads or environment.threads_per_worker(environment.cores()))
        found = run_search(spec, images, seed, place, state, on_epoch)
    return found.trajectory, sum(found.epoch_seconds)


def _id(spec: SearchSpec, dataset: str, seed: int, root: Path | None) -> str:
    """Return the id that ``harness run`` would give the search: of its settings, seed, versions and data."""
    from harness import engine

    versions = {**part_versions(spec), "engine": engine.VERSION}
    return trial_id(spec, dataset, seed, versions, find_data([dataset], root).checksums.get(dataset))


def _find_row(method: str, space: str, dataset: str, profile: str, named: str | None = None) -> _Row:
    """Choose whose settings a search has; raise `HarnessError` where no suite has any, or all rows have their own."""
    catalogue = load_catalogue()
    if method not in catalogue.methods:
        raise HarnessError(f"unknown method {method!r}{nearest(method, catalogue.methods)}")
    if catalogue.computes(method):
        raise HarnessError(f"method {method!r} computes and does not search: use harness.run")
    wanted = published(space)
    fitting = []
    for row in _rows(method, profile, first=space):
        if row.dataset == dataset and row.searches(wanted, profile):
            if row.name == named or (named is None and not row.own_settings):
                return row
            fitting.append(row.name)
    if not fitting:
        text = f"no shipped suite searches {space} on {dataset} with {method!r} under the {profile} profile"
        raise HarnessError(text + _instead(_rows(method, profile, first=space), profile))
    if named is not None:
        raise HarnessError(f"row {named!r} does not search {space} on {dataset} so{nearest(named, fitting)}")
    rows = " or ".join(f"row={name!r}" for name in dict.fromkeys(fitting))
    raise HarnessError(f"{method!r} searches {space} on {dataset} only as rows state it: {rows}")


def _instead(rows: Iterable[_Row], profile: str) -> str:
    """Name what a method is searched on."""
    rows = list(rows)
    spaces = {name: published(name) for space in known().values() for name in space.presets()}
    found = [f"{n} on {row.dataset}" for row in rows for n, space in spaces.items() if row.searches(space, profile)]
    return f"; it searches {', '.join(dict.fromkeys(found))}" if found else ""


def _rows(method: str, profile: str, first: str) -> Iterator[_Row]:
    """Yield the rows of the shipped suites that search with a method, and again for the data that stands in.

    ``first``: the suite to begin with.
    """
    for path in sorted(find_suites([DEFAULT_SUITES]), key=lambda path: path.stem != first):
        loaded = load_suite(path, load_catalogue())
        if profile not in loaded.suite.profiles:
            continue
        embedded = loaded.profile(profile).embedded
        for table, entry in loaded.suite.tables.items():
            for row, facts in entry.rows.items():
                if facts.method == method and loaded.searches(table, row):
                    yield _Row(loaded, table, row, str(loaded.searched_on(table, row)), embedded=False)
                    if embedded is not None:
                        yield _Row(loaded, table, row, embedded.dataset, embedded=True)


def _look_up(architecture: str, space: str) -> dict[str, float]:
    """Return what the table of a space says of an architecture; nothing where there is none at hand."""
    for name, facts in TABLES.items():
        if facts.space == space:
            try:
                return benchmark(name).accuracies(architecture)
            except DataMissing:
                return {}
    return {}


def as_frame(track: Trajectory) -> pd.DataFrame:
    """Return the epochs of a search as rows; of several stages, those of the last."""
    import pandas as pd

    weights = magnitudes_by_cell(track.groups, group_weights(track))
    measured = {name: getattr(track, name) for name in PER_EPOCH} | track.diagnostics
    columns = {name: pd.Series(values, dtype=float) for name, values in measured.items()}
    columns |= {f"{cell}/{name}": pd.Series(curve) for cell, of in weights.items() for name, curve in of.items()}
    return pd.DataFrame({"architecture": track.architectures, **columns}).rename_axis("epoch")
