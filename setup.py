"""What pyproject.toml cannot say: the suites and the recorded results of the checkout go into the wheel.

They lie beside the package, where users of a checkout name them, and inside it once installed (`harness.shipped`).
"""

from __future__ import annotations

import shutil
from pathlib import Path

from setuptools import setup
from setuptools.command.build_py import build_py

ROOT = Path(__file__).parent
SHIPPED = (
    "suites/**/*.yaml",
    "suites/baselines/*.json",
    "results/audit.json",
    "results/tau.json",
    "results/paper/**/s*-*.json",
)


class BuildWithShipped(build_py):
    """Copies what is shipped into the package that is built; an editable install finds it where it is."""

    def run(self) -> None:
        """Build."""
        super().run()
        if not self.editable_mode:
            target = Path(self.build_lib, "harness", "_shipped")
            shutil.rmtree(target, ignore_errors=True)  # of a build before
            for path in (path for pattern in SHIPPED for path in ROOT.glob(pattern)):
                copy = target / path.relative_to(ROOT)
                copy.parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(path, copy)


setup(cmdclass={"build_py": BuildWithShipped})
