"""The recorded audit: its findings beside the trials' records, so that verdicts and pages need no table at hand.

A finding stands as long as every number that it is about is what it was when the audit was recorded.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, ValidationError

from harness.audit.finding import Finding
from harness.audit.published_rows import PublishedRow
from harness.config import unreadable
from harness.errors import HarnessError
from harness.files import read_json

FILE = "audit.json"


class AuditRecord(BaseModel):
    """``numbers``: of every printed number audited a checksum, by cell; ``table``: that of the table."""

    model_config = ConfigDict(extra="forbid")

    schema_version: Literal[2] = 2
    harness: str
    git: str | None
    numbers: dict[str, str]
    table: str
    findings: list[Finding]


@dataclass(frozen=True)
class Standing:
    """The findings that still stand, and the cells of the numbers that changed or came since."""

    findings: tuple[Finding, ...]
    changed: tuple[str, ...]


def number_checksums(lines: Iterable[PublishedRow]) -> dict[str, str]:
    """Identify every number by what it says and of whom: 8 hex digits by cell."""
    checksums = {}
    for line in lines:
        of_whom = (line.identities, line.searched_on, line.origin, line.stop, line.per_dataset, line.summary)
        for number in line.numbers:
            what = (
                line.architecture,
                asdict(number.printed),
                number.n,
                number.quantity,
                number.derived,
                number.setting,
            )
            checksums[number.cell] = hashlib.sha256(f"{of_whom} {what}".encode()).hexdigest()[:8]
    return checksums


def standing(recorded: AuditRecord, lines: Iterable[PublishedRow]) -> Standing:
    """Return what of a recorded audit is about the numbers as they are now."""
    now = number_checksums(lines)
    same = {cell for cell, checksum in now.items() if recorded.numbers.get(cell) == checksum}
    findings = tuple(finding for finding in recorded.findings if same.issuperset(finding.cells))
    return Standing(findings, tuple(cell for cell in now if cell not in same))


def read_audit(path: Path) -> AuditRecord | None:
    """Read a recorded audit; None where there is none; raise `HarnessError` for another file."""
    try:
        return AuditRecord.model_validate_json(read_json(path))
    except FileNotFoundError:
        return None
    except OSError as error:
        raise HarnessError(f"{path}: {error.strerror}") from error
    except ValidationError as error:
        raise HarnessError(f"{path}: {unreadable(error, 'a recorded audit')}") from error
