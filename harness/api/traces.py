"""What a search sets in its process, put back for the process that only asked for one."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

FLAGS = ("benchmark", "benchmark_limit", "allow_tf32")  # of `torch.backends.cudnn`, which `runner.worker.prepare` sets


@contextmanager
def as_it_was() -> Iterator[None]:
    """Put torch's threads and cuDNN's choices back in the end; the allocator keeps its memory."""
    import torch

    threads, flags = torch.get_num_threads(), {name: getattr(torch.backends.cudnn, name) for name in FLAGS}
    try:
        yield
    finally:
        torch.set_num_threads(threads)
        for name, value in flags.items():
            setattr(torch.backends.cudnn, name, value)
