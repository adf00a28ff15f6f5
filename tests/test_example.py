"""docs/example.py is a notebook that runs: with embedded data, from any folder."""

from __future__ import annotations

import runpy
from pathlib import Path

import pytest

EXAMPLE = Path(__file__).parents[1] / "docs" / "example.py"


def test_every_cell_runs_and_shows_what_its_text_says(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv("HARNESS_DATA", raising=False)
    monkeypatch.chdir(tmp_path)
    known = runpy.run_path(str(EXAMPLE))
    said = capsys.readouterr().out
    assert "'executed': 4" in said and "did you mean 'single-darts'" in said
    assert said.startswith("nb201/single-darts-t1/single-darts\n|")
    assert len(known["known"]) == 4 and set(known["known"]["kind"]) == {"search", "training"}
    assert len(known["found"].trajectory) == 6 and not known["found"].trajectory["weight_loss"][1:].isna().any()
    assert list(tmp_path.iterdir()) == []


def test_it_is_written_in_cells() -> None:
    lines = EXAMPLE.read_text(encoding="utf-8").splitlines()
    assert lines[0] == "# %% [markdown]" and sum(line == "# %%" for line in lines) >= 6
    markdown = False
    for line in lines:
        markdown = line == "# %% [markdown]" if line.startswith("# %%") else markdown
        assert not markdown or line == "" or line.startswith("#"), line
