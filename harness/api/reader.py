"""What the records say about suites: verdicts, marks, and the baselines to compare with."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import ValidationError

from harness import shipped
from harness.analysis.baselines import Baseline, record_baseline
from harness.analysis.claims import sides
from harness.analysis.coverage import Entry, entries
from harness.analysis.sequential import LOOKS
from harness.analysis.verdicts import SuiteVerdict, judge
from harness.api.request import Request, Say, to_stderr
from harness.audit.consistency import Mark, marks
from harness.audit.finding import Finding
from harness.audit.published_rows import collect
from harness.audit.record import FILE as AUDIT
from harness.audit.record import read_audit, standing
from harness.benchmarks.ranking import Ranking, recorded
from harness.benchmarks.spec import TABLES
from harness.config import unreadable
from harness.data.atomic import check_writable
from harness.data.sources import data_root
from harness.errors import HarnessError
from harness.files import read_json
from harness.methods.catalogue import load_catalogue
from harness.runner.availability import DataAvailability, find_data, latest_records, with_recorded
from harness.runner.evaluate import load_table, table_problem
from harness.runner.plan import Filters, Plan, data_needed, make_plan
from harness.runner.record import Record
from harness.runner.store import RESULTS, SHIPPED_PROFILE, RecordError, read_record, render, write_atomically
from harness.runner.survey import place
from harness.runner.trial import PROFILES, ProfileName
from harness.suite.facts import FILE as FACTS
from harness.suite.facts import Facts, load_facts
from harness.suite.load import find_suites, load_suite
from harness.suite.loaded import LoadedSuite
from harness.text import one_line

if TYPE_CHECKING:
    from harness.benchmarks.table import Table


@dataclass
class Reader:
    """Reads what the records say about the suites of a request.

    ``say``: where warnings go, a line each. ``new``: the folder of the records may be yet to be made.
    """

    request: Request
    say: Say = to_stderr
    new: bool = False
    index: dict[str, Path] = field(init=False)
    latest: dict[str, list[Record]] = field(default_factory=dict)
    unread: set[str] = field(default_factory=set)  # tables that were said to be broken

    def __post_init__(self) -> None:
        store = self.request.store
        if store.root != RESULTS and not self.new and not store.root.exists():
            raise HarnessError(f"{store.root}: no folder of records")
        if store.root.name in PROFILES and store.root.is_dir() and not store.profiles():
            raise HarnessError(f"{store.root}: the records of one profile, name the folder above")
        self.index = store.index()
        if count := sum(map(store.is_shipped, self.index.values())):
            self.say(f"note: {count} records of the {SHIPPED_PROFILE} profile come with the package")
        for path in store.strays():
            self.say(one_line(f"warning: {path}: not named like a record, left out"))
        for path in store.doubles():
            self.say(one_line(f"warning: {path}: another file has a record of this id; one of them counts"))

    @cached_property
    def loaded(self) -> list[LoadedSuite]:
        """The suites of the request."""
        return self.request.loaded()

    def verdicts(self) -> Iterator[SuiteVerdict]:
        """Judge every suite under every profile that is asked for, or has records."""
        for loaded in self.loaded:
            for profile, plan in self.plans(loaded).items():
                baseline = load_baseline(baseline_path(loaded, profile))
                further = self.further(loaded, profile, plan)
                records = self.records(plan, further or plan)
                yield judge(loaded, profile, plan, records, baseline, self.tables, further, self.ranking)

    def further(self, loaded: LoadedSuite, profile: ProfileName, plan: Plan) -> Plan | None:
        """Plan the rows of claims up to the last look; None where seeds were chosen, beyond which nothing is read."""
        if self.request.selection.seeds:
            return None
        rows = dict.fromkeys(row for claim in loaded.suite.claims.values() for row in sides(claim))
        seeds = {row: max(LOOKS[-1], len(plan.rows.get(row, ()))) for row in rows}
        return self.request.further(loaded, profile, plan, seeds, self.data(loaded, profile))

    @cached_property
    def tables(self) -> Mapping[str, Table]:
        """Return the benchmarks' tables that are at hand, by name."""
        root = data_root()
        names = [name for name in TABLES if self.index and table_problem(root, name) is None]
        return {name: load_table(root, name) for name in names}

    @cached_property
    def ranking(self) -> Ranking | None:
        """Return what is recorded of how well short trainings rank."""
        return recorded(self.request.results)

    def printed(self, verdicts: Sequence[SuiteVerdict] = ()) -> Iterator[SuiteVerdict]:
        """Judge every suite under the paper profile, whatever the request selects or has records of.

        What is printed is listed from here. ``verdicts``: of the request, taken where they are just that.
        """
        whole = self.request.selection == Filters() and not self.request.overrides
        known = {v.loaded.path: v for v in verdicts if whole and v.profile_name == "paper"}
        for loaded in self.loaded:
            if loaded.path in known:
                yield known[loaded.path]
                continue
            if loaded.suite.profiles and "paper" not in loaded.suite.profiles:
                continue  # it prints no number: its check sees to that
            plan = make_plan(loaded, "paper", Filters(), (), data=self.data(loaded, "paper"))
            yield judge(loaded, "paper", plan, self.records(plan), tables=self.tables)

    @cached_property
    def findings(self) -> tuple[Finding, ...]:
        """The recorded audit's findings that still stand; numbers that changed since then are said to be unaudited.

        The one that comes with the package is of the suites that do.
        """
        store, folder = self.request.store, self.loaded[0].path.parent
        path, ours, suites = store.audit, shipped.folder("results"), shipped.folder("suites")
        if not path.exists() and ours is not None:
            path = ours / AUDIT  # of another folder of records: what is printed is the same
        is_foreign = (
            ours is not None and path.is_relative_to(ours) and folder.resolve() != (suites and suites.resolve())
        )
        recorded = None if is_foreign else read_audit(path)
        if recorded is None:
            return ()
        found = standing(recorded, collect(list(self._every(folder))))
        asked = {loaded.suite.suite for loaded in self.loaded}
        changed = [number for number in found.changed if number.partition(":")[0] in asked]
        if changed:
            text = f"{path}: {len(changed)} numbers are new or were others then ({', '.join(changed[:3])}, ...)"
            self.say(f"warning: {text}; run audit --record")
        return found.findings

    def _every(self, folder: Path) -> Iterator[LoadedSuite]:
        """Yield all suites of a folder, which the audit is of; what is wrong with those not asked for is said."""
        known = {loaded.path: loaded for loaded in self.loaded}
        for path in find_suites([folder]):
            try:
                yield known.get(path) or load_suite(path, load_catalogue())
            except HarnessError as error:
                self.say(f"warning: {path} is left out of the audit: {error}")

    @cached_property
    def facts(self) -> Facts | None:
        """The table of protocol facts beside the suites; None where there is none."""
        folder = self.loaded[0].path.parent
        return load_facts(folder) if (folder / FACTS).is_file() else None

    def marks(self) -> dict[str, Mark]:
        """Return the recorded audit's word on every number that it has one for."""
        return marks(self.findings)

    def plans(self, loaded: LoadedSuite) -> dict[ProfileName, Plan]:
        """Plan the profiles to judge: the one asked for, else those with records, else the first."""
        names: list[ProfileName] = [self.request.profile] if self.request.profile else list(loaded.suite.profiles)
        names = names or ["paper"]  # a suite of cited numbers alone
        plans = {name: self.request.plan(loaded, name, self.data(loaded, name)) for name in names}
        found = {name: plan for name, plan in plans.items() if plan.is_in(self.index)}
        if not found and self.index:
            self._say_of_other_copies(loaded, names)
        return found or {names[0]: plans[names[0]]}

    def _say_of_other_copies(self, loaded: LoadedSuite, profiles: Sequence[ProfileName]) -> None:
        """Name the data whose copy at hand is not the one that records are of."""
        for name in profiles:
            here = self.data(loaded, name).checksums
            for record in self.latest_records(name):
                if (ours := here.get(record.dataset)) and not record.values and record.data_checksum != ours:
                    copies = f"another copy of {record.dataset} ({record.data_checksum}) than the one at hand ({ours})"
                    self.say(f"note: records of the {name} profile are of {copies}: they are of other trials")

    def data(self, loaded: LoadedSuite, profile: ProfileName) -> DataAvailability:
        """Find the data; what is not at hand is known from records, where these are of the suite's trials.

        A table that cannot be read counts as not at hand, and is said.
        """
        data = find_data(data_needed(loaded, profile), data_root())
        for name in TABLES:
            if name in data.checksums and (why := table_problem(data_root(), name)):
                if name not in self.unread:
                    self.say(f"error: {why}; judged as without it")
                self.unread.add(name)
                data = data.without(name, why)
        if not data.missing:
            return data
        known = with_recorded(data, self.latest_records(profile))
        return known if self.request.plan(loaded, profile, known).is_in(self.index) else data

    def latest_records(self, profile: str) -> list[Record]:
        """Return the profile's record of each dataset that started last, read once."""
        if profile not in self.latest:
            self.latest[profile] = latest_records(self.request.store, profile)
        return self.latest[profile]

    def records(self, *plans: Plan) -> Iterator[Record]:
        """Read the planned trials' records, each once; say which cannot be read."""
        for trial in {trial.id: trial for plan in plans for trial in plan.trials}.values():
            path = place(trial, self.request.store, self.index)
            if path is not None:
                try:
                    yield self._read(path)
                except RecordError as error:
                    self.say(f"error: {error}; its trial counts as missing")

    def entries(self, verdicts: Sequence[SuiteVerdict] = ()) -> list[Entry]:
        """List the printed numbers with both marks; ``verdicts``: as for `printed`."""
        return entries(self.printed(verdicts), self.marks(), self.facts)

    def _read(self, path: Path) -> Record:
        """Read a record where it belongs."""
        record = read_record(path)
        if not self.request.store.is_in_place(path, record):
            raise RecordError(f"{path}: holds a record of {record.profile}/{record.method}/{record.dataset}")
        return record


