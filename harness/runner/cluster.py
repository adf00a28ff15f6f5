"""Trials on the workers of a Dask cluster, which share the folder of the results with the run that plans.

A worker that dies costs its trial an epoch: Dask gives the trial to another one, which goes on from the last
checkpoint. Messages come as events of the scheduler, an end as the result of a task. A worker knows by the claim of
its trial, a file that the run touches, whether anybody still waits for it.
"""

from __future__ import annotations

import json
import logging
import math
import queue
import secrets
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from harness.errors import HarnessError
from harness.files import read_json
from harness.runner import environment
from harness.runner.claims import is_held
from harness.runner.pool import Died, Lost, Message, RunTrial, Tell
from harness.runner.record import Record
from harness.runner.survey import Task
from harness.runner.trial import Trial
from harness.runner.worker import Beat, Finished, Note, OutOfTime, Settings

if TYPE_CHECKING:
    from distributed import Client, Future

DISTRIBUTED = "distributed"
CONNECT_SECONDS = 20
SEEN_SECONDS = 60.0  # within which a shared folder shows everywhere what was written to it
POLL_SECONDS = 0.5
COUNT_SECONDS = 5.0  # between two looks at how many workers there are
KINDS: dict[str, type[Beat | Note]] = {"Beat": Beat, "Note": Note}


@dataclass(frozen=True)
class _Gone:
    """Dask has given a task up without anybody's wish: its scheduler is gone."""

    id: str


class Cluster:
    """Up to ``count`` trials at once on a cluster's workers; 0: twice as many as they do at once, so that none idles.

    More are not claimed: other runs on the same store find work, too, and a claim is an open file.
    ``claims``: the name of this run in its claims.
    """

    def __init__(self, where: str, count: int, run: RunTrial, settings: Settings, claims: str, tell: Tell) -> None:
        self.where, self.count, self.run, self.claims, self.tell = where, count, run, claims, tell
        self.settings = replace(
            settings,
            results=settings.results.absolute(),
            recorded=settings.recorded and settings.recorded.absolute(),
            data_root=settings.data_root and settings.data_root.absolute(),
            deadline=settings.deadline - time.monotonic() + time.time(),
        )
        self.topic = f"harness-{secrets.token_hex(8)}"
        self.tasks: dict[str, Task] = {}
        self.futures: dict[str, Future] = {}
        self.messages: queue.SimpleQueue[Message | _Gone] = queue.SimpleQueue()
        self.ahead, self.counted = 0, -math.inf
        self.client = connect(where)
        self.client.subscribe_topic(self.topic, self._hear)

    @property
    def free(self) -> int:
        """Number of tasks that can be started now."""
        return (self.count or self._twice_the_threads()) - len(self.tasks)

    def start(self, task: Task) -> None:
        """Give a task to the cluster."""
        trial = task.trial
        future = self.client.submit(
            do_trial, trial, self.settings, self.claims, self.topic, self.run, task.keep, task.leaves,
            key=f"{trial.id}-{secrets.token_hex(4)}", pure=False,
        )  # fmt: skip
        self.tasks[trial.id], self.futures[trial.id] = task, future
        future.add_done_callback(lambda done: self.messages.put(_end(trial.id, done)))

    def wait(self, seconds: float) -> None:
        """Pass on the messages that have come, or come within so many seconds."""
        with suppress(queue.Empty):
            self._pass_on(self.messages.get(timeout=seconds))
            while True:
                self._pass_on(self.messages.get_nowait())

    def hold(self, held: bool) -> None:
        """Do nothing: the workers themselves look, between epochs, for the file that holds the work."""

    def close(self) -> None:
        """End all work: what has not begun is never begun, and what has stops after its epoch, without its claim."""
        self.client.close()

    def _twice_the_threads(self) -> int:
        """Count the workers' threads now and then: workers come and go."""
        if time.monotonic() - self.counted >= COUNT_SECONDS:
            known = self.client.scheduler_info()
            listed = sum(worker["nthreads"] for worker in known["workers"].values())
            self.ahead = max(2, 2 * known.get("total_threads", listed))  # newer versions may list but a few
            self.counted = time.monotonic()
        return self.ahead

    def _hear(self, event: tuple[float, Any]) -> None:
        """Take in an event of the scheduler, in a thread of its client."""
        kind, about = event[1]
        self.messages.put(KINDS[kind](**about))

    def _pass_on(self, message: Message | _Gone) -> None:
        if message.id not in self.tasks:
            return  # of a trial that has ended: events may come late
        if isinstance(message, _Gone):
            raise HarnessError(
                f"--cluster {self.where}: its scheduler is gone; with another one the same command goes on"
            )
        if isinstance(message, Finished) and message.error is not None and not self._is_ours(message.id):
            message = Lost(message.id)  # what came of it is up to the run that has taken it
        if isinstance(message, Finished | Died | Lost):
            del self.tasks[message.id], self.futures[message.id]
        self.tell(message)

    def _is_ours(self, trial_id: str) -> bool:
        return is_held(self.settings.store.root, trial_id, self.claims)


