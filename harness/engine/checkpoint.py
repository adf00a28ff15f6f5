"""Checkpoints: written atomically, read back without unpickling anything but tensors and plain data."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import torch

from harness.errors import HarnessError


def save(state: dict[str, Any], file: Path) -> None:
    """Write a state; a reader sees the old file or the new one, never half of one."""
    file.parent.mkdir(parents=True, exist_ok=True)
    temporary = file.with_name(f"{file.name}.{os.getpid()}.tmp")
    torch.save(state, temporary)
    os.replace(temporary, file)


def load(file: Path, device: str) -> dict[str, Any]:
    """Read a state; raise `HarnessError` if the file is no checkpoint."""
    try:
        state = torch.load(file, map_location=device, weights_only=True)
    except Exception as error:  # torch raises many kinds for a damaged file
        raise HarnessError(f"{file}: not a checkpoint ({type(error).__name__}); delete it to start anew") from error
    assert isinstance(state, dict)
    return state
