"""Real cells of NAS-Bench-101, and a supernet with random weights."""

import pytest

from harness.spaces.oneshot.encoding import of_matrix


def cell_of(row):
    """Return the cell of a row of the real tables: digits of the matrix, row by row, and labels."""
    labels = row["ops"].split(",")
    size = len(labels)
    digits = [int(digit) for digit in row["matrix"]]
    return of_matrix([digits[size * i : size * (i + 1)] for i in range(size)], labels)


@pytest.fixture(scope="session")
def real(real_root):
    """Return the rows of a table of real cells."""
    import pyarrow.parquet as pq

    def rows(name):
        return [row for row in pq.read_table(real_root / "nb101" / name).to_pylist() if row["matrix"]]

    return rows
