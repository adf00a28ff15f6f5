"""Small data sets in every layout, and a cache of their own for tests that decode."""

from __future__ import annotations

from pathlib import Path

import pytest


@pytest.fixture(autouse=True)
def cache(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Keep decoded test images out of the user's cache; real data uses the user's, as real runs do."""
    folder = tmp_path / "cache"
    if "realdata" not in request.keywords:
        monkeypatch.setenv("HARNESS_CACHE", str(folder))
    return folder
