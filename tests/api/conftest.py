"""Small searches on digits, in a folder of their own."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.runner import environment

SMALL = {"epochs": 2, "data.weight_images": 64, "data.architecture_images": 64, "batch_size": 32}


@pytest.fixture
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty working directory, without data: what is shipped is all that there is."""
    monkeypatch.delenv("HARNESS_DATA", raising=False)
    monkeypatch.setattr(environment, "threads_per_worker", lambda jobs: 1)
    monkeypatch.chdir(tmp_path)
    return tmp_path
