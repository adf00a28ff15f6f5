"""Small data sets in every layout, and a cache of their own for tests that decode."""

from __future__ import annotations

import os
from pathlib import Path

import pytest


@pytest.fixture(autouse=True)
def cache(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Keep decoded test images out of the user's cache; real data uses the user's, as real runs do."""
    folder = tmp_path / "cache"
    if "realdata" not in request.keywords:
        monkeypatch.setenv("HARNESS_CACHE", str(folder))
    return folder


@pytest.fixture
def real_root() -> Path:
    """The folder of real data."""
    value = os.environ.get("HARNESS_DATA")
    if not value:
        pytest.skip("HARNESS_DATA is not set")
    return Path(value)
