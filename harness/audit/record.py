"""The recorded audit: its findings beside the trials' records, so that verdicts and pages need no table at hand."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, ValidationError

from harness.audit.finding import Finding, by_cell
from harness.audit.lines import Line
from harness.errors import HarnessError
from harness.files import read_json

FILE = "audit.json"
# A rule that finds only that numbers are possible says nothing for them.
NECESSARY_ONLY = ("attainability",)
Word = Literal["PASS", "DRIFT", "FAIL"]


class AuditRecord(BaseModel):
    """``numbers``: checksum of the printed numbers audited; ``table``: of the table they were held against."""

    model_config = ConfigDict(extra="forbid")

    schema_version: Literal[1] = 1
    harness: str
    git: str | None
    numbers: str
    table: str
    findings: list[Finding]


def numbers_checksum(lines: Iterable[Line]) -> str:
    """Identify the printed numbers: 16 hex digits over every cell's name and text."""
    texts = sorted(f"{number.cell} {asdict(number.printed)}" for line in lines for number in line.numbers)
    return hashlib.sha256("\n".join(texts).encode()).hexdigest()[:16]


def read_audit(path: Path) -> AuditRecord | None:
    """Read a recorded audit; None where there is none; raise `HarnessError` for another file."""
    try:
        return AuditRecord.model_validate_json(read_json(path))
    except FileNotFoundError:
        return None
    except OSError as error:
        raise HarnessError(f"{path}: {error.strerror}") from error
    except ValidationError as error:
        raise HarnessError(f"{path}: not a recorded audit: {error.errors()[0]['msg']}") from error


def cell_words(findings: Sequence[Finding]) -> dict[str, tuple[Word, str]]:
    """Return a verdict and its reason for every cell that the audit decides something about.

    FAIL: a finding of severity error calls it inconsistent; DRIFT: a warning says something; PASS: a rule found it
    consistent with other numbers or knows its architectures. A rule that only finds it possible decides nothing.
    """
    words: dict[str, tuple[Word, str]] = {}
    for cell, found in by_cell(findings).items():
        word, finding = _decide(found)
        if word is not None and finding is not None:
            words[cell] = (word, f"audit, {finding.rule}: {finding.evidence}")
    return words


def _decide(found: Sequence[Finding]) -> tuple[Word | None, Finding | None]:
    """Decide by the gravest of a cell's findings, which come first."""
    for finding in found:
        if finding.severity == "error" and finding.verdict == "inconsistent":
            return "FAIL", finding
        if finding.severity == "warning":
            return "DRIFT", finding
    for finding in found:
        if finding.verdict in ("consistent", "attributed") and finding.rule not in NECESSARY_ONLY:
            return "PASS", finding
    return None, None
