"""From a suite to the flat list of its trials: pure, no files, no torch.

A trial's id is a hash of what decides its outcome: the resolved specification, the dataset's name and checksum, the
seed, and the versions of the parts and of the engine. A training's has the architecture in it, or the id of the search
that it follows. Not in it: suite, table, row, method and
profile (rows that ask for the same search share its trial), stop rules (they are applied to the trajectory
afterwards) and the benchmark (a record's architectures can be evaluated anew without a new search; whether a
record holds the evaluations that a trial asks for is compared where records are read).
"""

from __future__ import annotations

import re
from collections.abc import Container, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from harness import engine
from harness.benchmarks.spec import Benchmark, NoBenchmark, TableBenchmark, TrainingBenchmark
from harness.errors import HarnessError, nearest
from harness.methods.catalogue import Layer, override_layers, part_versions
from harness.methods.computed import ComputedSpec
from harness.methods.spec import SearchSpec
from harness.runner.availability import TABLE, TRAINING_IMAGES, DataAvailability
from harness.runner.trainings import UNSEARCHED, Trained, row_training, stand_in
from harness.runner.trial import ProfileName, Trial, trial_id
from harness.suite.changes import changes
from harness.suite.loaded import LoadedSuite
from harness.suite.schema import Row
from harness.suite.training import resolve_training
from harness.text import brief


class NoSuchRow(HarnessError):
    """No row of the suites has a method, table or dataset that is asked for; ``kind`` says which, ``name`` what."""

    def __init__(self, message: str, kind: str, name: str) -> None:
        super().__init__(message)
        self.kind, self.name = kind, name


@dataclass(frozen=True)
class Filters:
    """Filters of a plan; they compose, and an empty one selects everything."""

    methods: tuple[str, ...] = ()
    tables: tuple[str, ...] = ()
    datasets: tuple[str, ...] = ()
    seeds: tuple[int, ...] = ()


@dataclass(frozen=True)
class Plan:
    """``rows``: ``table/row`` -> ids of its searches, its computation, or its trainings where it only trains.

    ``trained``: ``table/row`` -> the trainings that it reports; ``not_run``: ``table/row`` -> why it has no trials.

    ``notes``: what the reader must know, such as data that is replaced. ``overrides``: ``table/row`` -> what
    was overridden of its specification, as ``key.path=value``; rows without are left out.
    """

    trials: tuple[Trial, ...]
    rows: Mapping[str, tuple[str, ...]]
    not_run: Mapping[str, str]
    notes: tuple[str, ...]
    overrides: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    trained: Mapping[str, Trained] = field(default_factory=dict)

    @property
    def blocked(self) -> list[str]:
        """Say what cannot be run for want of data, each reason once."""
        reasons = dict.fromkeys((trial.dataset, trial.blocked) for trial in self.trials if trial.blocked)
        return [f"blocked: trials on {dataset}: {why}" for dataset, why in reasons]

    def is_in(self, records: Container[str]) -> bool:
        """Tell whether any of its trials is among these ids."""
        return any(trial.id in records for trial in self.trials)


@dataclass(frozen=True)
class RowPlan:
    """A row that can be run, and what its trials have in common. ``searched_on``: as the suite says.

    A computed row has one trial, of as many runs as it has ``seeds``, but where it ``trains``: then one for each seed.
    ``searched``: it is neither computed nor of a published cell.
    """

    name: str
    method: str
    searched_on: str
    dataset: str
    embedded: bool
    seeds: int
    computed: bool
    searched: bool = True
    trains: bool = False

    @property
    def in_one(self) -> bool:
        """Tell whether one trial stands for all seeds."""
        return self.computed and not self.trains


