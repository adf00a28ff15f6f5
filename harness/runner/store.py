"""Records on disk: one JSON file per trial, written whole or not at all.

    <results>/<profile>/<method>/<dataset>/s<seed>-<id>.json     records
    <results>/.checkpoints/<id>.pt                               unfinished searches
    <results>/.checkpoints/<id>@<epoch>.pt                       supernets that other trials start from
    <results>/.scratch/<key>.json                                architectures trained from scratch

Keys are sorted and every epoch's mixing weights stand on their own line, so that records diff well.
"""

from __future__ import annotations

import json
import os
import re
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from harness.audit.record import FILE as AUDIT
from harness.data.atomic import replacing
from harness.errors import HarnessError
from harness.files import files_below, read_json
from harness.runner.record import Record

LINE = 110  # a value longer than this is spread over lines
STALE_SECONDS = 60.0  # a write takes milliseconds: an older temporary file belongs to a killed process
_NAME = re.compile(r"s([0-9]+)-([0-9a-f]+)\.json")
_TEMPORARY = re.compile(r"\.\d+\.tmp$")  # <name>.<process id>.tmp: records and checkpoints alike


class RecordError(HarnessError):
    """A file among the records that is not a whole, valid record; the message names it."""


class Store:
    """The records below one folder."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def path(self, profile: str, method: str, dataset: str, seed: int, trial_id: str) -> Path:
        """Return where the record of a trial belongs."""
        return self.root / profile / method / dataset / f"s{seed}-{trial_id}.json"

    def checkpoint(self, trial_id: str) -> Path:
        """Return where an unfinished search keeps its state."""
        return self.root / ".checkpoints" / f"{trial_id}.pt"

    def supernet(self, supernet_id: str, epoch: int) -> Path:
        """Return where the state of a search after an epoch is left for the trials that start from it."""
        return self.root / ".checkpoints" / f"{supernet_id}@{epoch}.pt"

    def write(self, record: Record) -> Path:
        """Store a record, replacing the trial's earlier one; raise `ValueError` for numbers that are not finite."""
        path = self.path(record.profile, record.method, record.dataset, record.seed, record.id)
        write_atomically(path, render(record.model_dump(mode="json")) + "\n")
        return path

    def files(self) -> Iterator[Path]:
        """Yield every JSON file that claims to be a record, in a stable order."""
        return iter(files_below(self.root, ".json"))

    def read_all(self) -> Iterator[Record | RecordError]:
        """Yield every record; in the place of a broken or foreign file, what is wrong with it."""
        for path in self.files():
            try:
                yield read_record(path)
            except RecordError as error:
                yield error

    def index(self) -> dict[str, Path]:
        """Map the ids of all records to their files, by file name alone; of several files, to the first."""
        return {trial_id: path for trial_id, path in reversed(self._named())}

    def doubles(self) -> list[Path]:
        """Return the records whose id an earlier file has as well."""
        index = self.index()
        return [path for trial_id, path in self._named() if index[trial_id] != path]

    def _named(self) -> list[tuple[str, Path]]:
        names = ((path, _NAME.fullmatch(path.name)) for path in self.files())
        return [(name[2], path) for path, name in names if name]

    def strays(self) -> list[Path]:
        """Return the JSON files that are not named like a record; the recorded audit has a place of its own."""
        audit = self.root / AUDIT
        return [path for path in self.files() if not _NAME.fullmatch(path.name) and path != audit]

    def find(self, prefix: str) -> list[Path]:
        """Return the records whose id starts with ``prefix``."""
        return [path for trial_id, path in self._named() if trial_id.startswith(prefix)]

    def clean(self) -> list[Path]:
        """Remove the temporary files that killed processes left; return their paths."""
        limit = time.time() - STALE_SECONDS
        temporary = (path for path in self.root.rglob("*.tmp") if _TEMPORARY.search(path.name))
        stale = [path for path in temporary if path.stat().st_mtime < limit]
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
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        raise RecordError(f"{path}: not a record: {where + ': ' if where else ''}{first['msg']}") from error
    name = _NAME.fullmatch(path.name)
    if not name or (int(name[1]), name[2]) != (record.seed, record.id):
        raise RecordError(f"{path}: holds the record of seed {record.seed}, id {record.id}: the file was renamed")
    return record


def write_atomically(path: Path, text: str) -> None:
    """Write a file so that readers, and a crash at any moment, see the old content or the new one."""
    with replacing(path) as temporary, temporary.open("w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())


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
