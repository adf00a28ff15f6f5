"""Records on disk: one JSON file per trial, written whole or not at all.

    <results>/<profile>/<method>/<dataset>/s<seed>-<id>.json     records
    <results>/.checkpoints/<id>.pt                               unfinished searches and trainings
    <results>/.checkpoints/<id>@<epoch>.pt                       supernets that other trials start from
    <results>/.checkpoints/<id>.pt.damaged                       what was in a checkpoint's place and is none
    <results>/.claims/<id>                                       who works on a trial (`harness.runner.claims`)
    <results>/<profile>/<method>/<dataset>/s<seed>-<id>/         event files of TensorBoard, on request
    <results>/pause                                              a file that holds the work

Keys are sorted and every epoch's mixing weights stand on their own line, so that records diff well.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from harness import shipped
from harness.audit.record import FILE as AUDIT
from harness.benchmarks.ranking import FILE as RANKING
from harness.config import unreadable
from harness.data.atomic import check_folder, check_writable, is_abandoned, replacing
from harness.data.locks import locked
from harness.errors import HarnessError
from harness.files import files_below, read_json
from harness.runner.record import Record
from harness.runner.trial import PROFILES

LINE = 110  # a value longer than this is spread over lines
STALE_SECONDS = 60.0  # a write takes milliseconds
RESULTS = Path("results")  # where records are, unless something else is said
SHIPPED_PROFILE = "paper"  # whose records come with the package
_NAME = re.compile(r"s([0-9]+)-([0-9a-f]+)\.json")
_TEMPORARY = re.compile(r"\.[0-9a-f]+\.tmp$")  # <name>.<drawn, once a process id>.tmp, see `data.atomic.replacing`


class RecordError(HarnessError):
    """A file among the records that is not a whole, valid record; the message names it.

    ``torn``: it is no JSON, so nothing can be lost with it. What cannot be read, and what a later version may have
    written, is not torn.
    """

    def __init__(self, message: str, *, torn: bool = False) -> None:
        super().__init__(message)
        self.torn = torn


class Store:
    """The records below one folder; ``recorded``: another one, whose records count where this one has none of their id.

    Nothing is ever written to that one.
    """

    def __init__(self, root: Path, recorded: Path | None = None) -> None:
        check_folder(root)
        self.root, self.recorded = root, recorded

    @classmethod
    def of(cls, root: Path) -> Store:
        """Open a folder of records; beside the usual one (`RESULTS`) count those that come with the package."""
        own = shipped.folder("results") if root == RESULTS else None
        return cls(root, None if own is None or own.resolve() == root.resolve() else own)

    def path(self, profile: str, method: str, dataset: str, seed: int, trial_id: str) -> Path:
        """Return where the record of a trial belongs."""
        return self.root / profile / method / dataset / f"s{seed}-{trial_id}.json"

    @property
    def pause(self) -> Path:
        """Return the file that holds the work as long as it is there."""
        return self.root / "pause"

    def checkpoint(self, trial_id: str) -> Path:
        """Return where an unfinished search keeps its state."""
        return self.root / ".checkpoints" / f"{trial_id}.pt"

    def supernet(self, supernet_id: str, epoch: int) -> Path:
        """Return where the state of a search after an epoch is left for the trials that start from it."""
        return self.root / ".checkpoints" / f"{supernet_id}@{epoch}.pt"

    def write(self, record: Record) -> Path:
        """Store a record, replacing the trial's earlier one; raise `ValueError` for numbers that are not finite.

        A failure replaces nothing but another failure: it is dropped where a record of the trial is done.
        """
        path = self.path(record.profile, record.method, record.dataset, record.seed, record.id)
        text = render(record.model_dump(mode="json")) + "\n"
        with locked(self.root / ".lock"):  # or a record that is done could come between the look and the failure
            if record.status == "done" or not any(map(_must_stay, {path, *self.find(record.id)})):
                write_atomically(path, text)
        return path

    def check_writable(self, paths: Iterable[Path]) -> None:
        """Raise `HarnessError` where one of these records, or a checkpoint, cannot be written."""
        for folder in sorted({self.root, self.root / ".checkpoints", *(path.parent for path in paths)}):
            check_writable(folder)

    @property
    def audit(self) -> Path:
        """Return where the recorded audit lies: here, or where the other records are."""
        own = self.root / AUDIT
        return own if self.recorded is None or own.exists() else self.recorded / AUDIT

    def files(self, profile: str = "") -> Iterator[Path]:
        """Yield every JSON file that claims to be a record, in a stable order; what else is recorded claims nothing.

        ``profile``: only of this one.
        """
        own = [path for path in files_below(self.root / profile, ".json") if path not in self._others]
        yield from own
        if self.recorded is not None and profile in ("", SHIPPED_PROFILE):
            names = {path.name for path in own}
            shipped_ones = files_below(self.recorded / SHIPPED_PROFILE, ".json")
            yield from (path for path in shipped_ones if path.name not in names)

    @property
    def _others(self) -> tuple[Path, ...]:
        return self.root / AUDIT, self.root / RANKING

    def is_shipped(self, path: Path) -> bool:
        """Tell whether a record is one of the other folder's."""
        return self.recorded is not None and path.is_relative_to(self.recorded)

    def is_in_place(self, path: Path, record: Record) -> bool:
        """Tell whether a record lies where it belongs: the method, which its id does not tell, is the folder's."""
        about = (record.profile, record.method, record.dataset, record.seed, record.id)
        return path in [Store(root).path(*about) for root in (self.root, self.recorded) if root is not None]

    def read_all(self, profile: str = "") -> Iterator[Record | RecordError]:
        """Yield every record, or a profile's; in the place of a broken or foreign file, what is wrong with it."""
        for path in self.files(profile):
            try:
                yield read_record(path)
            except RecordError as error:
                yield error

    def index(self) -> dict[str, Path]:
        """Map the ids of all records to their files, by file name alone; of several files, to the first."""
        return {trial_id: path for trial_id, path in reversed(self.named())}

    def doubles(self) -> list[Path]:
        """Return the records whose id an earlier file has as well."""
        index = self.index()
        return [path for trial_id, path in self.named() if index[trial_id] != path]

    def named(self) -> list[tuple[str, Path]]:
        """Return the id and the file of every record, by file name alone; an id may have several files."""
        names = ((path, _NAME.fullmatch(path.name)) for path in self.files())
        return [(name[2], path) for path, name in names if name]

    def profiles(self) -> list[Path]:
        """Return the folders of profiles."""
        return [self.root / name for name in PROFILES if (self.root / name).is_dir()]

    def strays(self) -> list[Path]:
        """Return the JSON files that are not named like a record."""
        return [path for path in self.files() if not _NAME.fullmatch(path.name)]

    def find(self, prefix: str) -> list[Path]:
        """Return the records whose id starts with ``prefix``."""
        return [path for trial_id, path in self.named() if trial_id.startswith(prefix)]

    def clean(self) -> list[Path]:
        """Remove the temporary files that killed processes left; return their paths."""
        temporary = (path for path in self.root.rglob("*.tmp") if _TEMPORARY.search(path.name))
        stale = [path for path in temporary if is_abandoned(path, STALE_SECONDS)]
        for path in stale:
            path.unlink(missing_ok=True)
        return stale


