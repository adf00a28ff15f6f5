"""Checkpoints: written whole or not at all, read back without unpickling anything but tensors and plain data."""

from __future__ import annotations

import io
import os
import zipfile
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import torch

from harness.data.atomic import replacing
from harness.errors import HarnessError


class DamagedCheckpoint(HarnessError):
    """A file in a checkpoint's place that no search can go on from."""

    def __init__(self, file: Path, why: str) -> None:
        super().__init__(f"{file}: not a checkpoint of this search ({why})")
        self.file = file


def save(state: dict[str, Any], file: Path) -> None:
    """Write a state; a reader sees the old file or the new one, never half of one."""
    content = io.BytesIO()  # torch words a full disk as `unexpected pos`; the system says what it is
    torch.save(state, content)
    with replacing(file) as temporary:
        temporary.write_bytes(content.getbuffer())


def load(file: Path, device: str) -> dict[str, Any]:
    """Read a state.

    Raises `DamagedCheckpoint` where the file is none or its checksums do not hold, `FileNotFoundError` where there is
    none, and `HarnessError` where it cannot be read, which says nothing of what it holds.
    """
    try:
        content = file.read_bytes()
    except FileNotFoundError:
        raise
    except OSError as error:
        raise HarnessError(f"{file}: {error.strerror}") from error
    try:
        broken = zipfile.ZipFile(io.BytesIO(content)).testzip()
        state = torch.load(io.BytesIO(content), map_location=device, weights_only=True)
    except (MemoryError, torch.OutOfMemoryError):
        raise
    except Exception as error:  # torch raises many kinds for a damaged file
        raise DamagedCheckpoint(file, type(error).__name__) from error
    if broken is not None or not isinstance(state, dict):
        raise DamagedCheckpoint(file, "a checksum does not hold" if broken else type(state).__name__)
    return state


def take_up(file: Path | None, device: torch.device, load_state: Callable[[dict[str, Any]], int]) -> int | None:
    """Go on from a saved state by ``load_state``, which returns its epoch; None where there is none.

    Raises `DamagedCheckpoint` for a file whose content does not fit.
    """
    if file is None:
        return None
    try:
        state = load(file, str(device))
    except FileNotFoundError:
        return None
    try:
        return load_state(state)
    except torch.OutOfMemoryError:
        raise
    except (ArithmeticError, AttributeError, LookupError, RuntimeError, TypeError, ValueError) as error:
        raise DamagedCheckpoint(file, f"{type(error).__name__} in what it holds") from error


def set_aside(file: Path) -> Path:
    """Rename a damaged checkpoint, so that a search can start anew without destroying it; return its new path."""
    aside = file.with_name(f"{file.name}.damaged")
    with suppress(FileNotFoundError):  # another trial that starts from it was faster
        os.replace(file, aside)
    return aside
