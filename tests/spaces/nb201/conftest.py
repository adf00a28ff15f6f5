"""Whose kernels the tests of this folder are about."""

import pytest

from harness.spaces.nb201 import kernels


@pytest.fixture
def space_kernels():
    """Return the module."""
    return kernels