def parse_seeds(text: str) -> tuple[int, ...]:
    """Read ``0-4``, ``2`` or ``0,2-3``; raise `HarnessError`."""
    seeds: dict[int, None] = {}
    for part in text.split(","):
        match = _SEEDS.fullmatch(part.strip())
        if not match or int(match[2] or match[1]) < int(match[1]):
            what = f"expected numbers and ranges such as 0-4 or 0,2-3, up to {10**SEED_DIGITS - 1:,}"
            raise HarnessError(f"--seeds {brief(text)}: {what}")
        seeds.update(dict.fromkeys(range(int(match[1]), int(match[2] or match[1]) + 1)))
    return tuple(seeds)


SEED_DIGITS = 4
_SEEDS = re.compile(rf"([0-9]{{1,{SEED_DIGITS}}})(?:-([0-9]{{1,{SEED_DIGITS}}}))?")


def data_needed(loaded: LoadedSuite, profile: str) -> list[str]:
    """Return the names of all data that a profile may read: datasets, stand-ins included, and `TABLE`."""
    names: dict[str, None] = {}
    for table, row in _rows(loaded):
        if loaded.why_not_run(table, row, profile) is not None:
            continue
        if loaded.computes(table, row):
            trains = loaded.resolve_computation(table, row, runs=1).trains
            names[str(loaded.searched_on(table, row)) if trains else TABLE] = None
            continue
        embedded, training = loaded.profile(profile).embedded, resolve_training(loaded, table, row, profile)
        read = [str(loaded.searched_on(table, row))] if loaded.searches(table, row) else []
        read += [*([training.dataset] if training else []), *([embedded.dataset] if embedded else [])]
        names.update(dict.fromkeys(read))
    return list(names)


def make_plan(
    loaded: LoadedSuite,
    profile: ProfileName,
    selection: Filters,
    overrides: Sequence[str],
    *,
    data: DataAvailability,
) -> Plan:
    """Plan one suite, see `make_plans`."""
    return make_plans([loaded], profile, selection, overrides, data=data)[0]


def make_plans(
    suites: Sequence[LoadedSuite],
    profile: ProfileName,
    selection: Filters,
    overrides: Sequence[str],
    *,
    data: DataAvailability,
) -> list[Plan]:
    """Plan the selected trials of suites under a profile, one plan a suite; ``overrides`` are ``--set`` texts.

    Raises `HarnessError` for a filter that matches nothing in any of the suites, alone or with the others, for a
    wrong override, and where rows can be run but their suite has no such profile. A selection of rows that cannot
    be run is no error: they are in ``not_run``.
    """
    selected = _select(suites, profile, selection, data)
    rows = [
        [_row(loaded, profile, t, r, data) for t, r in chosen if loaded.why_not_run(t, r, profile) is None]
        for loaded, chosen in zip(suites, selected, strict=True)
    ]
    _match_seeds(selection.seeds, [row for of_suite in rows for row in of_suite])
    layers = override_layers(overrides)
    _match_overrides(overrides, layers, [row for of_suite in rows for row in of_suite])
    plans = []
    for loaded, chosen, runnable in zip(suites, selected, rows, strict=True):
        not_run = {f"{t}/{r}": why for t, r in chosen if (why := loaded.why_not_run(t, r, profile)) is not None}
        plans.append(_plan(loaded, profile, runnable, not_run, selection.seeds, layers, data))
    for text, layer in zip(overrides, layers, strict=True):
        if _kind(layer) == "training" and any(plan.rows for plan in plans) and not any(plan.trained for plan in plans):
            raise HarnessError(f"--set {text}: none of the selected rows is trained")
    return plans


def plan_further(
    loaded: LoadedSuite,
    plan: Plan,
    profile: ProfileName,
    rows: Mapping[str, int],
    overrides: Sequence[str],
    *,
    data: DataAvailability,
) -> Plan:
    """Plan rows of a plan with seeds 0 to ``rows[row]`` - 1; a row that the plan lacks, or that is computed, stays out.

    Seeds beyond the planned ones are searches like any other: a claim may need them.
    """
    names = [row.partition("/") for row in rows if row in plan.rows]
    planned = [_row(loaded, profile, table, row, data) for table, _, row in names]
    searched = [replace(row, seeds=rows[row.name]) for row in planned if not row.in_one]
    return _plan(loaded, profile, searched, dict(plan.not_run), (), override_layers(overrides), data)


