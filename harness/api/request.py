"""What is asked of suites, and the way from there to plans."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import cast, get_args

from harness.errors import HarnessError, nearest
from harness.methods.catalogue import load_catalogue
from harness.runner.availability import DataAvailability
from harness.runner.environment import Device
from harness.runner.plan import Filters, NoSuchRow, Plan, make_plans, parse_seeds, plan_further
from harness.runner.store import Store
from harness.runner.trial import ProfileName
from harness.suite.load import find_suites, load_suite
from harness.suite.loaded import LoadedSuite

DEFAULT_SUITES = "suites"
Say = Callable[[str], None]  # takes a line that is said beside the results


@dataclass(frozen=True)
class Request:
    """Which trials of which suites, and where their records are. ``profile``: None leaves it to who asks."""

    suites: tuple[str, ...]
    profile: ProfileName | None
    selection: Filters
    overrides: tuple[str, ...]
    results: Path

    @classmethod
    def read(
        cls,
        suites: Sequence[str] | None,
        profile: str | None,
        methods: Sequence[str] | None,
        tables: Sequence[str] | None,
        datasets: Sequence[str] | None,
        seeds: str | None,
        overrides: Sequence[str] | None,
        results: Path,
    ) -> Request:
        """Take options as they were given."""
        selection = Filters(
            methods=tuple(methods or ()),
            tables=tuple(tables or ()),
            datasets=tuple(datasets or ()),
            seeds=() if seeds is None else parse_seeds(seeds),
        )
        name = None if profile is None else cast(ProfileName, str(profile))
        return cls(tuple(suites or (DEFAULT_SUITES,)), name, selection, tuple(overrides or ()), results)

    @property
    def store(self) -> Store:
        """Return the records' store."""
        return Store.of(self.results)

    def loaded(self) -> list[LoadedSuite]:
        """Load the suites; raise `HarnessError` for the first mistake."""
        return [load_suite(path, load_catalogue()) for path in find_suites(self.suites)]

    def plan(self, loaded: LoadedSuite, profile: ProfileName, data: DataAvailability) -> Plan:
        """Plan the selected trials of one suite."""
        return self.plans([loaded], profile, data)[0]

    def plans(self, loaded: Sequence[LoadedSuite], profile: ProfileName, data: DataAvailability) -> list[Plan]:
        """Plan the selected trials of several suites; what none of them has is asked for where there are others."""
        try:
            return make_plans(loaded, profile, self.selection, self.overrides, data=data)
        except NoSuchRow as error:
            raise HarnessError(f"{error}{_elsewhere(error, loaded)}") from error

    def further(
        self, loaded: LoadedSuite, profile: ProfileName, plan: Plan, rows: Mapping[str, int], data: DataAvailability
    ) -> Plan:
        """Plan rows of a plan with so many seeds each."""
        return plan_further(loaded, plan, profile, rows, self.overrides, data=data)

    def options(self) -> list[str]:
        """Write the request as options again, suites first."""
        chosen = self.selection
        words = [*self.suites, *_option("--profile", [self.profile] if self.profile else [])]
        words += _option("-m", chosen.methods) + _option("-t", chosen.tables) + _option("-d", chosen.datasets)
        words += _option("--seeds", [",".join(map(str, chosen.seeds))] if chosen.seeds else [])
        return words + _option("--set", self.overrides) + _option("--results", [str(self.results)])


def _elsewhere(error: NoSuchRow, asked: Sequence[LoadedSuite]) -> str:
    """Name the shipped suites that have a row that the suites asked for lack."""
    try:
        others = [load_suite(path, load_catalogue()) for path in find_suites([DEFAULT_SUITES])]
    except HarnessError:
        return ""  # what is wrong with suites that nobody asked for is not the answer
    paths = {loaded.path for loaded in asked}
    having = [str(one.path) for one in others if one.path not in paths and error.name in _names(one, error.kind)]
    return f"; {' and '.join(having)} {'has' if len(having) == 1 else 'have'} it" if having else ""


def _names(loaded: LoadedSuite, kind: str) -> set[str | None]:
    """Return the methods or tables of a suite."""
    tables = loaded.suite.tables
    return {row.method for table in tables.values() for row in table.rows.values()} if kind == "method" else {*tables}


def _option(name: str, values: Sequence[str]) -> list[str]:
    return [word for value in values for word in (name, value)]


def one_or_many(names: str | Sequence[str]) -> Sequence[str]:
    """Take one name for a list of one."""
    return [names] if isinstance(names, str) else names


def as_settings(settings: Mapping[str, object] | None) -> list[str]:
    """Write overrides by key path as ``--set`` has them."""
    return [f"{key}={json.dumps(value)}" for key, value in (settings or {}).items()]


def check_arguments(
    *, profile: object, device: object, jobs: object = 0, threads: object = None, seed: object = 0,
    seeds: object = None, log: object = None,
) -> None:  # fmt: skip
    """Raise `HarnessError` for what the command line would not take: Python takes everything."""
    for name, value, least in (("seed", seed, 0), ("jobs", jobs, 0), ("threads", threads, 1)):
        if value is not None and (not isinstance(value, int) or isinstance(value, bool) or value < least):
            raise HarnessError(f"{name}={value!r}: a whole number from {least} on")
    choices = (("profile", profile, get_args(ProfileName)), ("device", device, get_args(Device)))
    for name, value, known in (*choices, ("log", log, (None, "tensorboard"))):
        if value not in known:
            raise HarnessError(f"{name}={value!r}{nearest(str(value), [str(one) for one in known if one])}")
    if seeds is not None and not isinstance(seeds, str):
        raise HarnessError(f"seeds={seeds!r}: a text such as '0-2' or '0,3'")


def to_stderr(line: str) -> None:
    """Say something beside the results."""
    print(line, file=sys.stderr)
