"""Every searching method of the catalogue, at a tiny size: a new method is tested by being there."""

from harness.config import deep_merge
from harness.documents import dotted
from harness.errors import HarnessError
from harness.methods.catalogue import Layer, load_catalogue, resolve
from tests.engine.conftest import TINY

CATALOGUE = load_catalogue()
_SEARCHES = {
    name: deep_merge(*(part.data for part in CATALOGUE.layers(name)))
    for name in CATALOGUE.methods
    if not CATALOGUE.computes(name)
}
SEARCHING = [name for name, full in _SEARCHES.items() if not full.get("stages")]
STAGED = [name for name, full in _SEARCHES.items() if full.get("stages")]  # not on NAS-Bench-201
# What a part needs less of to be tiny.
SMALL = {
    ("select", "progressive"): {"interval": 1},
    ("select", "best-path"): {"candidates": 3},
    ("update", "policy-gradient"): {"steps": 2, "samples": 2},
}


def layer(settings):
    return Layer(settings, lambda path, message: HarnessError(f"{dotted(path)}: {message}"))


def tiny(method, *, space=(), data=(), **settings):
    """Resolve a method on the tiny space and data; what the method itself says of them wins."""
    below = {"space": TINY["space"] | dict(space), "data": TINY["data"] | dict(data)}
    return resolve(CATALOGUE, method, [layer(small(method)), layer(settings)], [layer(below)])


def small(method):
    """Shrink what the method's parts do: alpha moves from the second epoch on, decisions from the first."""
    full = deep_merge(*(part.data for part in CATALOGUE.layers(method)))
    less = {field: SMALL[field, full[field]["name"]] for field in full if (field, _name(full[field])) in SMALL}
    if full.get("architecture_warmup"):
        less["architecture_warmup"] = 1
    if isinstance(full["select"].get("start"), int):
        less["select"] = {**less["select"], "start": 1}
    if full["select"].get("images"):
        less["select"] = {**less["select"], "images": 16}
    if full["diagnostics"]:
        less["diagnostics"] = [diagnostic | {"images": 16} for diagnostic in full["diagnostics"]]
    return less


def _name(block):
    return block.get("name") if isinstance(block, dict) else None


def enough_epochs(method, epochs):
    """Return the epochs that a method needs at least: an edge is decided before each from the second to the seventh."""
    within = "start" in small(method).get("select", {})
    return max(epochs, 7) if within else epochs
