"""Signals during a run: the first that asks for its end is heard, what comes while it ends is not."""

from __future__ import annotations

import os
import signal
import threading
from types import FrameType

ENDING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Stopper:
    """While it is entered, SIGTERM and SIGHUP are like Ctrl-C, once; SIGTSTP asks for a pause.

    A signal that is ignored (`nohup`) stays so, and nothing is handled outside the main thread. ``deaf``: where the end
    was asked for, signals stay unheard afterwards: the process is about to say how far it came.
    """

    def __init__(self, deaf: bool = True) -> None:
        self.deaf = deaf
        self.asked_to_pause = self.ending = False
        self._before: dict[signal.Signals, object] = {}

    def __enter__(self) -> Stopper:
        if threading.current_thread() is threading.main_thread():
            for number in ENDING:
                self._handle(number, self._end)
            self._handle(signal.SIGTSTP, self._ask)
        return self

    def __exit__(self, *error: object) -> None:
        for number, before in self._before.items():
            if not (self.deaf and self.ending and number in ENDING):
                signal.signal(number, before)  # type: ignore[arg-type]

    def pause(self) -> None:
        """Stop this process as a shell expects it of SIGTSTP; return when it goes on."""
        self.asked_to_pause = False
        os.kill(os.getpid(), signal.SIGSTOP)

    def _handle(self, number: signal.Signals, handler: object) -> None:
        before = signal.getsignal(number)
        if before not in (signal.SIG_IGN, None):
            self._before[number] = before
            signal.signal(number, handler)  # type: ignore[arg-type]

    def _ask(self, number: int, frame: FrameType | None) -> None:
        self.asked_to_pause = True

    def _end(self, number: int, frame: FrameType | None) -> None:
        if not self.ending:
            self.ending = True
            raise KeyboardInterrupt
