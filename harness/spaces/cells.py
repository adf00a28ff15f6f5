"""Published cells as data (``cells.yaml``): architectures by name, each with the place that it was read from."""

from __future__ import annotations

from functools import cache
from pathlib import Path

from pydantic import Field, PositiveInt

from harness.config import Strict, validate
from harness.documents import Describe, load_document

PACKAGED = Path(__file__).with_name("cells.yaml")


class Source(Strict):
    """A file of public code at a commit, and the line of it."""

    repo: str
    path: str
    commit: str
    line: PositiveInt | None = None

    def __str__(self) -> str:
        line = "" if self.line is None else f", line {self.line}"
        return f"{self.repo} at {self.commit}: {self.path}{line}"


class PublishedArchitecture(Strict):
    """``space``: of `harness.spaces.registry.published`; ``explains``: the printed numbers that come from it.

    ``imagenet_channels``: of its published network there, None: as many as the space's.
    """

    space: str
    architecture: str
    source: Source
    explains: tuple[str, ...]
    imagenet_channels: PositiveInt | None = None
    note: str = ""

    @property
    def drawn(self) -> bool:
        """Tell whether it was read off a drawing, which may not be of the very network that was trained."""
        return self.source.path.endswith(".png")


class _File(Strict):
    cells: dict[str, PublishedArchitecture] = Field(min_length=1)


@cache
def load_cells(path: Path = PACKAGED) -> dict[str, PublishedArchitecture]:
    """Read a file of cells, by default the packaged one; raise `ConfigError`."""
    document = load_document(path)
    return validate(_File, document.data, Describe(document)).cells