def baseline_path(loaded: LoadedSuite, profile: str) -> Path:
    """Return where the baseline of a suite and profile lies."""
    return loaded.path.parent / "baselines" / f"{loaded.suite.suite}-{profile}.json"


def load_baseline(path: Path) -> Baseline | None:
    """Read a baseline; None where there is no file, `HarnessError` where it is something else."""
    try:
        return Baseline.model_validate_json(read_json(path))
    except FileNotFoundError:
        return None
    except OSError as error:
        raise HarnessError(f"{path}: {error.strerror}") from error
    except ValidationError as error:
        raise HarnessError(f"{path}: {unreadable(error, 'a baseline')}") from error


def store_baseline(verdict: SuiteVerdict, say: Say = to_stderr) -> None:
    """Make what ran now the baseline of its suite and profile; raise `HarnessError` where nothing is complete."""
    path = baseline_path(verdict.loaded, verdict.profile_name)
    suite = verdict.loaded.suite.suite
    baseline = record_baseline(suite, verdict.profile_name, verdict.series, load_baseline(path))
    if not baseline.series:
        raise HarnessError(f"{suite}, profile {verdict.profile_name}: no complete series to record as a baseline")
    check_writable(path.parent)
    write_atomically(path, render(baseline.model_dump(mode="json", exclude_defaults=True)) + "\n")
    say(f"baseline: {path}: {len(baseline.series)} series")
