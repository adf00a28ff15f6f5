"""Searches side by side in one process: a step is recorded while no other search uses the device.

Replays of several graphs overlap on their own streams, but whatever a process asks of a device while one of its
threads records may end up in the recording, or end it.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager


class Turns:
    """Who uses the device: any number of threads, or one alone."""

    def __init__(self) -> None:
        self.changed = threading.Condition()
        self.inside: set[int] = set()
        self.waiting = 0  # threads that want to be alone
        self.taken = False

    @contextmanager
    def share(self) -> Iterator[None]:
        """Use the device beside others."""
        self._enter()
        try:
            yield
        finally:
            self._leave()

    def give_way(self) -> None:
        """Between two steps: let those go first who want to be alone."""
        if self.waiting and threading.get_ident() in self.inside:
            self._leave()
            self._enter()

    @contextmanager
    def alone(self) -> Iterator[None]:
        """Use the device while no other thread does; within `share` or without."""
        shared = threading.get_ident() in self.inside
        with self.changed:
            self.inside.discard(threading.get_ident())
            self.waiting += 1
            self.changed.notify_all()
            self.changed.wait_for(lambda: not self.inside and not self.taken)
            self.waiting -= 1
            self.taken = True
        try:
            yield
        finally:
            with self.changed:
                self.taken = False
                self.inside |= {threading.get_ident()} if shared else set()
                self.changed.notify_all()

    def _enter(self) -> None:
        with self.changed:
            self.changed.wait_for(lambda: not self.waiting and not self.taken)
            self.inside.add(threading.get_ident())

    def _leave(self) -> None:
        with self.changed:
            self.inside.discard(threading.get_ident())
            self.changed.notify_all()


DEVICE = Turns()