def _plan(
    loaded: LoadedSuite,
    profile: ProfileName,
    runnable: Sequence[RowPlan],
    not_run: dict[str, str],
    selected_seeds: Sequence[int],
    overrides: Sequence[Layer],
    data: DataAvailability,
) -> Plan:
    trials: dict[str, Trial] = {}
    rows: dict[str, tuple[str, ...]] = {}
    trained: dict[str, Trained] = {}
    overridden: dict[str, tuple[str, ...]] = {}
    for row in runnable:
        if row.computed and (why := _no_table(loaded, profile, row, data)):
            not_run[row.name] = why
            continue
        count = 1 if row.in_one else row.seeds
        seeds = [seed for seed in range(count) if not selected_seeds or seed in selected_seeds]
        if not seeds:
            not_run[row.name] = f"none of the selected seeds: it has {_range(count)}"
            continue
        training = None if row.computed else row_training(loaded, profile, row.name, _of(overrides, "training"), data)
        if training is None and not row.searched:
            not_run[row.name] = f"the profile {profile} trains nothing"
            continue
        searches = training.searches(seeds) if training else seeds
        found = list(expand(loaded, profile, row, searches, overrides, data)) if row.searched or row.computed else []
        short, final = training.expand(found, seeds) if training else ([], [])
        rows[row.name] = tuple(trial.id for trial in found or final)
        if training:
            trained[row.name] = training.trained(final)
        if changed := (final or found)[0].overrides:
            overridden[row.name] = changed
        for trial in (*found, *short, *final):
            earlier = trials.get(trial.id)
            trials[trial.id] = _joined(earlier, trial) if earlier else trial
    notes = tuple(_notes(runnable, data))
    return Plan(tuple(trials.values()), rows, not_run, notes, overridden, trained)


def _joined(earlier: Trial, trial: Trial) -> Trial:
    """Make one of two rows' equal trials; what one of them states is no override."""
    overrides = earlier.overrides if trial.overrides else ()
    return replace(earlier, rows=earlier.rows + trial.rows, overrides=overrides)


def expand(
    loaded: LoadedSuite,
    profile: ProfileName,
    row: RowPlan,
    seeds: Iterable[int],
    overrides: Sequence[Layer],
    data: DataAvailability,
) -> Iterator[Trial]:
    """Yield the trials of one row."""
    ours = [layer for layer in overrides if _kind(layer) == ("computation" if row.computed else "search")]
    spec = _specification(loaded, profile, row, ours)
    changed = _changed(_specification(loaded, profile, row, ()), spec) if ours else ()
    benchmark: Benchmark = TableBenchmark(name=TABLE)
    if isinstance(spec, ComputedSpec):
        source = row.dataset if spec.trains else TABLE if spec.needs_table else None
        versions = part_versions(spec)
    else:
        _check_images(row, spec)
        source, versions = row.dataset, {**part_versions(spec), "engine": engine.VERSION}
        benchmark = _benchmark(loaded, profile, row)
    checksum = data.checksums.get(source) if source else None
    tests = spec.trains if isinstance(spec, ComputedSpec) else spec.data.split == "test"
    supernet = spec if isinstance(spec, ComputedSpec) else spec.supernet
    supernet_versions = {**versions, **part_versions(supernet)}
    if isinstance(spec, SearchSpec) and supernet != spec:
        del supernet_versions[f"select/{spec.select.name}"]
    for seed in seeds:
        for part in [spec] if isinstance(spec, ComputedSpec) else spec.each(seed):
            yield Trial(
                id=trial_id(part, row.dataset, seed, versions, checksum),
                supernet_id=trial_id(supernet, row.dataset, seed, supernet_versions, checksum),
                suite=loaded.suite.suite,
                profile=profile,
                method=row.method,
                dataset=row.dataset,
                seed=seed,
                spec=part,
                benchmark=benchmark,
                embedded=row.embedded,
                rows=(row.name,),
                part_versions=versions,
                data_checksum=checksum,
                blocked=data.blocks(source, test=tests) if source else None,
                overrides=changed,
                test_checksum=data.tests.get(source) if source and tests else None,
            )


