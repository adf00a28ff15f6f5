"""A plan divided among machines: nothing twice, nothing left out, nothing apart that belongs together."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.errors import HarnessError
from harness.runner.shard import Shard, parse_shard, share
from tests.conftest import Project


def trial(name: str, *, after: tuple[str, ...] = (), supernet: str | None = None) -> Any:
    return SimpleNamespace(id=name, after=after, supernet_id=supernet or name)


@st.composite
def plans(draw: st.DrawFn) -> list[Any]:
    """Trials that follow any of those before them, some of which share a supernet."""
    found: list[Any] = []
    for number in range(draw(st.integers(1, 24))):
        before = draw(st.lists(st.sampled_from([t.id for t in found]), max_size=2)) if found else []
        supernet = draw(st.sampled_from([None, "s1", "s2"]))
        found.append(trial(f"t{number}", after=tuple(before), supernet=supernet))
    return found


@given(plans(), st.integers(1, 6))
def test_parts_are_the_plan_and_keep_together_what_belongs_together(plan: list[Any], parts: int) -> None:
    shares = [share(plan, Shard(number, parts)) for number in range(1, parts + 1)]
    where = {t.id: number for number, part in enumerate(shares) for t in part}
    assert sorted(t.id for part in shares for t in part) == sorted(t.id for t in plan)
    for one in plan:
        assert all(where[before] == where[one.id] for before in one.after)
        assert len({where[other.id] for other in plan if other.supernet_id == one.supernet_id}) == 1
    for part in shares:
        assert [t.id for t in part] == [t.id for t in plan if t in part]  # in the plan's order


def test_independent_trials_are_dealt_out_evenly() -> None:
    plan = [trial(f"t{number}") for number in range(10)]
    assert [len(share(plan, Shard(number, 4))) for number in (1, 2, 3, 4)] == [3, 3, 2, 2]


@pytest.mark.parametrize("text", ["", "1", "0/4", "5/4", "1/0", "a/b", "1/4/2", "-1/4", "1.0/4", "²/4"])
def test_a_wrong_part_is_said(text: str) -> None:
    with pytest.raises(HarnessError, match=r"--shard .* from 1/4 to 4/4"):
        parse_shard(text)


def test_machines_that_run_a_part_each_run_the_plan(project: Project) -> None:
    project.train()
    planned = {line.split()[0] for line in project.run("--dry-run").out.splitlines() if " tiny " in line}
    done: set[str] = set()
    for number in (1, 2, 3):
        answer = project.run("--shard", f"{number}/3", "--results", f"machine-{number}")
        assert answer.code == 0 and "blocked" not in answer.out
        ours = {path.stem.partition("-")[2] for path in (project.folder / f"machine-{number}").rglob("s*-*.json")}
        assert ours and not ours & done
        done |= ours
    assert done == planned and len(planned) == 12
    folders = [f"machine-{number}" for number in (1, 2, 3)]
    assert project.cli("merge", *folders, "--results", "results").code == 0
    answer = project.run()
    assert "12 trials: 0 executed, 12 done before" in answer.out


def test_a_decision_is_not_for_a_part(project: Project) -> None:
    answer = project.run("--until-decided", "--shard", "1/2")
    assert answer.code == 2 and answer.err.startswith("error: --shard 1/2: --until-decided")


def test_a_part_that_has_nothing_to_do_is_done(project: Project) -> None:
    """An array of more jobs than there are trials is complete all the same."""
    assert project.run("-m", "darts-v1", "--seeds", "0", "--shard", "1/1").code == 0
    answers = [project.run("-m", "darts-v1", "--seeds", "0", "--shard", f"{number}/5") for number in range(1, 6)]
    assert [answer.code for answer in answers] == [0] * 5
