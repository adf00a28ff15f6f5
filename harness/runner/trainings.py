"""The trainings of a row: what follows its searches, or trains a published cell."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from harness import engine
from harness.benchmarks.spec import NoBenchmark
from harness.errors import HarnessError
from harness.methods.catalogue import Layer, part_versions
from harness.methods.spec import SearchSpec
from harness.methods.training import BestOf, Exchanged, Found, Given, Subject, TrainingSettings, TrainingSpec
from harness.runner.availability import TEST_IMAGES, TRAINING_IMAGES, DataAvailability
from harness.runner.trial import ProfileName, Trial, trial_id
from harness.spaces.cells import load_cells
from harness.spaces.exchange import first_options
from harness.suite.changes import changes
from harness.suite.loaded import LoadedSuite
from harness.suite.schema import Profile
from harness.suite.training import (
    BestSearch,
    EachExchange,
    EachSearch,
    NamedCell,
    OneSearch,
    Retraining,
    Written,
    resolve_training,
)

UNSEARCHED = "published"  # stands where others have their method
PAPER = "paper"


@dataclass(frozen=True)
class Trained:
    """A row's trainings: the ``trials`` whose accuracies the row reports, those of ``columns``.

    ``counted``: columns of the size of their networks. ``reports``: the accuracy of the last epoch, or the best of all
    that were evaluated.
    """

    trials: tuple[str, ...] = ()
    columns: tuple[str, ...] = ()
    counted: tuple[str, ...] = ()
    reports: Literal["last", "best"] = "last"


@dataclass(frozen=True)
class RowTraining:
    """What the trainings of a row have in common. ``dataset``: that is trained on, a stand-in where ``embedded``."""

    loaded: LoadedSuite
    profile: ProfileName
    row: str
    method: str
    stated: Retraining
    usual: Retraining
    dataset: str
    embedded: bool
    data: DataAvailability
    overrides: tuple[str, ...] = field(init=False)

    def __post_init__(self) -> None:
        usual, ours = map(_plain, (self.usual, self.stated))
        object.__setattr__(self, "overrides", tuple(changes(usual, ours, "training.")))

    def searches(self, seeds: Sequence[int]) -> Sequence[int]:
        """Return the seeds of the searches that trainings with ``seeds`` follow."""
        match self.stated.of:
            case EachSearch() | EachExchange():
                return seeds
            case OneSearch():
                return (0,)
            case BestSearch(searches=count):
                return range(count)
            case NamedCell() | Written():
                return ()

    def expand(self, searches: Sequence[Trial], seeds: Sequence[int]) -> tuple[list[Trial], list[Trial]]:
        """Return the trainings that choose among searches, and those with ``seeds`` that the row reports."""
        short: list[Trial] = []
        subjects: Iterator[Subject]
        match self.stated.of:
            case EachSearch():
                subjects = (Found(name="found", search=search.id) for search in searches)
            case OneSearch():
                subjects = (Found(name="found", search=searches[0].id) for _ in seeds)
            case BestSearch():
                short = list(self._choosing(searches))
                best = BestOf(name="best", trainings=tuple(trial.id for trial in short))
                subjects = (best for _ in seeds)
            case EachExchange():
                return [], [self._trial(self.stated.settings, *one, searches[:1]) for one in _exchanges(searches)]
            case NamedCell(cell=cell):
                given = Given(name="given", architecture=load_cells()[cell].architecture)
                subjects = (given for _ in seeds)
            case Written(architecture=architecture):
                subjects = (Given(name="given", architecture=architecture) for _ in seeds)
        final = [
            self._trial(self.stated.settings, subject, seed, searches[:1])
            for subject, seed in zip(subjects, seeds, strict=True)
        ]
        return short, final

    def _choosing(self, searches: Sequence[Trial]) -> Iterator[Trial]:
        assert self.stated.short is not None, "resolved with the statement"
        for search in searches:
            subject = Found(name="found", search=search.id)
            yield self._trial(self.stated.short, subject, search.seed, [search])

    def _trial(self, settings: TrainingSettings, subject: Subject, seed: int, searches: Sequence[Trial]) -> Trial:
        """Return one training; ``searches``: one of those that it follows, which are all overridden alike."""
        spec = TrainingSpec(**dict(settings), subject=subject)
        versions = {**part_versions(spec), "training": engine.TRAINING_VERSION}
        versions[f"space/{spec.space}"] = spec.architectures.mathematics
        checksum, tests = self.data.checksums.get(self.dataset), spec.data.split == "test"
        own = trial_id(spec, self.dataset, seed, versions, checksum)
        return Trial(
            id=own,
            supernet_id=own,
            suite=self.loaded.suite.suite,
            profile=self.profile,
            method=self.method,
            dataset=self.dataset,
            seed=seed,
            spec=spec,
            benchmark=NoBenchmark(name="none"),
            embedded=self.embedded or any(search.embedded for search in searches),
            rows=(self.row,),
            part_versions=versions,
            data_checksum=checksum,
            blocked=self.data.blocks(self.dataset, test=tests),
            overrides=(*(text for search in searches for text in search.overrides), *self.overrides),
            test_checksum=self.data.tests.get(self.dataset) if tests else None,
        )

    def trained(self, trials: Sequence[Trial]) -> Trained:
        """Say of which columns they report what: those that the paper's protocol answers."""
        table, _, name = self.row.partition("/")
        profile = PAPER if PAPER in self.loaded.suite.profiles else self.profile
        paper = resolve_training(self.loaded, table, name, profile)
        facts = {name: self.loaded.suite.columns[name] for name in self.loaded.suite.tables[table].columns}
        answered = tuple(name for name, column in facts.items() if paper and paper.answers(column))
        counted = tuple(name for name, column in facts.items() if paper and paper.counts(column))
        return Trained(tuple(trial.id for trial in trials), answered, counted, self.stated.reports)