def _specification(
    loaded: LoadedSuite, profile: ProfileName, row: RowPlan, overrides: Sequence[Layer]
) -> SearchSpec | ComputedSpec:
    table, _, name = row.name.partition("/")
    if row.computed:
        return loaded.resolve_computation(table, name, runs=1 if row.trains else row.seeds, overrides=overrides)
    return loaded.resolve(table, name, profile, embedded=row.embedded, overrides=overrides)


def _changed(usual: SearchSpec | ComputedSpec, actual: SearchSpec | ComputedSpec) -> tuple[str, ...]:
    return tuple(changes(usual.model_dump(mode="json"), actual.model_dump(mode="json")))


def _kind(override: Layer) -> str:
    """Tell what a ``--set`` is for: ``computation.budget_seconds=20000``, ``training.epochs=2``, else a search."""
    return next((kind for kind in ("computation", "training") if kind in override.data), "search")


def _of(overrides: Sequence[Layer], kind: str) -> list[Layer]:
    """Return the overrides of a kind, without its name."""

    def inside(layer: Layer) -> Layer:
        return Layer(layer.data[kind], lambda path, text: layer.error((kind, *path), text))

    return [inside(layer) for layer in overrides if _kind(layer) == kind]


def _match_overrides(texts: Sequence[str], layers: Sequence[Layer], rows: Sequence[RowPlan]) -> None:
    for text, layer in zip(texts, layers, strict=True):
        kind = _kind(layer)
        matches = {"computation": lambda row: row.computed, "search": lambda row: row.searched and not row.computed}
        if rows and kind in matches and not any(map(matches[kind], rows)):
            done = "computed" if kind == "computation" else "searched"
            raise HarnessError(f"--set {text}: none of the selected rows is {done}")


def _no_table(loaded: LoadedSuite, profile: ProfileName, row: RowPlan, data: DataAvailability) -> str | None:
    """Return why a computed row is left out where stand-in data is run, which has no table; None where it is not."""
    table, _, name = row.name.partition("/")
    needs = loaded.resolve_computation(table, name, runs=1).needs_table
    stands_in = profile in loaded.suite.profiles and loaded.profile(profile).embedded is not None
    return data.missing.get(TABLE) if needs and stands_in and TABLE not in data.checksums else None


def _check_images(row: RowPlan, spec: SearchSpec) -> None:
    try:
        spec.data.counts(TRAINING_IMAGES[row.dataset])
    except HarnessError as error:
        raise HarnessError(f"{row.name} on {row.dataset}: {error}") from error


def _benchmark(loaded: LoadedSuite, profile: ProfileName, row: RowPlan) -> Benchmark:
    """Return what evaluates a search: nothing, where trainings follow it."""
    asked = loaded.benchmark(row.name.partition("/")[0], profile, embedded=row.embedded)
    return NoBenchmark(name="none") if isinstance(asked, TrainingBenchmark) else asked


def _rows(loaded: LoadedSuite) -> Iterator[tuple[str, str]]:
    return ((name, row) for name, table in loaded.suite.tables.items() for row in table.rows)


