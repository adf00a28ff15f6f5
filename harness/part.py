"""The base of every part that a method, or a space, is composed of."""

from __future__ import annotations

from typing import ClassVar

from harness.config import Strict


class Part(Strict):
    """A building block: its settings, and the version of its mathematics.

    ``version`` enters the ids of the trials that use the part: raise it, in the part's own class, with every
    change that can change a result. Records of the old mathematics then no longer count as done.
    """

    version: ClassVar[int] = 1

    @property
    def mathematics(self) -> int:
        """Return the version that these settings run: that of the part, where a change does not spare some of them."""
        return self.version
