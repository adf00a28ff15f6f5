"""The command line. `harness.cli.app` names commands and options; the other modules carry them out."""

from harness.cli.app import app, main

__all__ = ["app", "main"]