def _row(loaded: LoadedSuite, profile: str, table: str, name: str, data: DataAvailability) -> RowPlan:
    row, searched_on = loaded.suite.tables[table].rows[name], loaded.searched_on(table, name)
    if loaded.computes(table, name):
        assert row.method is not None, "a row without a method is not computed"
        spec, where = loaded.resolve_computation(table, name, runs=1), searched_on or "none"
        runs = 1 if spec.deterministic else _seeds(row, loaded, profile)
        return RowPlan(f"{table}/{name}", row.method, where, where, False, runs, computed=True, trains=spec.trains)
    settings, searched = loaded.profile(profile), loaded.searches(table, name)
    if not searched:
        training = resolve_training(loaded, table, name, profile)
        searched_on = training.dataset if training else searched_on or "none"
    assert searched_on is not None, "checked when the suite was loaded"
    dataset = stand_in(settings, searched_on, data)
    embedded = dataset != searched_on
    seeds = settings.embedded.seeds if embedded and settings.embedded else _seeds(row, loaded, profile)
    method = row.method or UNSEARCHED
    return RowPlan(f"{table}/{name}", method, searched_on, dataset, embedded, seeds, computed=False, searched=searched)


def _seeds(row: Row, loaded: LoadedSuite, profile: str) -> int:
    settings = loaded.profile(profile)
    return row.n or settings.unstated_seeds if settings.seeds == "published" else settings.seeds


def _select(
    suites: Sequence[LoadedSuite], profile: str, selection: Filters, data: DataAvailability
) -> list[list[tuple[str, str]]]:
    """Return the selected rows of every suite."""
    wanted = {"method": selection.methods, "table": selection.tables, "dataset": selection.datasets}
    facts = [{row: _facts(loaded, profile, *row, data) for row in _rows(loaded)} for loaded in suites]
    where = str(suites[0].path) if len(suites) == 1 else f"{len(suites)} suites"
    for kind, names in wanted.items():
        known = {name for of_suite in facts for fact in of_suite.values() for name in fact[kind]}
        for name in names:
            if name not in known:
                raise NoSuchRow(f"{where}: no row has the {kind} {name!r}{nearest(name, known)}", kind, name)
    selected = [
        [row for row, fact in of_suite.items() if all(not w or fact[k] & set(w) for k, w in wanted.items())]
        for of_suite in facts
    ]
    if not any(selected):
        chosen = ", ".join(f"{kind} {' or '.join(names)}" for kind, names in wanted.items() if names)
        raise HarnessError(f"{where}: no row matches all of: {chosen}")
    return selected


def _facts(loaded: LoadedSuite, profile: str, table: str, row: str, data: DataAvailability) -> dict[str, set[str]]:
    """Return what the filters look at: the names of a row, both of them where a dataset is replaced."""
    method, searched_on = loaded.suite.tables[table].rows[row].method, loaded.searched_on(table, row)
    datasets = {searched_on} if searched_on else set()
    runs = loaded.why_not_run(table, row, profile) is None
    if runs and not loaded.computes(table, row):
        planned = _row(loaded, profile, table, row, data)
        datasets |= {planned.searched_on, planned.dataset}
        method = planned.method
    return {"method": {method} if method else set(), "table": {table}, "dataset": datasets}


def _match_seeds(seeds: Sequence[int], rows: Sequence[RowPlan]) -> None:
    most = max((1 if row.in_one else row.seeds for row in rows), default=0)
    for seed in seeds:
        if rows and seed >= most:
            more = "; --until-decided adds those that an open claim wants"
            raise HarnessError(f"seed {seed} is not planned; valid: {_range(most)}{more}")


def _range(count: int) -> str:
    return "seed 0" if count == 1 else f"seeds 0-{count - 1}"


def _notes(rows: Sequence[RowPlan], data: DataAvailability) -> Iterator[str]:
    for searched_on, dataset in dict.fromkeys((r.searched_on, r.dataset) for r in rows if r.embedded):
        why = data.missing.get(searched_on, "its images are not at hand")
        yield f"{dataset} instead of {searched_on}: this shows the machinery and supports no claim ({why})"
