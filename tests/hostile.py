"""What tests of hostile input share: settings of the property tests, damage to bytes, and a bound on memory."""

from __future__ import annotations

import tracemalloc
from collections.abc import Iterator
from contextlib import contextmanager

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st

from harness.text import CONTROL

# The same examples every time, as many as a second or two allows.
repeatable = settings(
    derandomize=True,
    database=None,
    deadline=None,
    max_examples=100,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


def is_one_line(error: Exception) -> bool:
    """Tell whether an error can be printed on one line of any terminal."""
    return "\n" not in str(error) and CONTROL.search(str(error)) is None


@contextmanager
def at_most(megabytes: int) -> Iterator[None]:
    """Fail where Python and numpy allocate more than that at once."""
    tracemalloc.start()
    try:
        yield
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < megabytes * 2**20, f"{peak / 2**20:.0f} MB"


@st.composite
def damaged(draw: st.DrawFn, content: bytes) -> bytes:
    """Return bytes with a few places overwritten, cut out, doubled, or the end cut off."""
    for _ in range(draw(st.integers(1, 4))):
        start = draw(st.integers(0, max(0, len(content) - 1)))
        end = start + draw(st.integers(0, 12))
        piece = draw(
            st.sampled_from([b"", content[start:end] * 2, b"\x00", b"\xff\xff\xff\x7f"]) | st.binary(max_size=6)
        )
        content = content[:start] + piece + content[end:]
    return content[: draw(st.sampled_from([len(content), draw(st.integers(0, len(content)))]))]