def row_training(
    loaded: LoadedSuite, profile: ProfileName, row: str, overrides: Sequence[Layer], data: DataAvailability
) -> RowTraining | None:
    """Return what is trained for ``table/row``, None where nothing is; ``overrides``: of ``training``.

    Raises `HarnessError` where the data set has too few images, and for an override of what is trained.
    """
    table, _, name = row.partition("/")
    for key in ("of", "dataset"):
        if any(key in layer.data for layer in overrides):
            raise HarnessError(f"--set training.{key}: what is trained is the suite's to say, only how can be set")
    for embedded in (False, True):
        usual = resolve_training(loaded, table, name, profile, embedded=embedded)
        dataset = stand_in(loaded.profile(profile), usual.dataset, data) if usual else ""
        if usual is None or embedded != (dataset != usual.dataset):
            continue
        stated = resolve_training(loaded, table, name, profile, embedded=embedded, overrides=overrides) or usual
        _check_images(row, dataset, stated)
        method = loaded.suite.tables[table].rows[name].method
        return RowTraining(loaded, profile, row, method or UNSEARCHED, stated, usual, dataset, embedded, data)
    return None


def _exchanges(searches: Sequence[Trial]) -> Iterator[tuple[Exchanged, int]]:
    """Yield what is trained of each search, with its seed: every operation that its first edge had at the start."""
    for search in searches:
        assert isinstance(search.spec, SearchSpec), "a computation is followed by no training"
        first = search.spec.stage(0, None, search.seed) if search.spec.stages else search.spec
        for operation in first_options(first.space, first.space.cell_types[0]):
            yield Exchanged(name="exchanged", search=search.id, operation=operation), search.seed


def _plain(stated: Retraining) -> dict[str, Any]:
    """Write as data all that an override may change of what is trained, and of what of it is reported."""
    short = {} if stated.short is None else stated.short.model_dump(mode="json")
    return {**stated.settings.model_dump(mode="json"), "reports": stated.reports, "short": short}


def stand_in(profile: Profile, dataset: str, data: DataAvailability) -> str:
    """Return the dataset that stands in where nothing is known of the suite's own, neither here nor recorded."""
    if dataset in data.checksums or profile.embedded is None:
        return dataset
    return profile.embedded.dataset


def _check_images(row: str, dataset: str, stated: Retraining) -> None:
    for settings in filter(None, (stated.settings, stated.short)):
        try:
            settings.data.counts(TRAINING_IMAGES[dataset], TEST_IMAGES[dataset])
        except HarnessError as error:
            raise HarnessError(f"{row} on {dataset}: {error}") from error
