"""Every searching method of the catalogue, at a tiny size: a new method is tested by being there."""

from harness.documents import dotted
from harness.errors import HarnessError
from harness.methods.catalogue import Layer, load_catalogue, resolve
from tests.engine.conftest import TINY

CATALOGUE = load_catalogue()
SEARCHING = [name for name in CATALOGUE.methods if not CATALOGUE.computes(name)]


def layer(settings):
    return Layer(settings, lambda path, message: HarnessError(f"{dotted(path)}: {message}"))


def tiny(method, *, space=(), data=(), **settings):
    """Resolve a method on the tiny space and data; what the method itself says of them wins."""
    below = {"space": TINY["space"] | dict(space), "data": TINY["data"] | dict(data)}
    return resolve(CATALOGUE, method, [layer(settings)], [layer(below)])
