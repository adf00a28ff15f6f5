"""Run `suite.yaml` and compare it, seed by seed, with what was recorded: ``python -m regression [--record]``.

On a machine with a recording (processor, threads, torch, kernels, data) every number must be equal to the bit. On any
other the golden traces of the same methods, in double precision, must hold, and the searches are compared as samples.
What changed is named: the settings, or the parts that all changed searches have and no unchanged one has.

0: nothing changed; 1: something did; 3: not all searches could be run. ``--record`` stores what ran now;
``--elsewhere`` compares also as if no recording were of this machine.
"""

from __future__ import annotations

import sys
import tempfile
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from harness.analysis.baselines import BaselineVerdict, Recording, flat_settings, judge_baselines
from harness.analysis.series import FIRST_LOSS
from harness.analysis.verdicts import SuiteVerdict
from harness.api.reader import Reader, baseline_path, load_baseline, store_baseline
from harness.api.request import Request
from harness.api.running import RunRequest
from harness.cli.run import run_suites
from harness.cli.text import columns

SUITE = Path(__file__).with_name("suite.yaml")
PARTS = (
    *("relaxation", "weight_relaxation", "update", "alpha_init", "weight_optimiser", "weight_schedule", "weight_clip"),
    *("architecture_optimiser", "weight_noise", "regulariser", "auxiliary_skip", "drop_path", "select"),
)


def main(options: Sequence[str]) -> int:
    """Run, compare or record, and return the exit code."""
    with tempfile.TemporaryDirectory(prefix="regression-") as folder:
        request = Request.read([str(SUITE)], "reduced", None, None, None, None, None, Path(folder))
        if code := run_suites(RunRequest(request, None, "cpu", force=False), "text"):
            return code
        (verdict,) = Reader(request).verdicts()
    if "--record" in options:
        store_baseline(verdict)
        return 0
    code = compare(verdict, verdict.baselines)
    return max(code, compare(verdict, seen_elsewhere(verdict))) if "--elsewhere" in options else code


def seen_elsewhere(verdict: SuiteVerdict) -> tuple[BaselineVerdict, ...]:
    """Judge as a machine would that nobody recorded on."""
    recorded = load_baseline(baseline_path(verdict.loaded, verdict.profile_name))
    if recorded is None:
        return judge_baselines(verdict.series, None)
    series = {
        name: entry.model_copy(update={"recordings": [_moved(one) for one in entry.recordings]})
        for name, entry in recorded.series.items()
    }
    return judge_baselines(verdict.series, recorded.model_copy(update={"series": series}))


def _moved(recording: Recording) -> Recording:
    machine = recording.machine.model_copy(update={"platform": "another machine"})
    return recording.model_copy(update={"machine": machine})


def compare(verdict: SuiteVerdict, found: Sequence[BaselineVerdict]) -> int:
    """Print what changed, when and what it has in common; return 1 where something did."""
    changed = [item for item in found if item.verdict in ("FAIL", "NOT JUDGED")]
    if changed:
        print(columns(("search", "number", "why"), [(item.series, item.statistic, item.reason) for item in changed]))
    names = {one.method for one in verdict.series if one.name in {item.series for item in changed}}
    means, when = "to the bit", [*_other_settings(changed), *_first_epoch(found, changed)]
    if any(item.verdict == "UNDECIDED" for item in found):
        broken = dict(broken_traces(verdict))
        print(columns(("golden trace", "differs first at"), list(broken.items())))
        means = "on a machine without a recording, by golden traces"
        when = _other_settings(changed)
        when += [f"first at {place} in {count}" for place, count in Counter(broken.values()).most_common()]
        names |= broken.keys()
    print(f"regression, {means}: {'; '.join([conclusion(verdict, names), *when])}")
    return 1 if names else 0


def _other_settings(changed: Sequence[BaselineVerdict]) -> list[str]:
    """Return what most of the searches say that could not be compared."""
    reasons = Counter(item.reason for item in changed if item.verdict == "NOT JUDGED")
    return [reason for reason, _ in reasons.most_common(1)]


def _first_epoch(found: Sequence[BaselineVerdict], changed: Sequence[BaselineVerdict]) -> list[str]:
    """Say of how many changed searches the first epoch is as recorded: a change there begins later."""
    same = {item.series for item in found if item.statistic == FIRST_LOSS and item.verdict == "PASS"}
    count = len(same & {item.series for item in changed})
    return [f"the first epoch as recorded in {count}"] if count else []


def broken_traces(verdict: SuiteVerdict) -> Iterator[tuple[str, str]]:
    """Yield the methods whose golden trace does not hold, with the first line that differs."""
    from tests.engine import test_golden as golden

    for one in verdict.series:
        wanted = golden.path(one.method).read_text(encoding="utf-8").splitlines()
        if differences := golden.compare(golden.trace(one.method), wanted):
            yield one.method, " ".join(differences[0].split()[1:3])


def conclusion(verdict: SuiteVerdict, changed: set[str]) -> str:
    """Say how many searches changed, and what all of them have and no unchanged one."""
    if not changed:
        return f"all {len(verdict.series)} searches as recorded"
    said = f"{len(changed)} of {len(verdict.series)} searches changed"
    had = {one.method: _settings(one.setup["spec"]) for one in verdict.series}
    held = [settings for method, settings in had.items() if method not in changed]
    if not held:
        return f"{said}: what all searches share"
    return f"{said}; only they have: {_apart([had[method] for method in changed], held) or 'no setting in common'}"


def _apart(changed: Sequence[set[str]], held: Sequence[set[str]]) -> str:
    """Name the settings of all changed searches that no other has, else one of them that goes without another."""
    common, none = set.intersection(*changed), set.union(*changed)
    if alone := common - set.union(*held):
        return ", ".join(sorted(alone))
    pairs = {a: set.intersection(*(one for one in held if a in one)) - none for a in common}
    return next((f"{a}, without {', '.join(sorted(without))}" for a, without in sorted(pairs.items()) if without), "")


def _settings(spec: Mapping[str, Any]) -> set[str]:
    """Return the settings of the parts, rates apart: they differ from method to method and part nothing."""
    flat = flat_settings({kind: spec[kind] for kind in PARTS})
    return {f"{key} {value}" for key, value in flat.items() if value is not None and not key.endswith(".lr")}


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
