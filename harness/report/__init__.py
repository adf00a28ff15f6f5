"""Verdicts as tables, figures and one page."""

from harness.report.write import write_report

__all__ = ["write_report"]