def connect(where: str) -> Client:
    """Return a client of the scheduler at an address, or of the one that wrote a file; raise `HarnessError`."""
    if find_spec(DISTRIBUTED) is None:
        raise HarnessError(f"--cluster {where}: the package distributed is missing; pip install distributed")
    from distributed import Client

    logging.getLogger("distributed.client").setLevel(logging.CRITICAL)  # what ends a run is said in a line, by us
    address = where if "://" in where else _address_in(where)
    try:
        return Client(address, timeout=CONNECT_SECONDS, set_as_default=False)
    except (OSError, ValueError) as error:
        raise HarnessError(f"--cluster {where}: no scheduler answers there ({type(error).__name__})") from error


def _address_in(file: str) -> str:
    try:
        content = json.loads(read_json(Path(file)))
        return str(content["address"])
    except FileNotFoundError as error:
        raise HarnessError(f"--cluster {file}: no scheduler file, and no address such as tcp://host:8786") from error
    except (OSError, ValueError, LookupError, TypeError) as error:
        raise HarnessError(f"--cluster {file}: not a file that a Dask scheduler wrote") from error


def _end(trial_id: str, future: Future) -> Message | _Gone:
    """Say how a task ended: what is not the trial's own word on it comes from Dask."""
    from distributed import CancelledError, KilledWorker

    try:
        done: Finished | None = future.result()
    except KilledWorker as error:
        return Died(trial_id, f"ended while it did this, {error.allowed_failures + 1} times", often=True)
    except CancelledError:
        return _Gone(trial_id)
    except Exception as error:  # of a worker without this package, or without the folder
        return Finished(trial_id, None, str(error).partition("\n")[0] or type(error).__name__, 0.0)
    return done or Lost(trial_id)


# On a worker -------------------------------------------------------------------------------------------------------


def do_trial(
    trial: Trial, settings: Settings, claims: str, topic: str, run: RunTrial, keep: Record | None,
    leaves: Sequence[Trial],
) -> Finished | None:  # fmt: skip
    """Do a trial; None where it was stopped because its run did not care for its claim any more."""
    link = EventLink(trial.id, settings, claims, topic)
    link.find_folder()
    from distributed import get_worker

    here = replace(
        settings,
        lanes=get_worker().state.nthreads,  # trials share the process, and its processor time
        device=environment.resolve_device(settings.device),  # type: ignore[arg-type]
        deadline=settings.deadline - time.time() + time.monotonic(),
    )
    done = run(trial, here, link, keep=keep, leaves=leaves)
    return None if done.stopped and link.lost else done


class EventLink:
    """Connects a trial with its run by events of the scheduler, and by what lies in the folder that they share."""

    def __init__(self, trial_id: str, settings: Settings, claims: str, topic: str) -> None:
        self.id, self.store, self.claims, self.topic = trial_id, settings.store, claims, topic
        self.held, self.lost = 0.0, False

    def tell(self, message: Beat | Note) -> None:
        """Send a message; after an epoch also wait as long as the work is held, and stop where nobody asks for it."""
        from distributed import get_worker

        get_worker().log_event(self.topic, (type(message).__name__, asdict(message)))
        if isinstance(message, Beat):
            self._wait_while_held()
            self.lost = not self._is_ours()
            if self.lost:
                raise OutOfTime

    def clock(self) -> float:
        """Return the time without that for which the work was held."""
        return time.perf_counter() - self.held

    def find_folder(self) -> None:
        """Wait for the claim of the trial; raise `HarnessError` where this machine does not see it."""
        limit = time.monotonic() + SEEN_SECONDS
        while not self._is_ours():
            if time.monotonic() > limit:
                raise HarnessError(f"{environment.host()} does not see the records' folder {self.store.root}: share it")
            time.sleep(POLL_SECONDS)

    def _is_ours(self) -> bool:
        return is_held(self.store.root, self.id, self.claims)

    def _wait_while_held(self) -> None:
        start = time.perf_counter()
        while self.store.pause.exists() and self._is_ours():
            time.sleep(POLL_SECONDS)
        self.held += time.perf_counter() - start
