"""The made-up table, and the real one where there is one."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from harness.audit.published_rows import PublishedRow
from harness.audit.table import TableValues
from harness.benchmarks.nb201 import Nb201Table, locate_table
from tests.audit.synthetic import SUITES, load_lines, small_table

needs_data = pytest.mark.skipif(not os.environ.get("HARNESS_DATA"), reason="HARNESS_DATA is not set")


@pytest.fixture(scope="session")
def table() -> TableValues:
    """A table of 400 architectures."""
    return small_table()


@pytest.fixture(scope="session")
def real_table(real_root: Path) -> TableValues:
    """The whole NAS-Bench-201 table."""
    return TableValues.of(Nb201Table.load(locate_table(real_root)))


@pytest.fixture(scope="session")
def shipped() -> list[PublishedRow]:
    """All rows of the shipped suites."""
    return load_lines(SUITES)