def read_record(path: Path) -> Record:
    """Read and validate one record; raise `RecordError` with one line that names the file."""
    try:
        record = Record.model_validate_json(read_json(path))
    except OSError as error:
        raise RecordError(f"{path}: {error.strerror}") from error
    except ValidationError as error:
        torn = error.errors()[0]["type"] == "json_invalid"
        raise RecordError(f"{path}: {unreadable(error, 'a record')}", torn=torn) from error
    name = _NAME.fullmatch(path.name)
    if not name or (int(name[1]), name[2]) != (record.seed, record.id):
        raise RecordError(f"{path}: holds the record of seed {record.seed}, id {record.id}: the file was renamed")
    return record


def write_atomically(path: Path, text: str) -> None:
    """Write a file so that readers, and a crash at any moment, see the old content or the new one."""
    with replacing(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def _must_stay(path: Path) -> bool:
    """Tell whether a file holds, or may hold, more than a failure."""
    try:
        return read_record(path).status == "done"
    except RecordError as error:
        return os.path.lexists(path) and not error.torn


def render(value: Any, indent: str = "") -> str:
    """Write JSON with sorted keys: numbers that belong together, and what fits, stand on one line."""
    line = _compact(value)
    if len(indent) + len(line) <= LINE or not isinstance(value, dict | list):
        return line
    inner = indent + " "
    if isinstance(value, list):
        if _are_numbers(value):
            return line
        entries = [inner + _compact(entry) for entry in value]
        return "[\n" + ",\n".join(entries) + f"\n{indent}]"
    if _are_numbers(value.values()):
        return line
    entries = [f"{inner}{_compact(key)}: {render(value[key], inner)}" for key in sorted(value)]
    return "{\n" + ",\n".join(entries) + f"\n{indent}}}"


def _compact(value: Any) -> str:
    return json.dumps(value, sort_keys=True, ensure_ascii=False, allow_nan=False)


def _are_numbers(values: Iterable[Any]) -> bool:
    return all(value is None or isinstance(value, int | float) for value in values)
