"""How a row's trials differ from the paper's protocol: as declared, or by overrides that nobody declared."""

from __future__ import annotations

from harness.analysis.evidence import Evidence
from harness.runner.trial import Trial
from harness.suite.deviations import applying
from harness.suite.schema import Deviation, Suite


def deviations(suite: Suite, row: str, evidence: Evidence) -> tuple[Deviation, ...]:
    """Return the declared deviations that trials of ``table/row`` have."""
    paper, found = suite.tables[row.partition("/")[0]].paper, {}
    for trial in evidence.all_of_row(row):
        declared = [d for d in _declared(suite, trial) if d.papers is None or paper in d.papers]
        for deviation in applying(declared, trial.spec, trial.dataset, trial.data_checksum):
            found[deviation.text] = deviation
    return tuple(found.values())


def overrides(suite: Suite, row: str, evidence: Evidence) -> tuple[str, ...]:
    """Return the overrides of ``table/row``; to set a declared deviation back to the paper's value is none."""
    back = {f"{d.key}={d.paper}" for trial in evidence.all_of_row(row) for d in _declared(suite, trial)}
    return tuple(text for text in evidence.plan.overrides.get(row, ()) if text not in back)


def _declared(suite: Suite, trial: Trial) -> tuple[Deviation, ...]:
    return suite.profiles[trial.profile].deviations if trial.profile in suite.profiles else ()
