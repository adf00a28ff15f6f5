"""Small official benchmark files with made-up numbers, written by means of the official packages' own classes."""

from __future__ import annotations

import bz2
import pickle
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import torch

from harness.spaces.nb201 import encoding as nb201
from tests.spaces.nb201.codes import ALL

SETS = {
    "cifar10-valid": ("x-valid", "ori-test"),
    "cifar10": ("ori-test",),
    "cifar100": ("x-valid", "x-test", "ori-test"),
    "ImageNet16-120": ("x-valid", "x-test", "ori-test"),
}
CLASSES = {"cifar10-valid": 10, "cifar10": 10, "cifar100": 100, "ImageNet16-120": 120}
STRINGS = [nb201.to_string(ALL[code]) for code in (0, 1, 15624, 3906, 7777, 12345)]
SEEDS = (777, 888, 999)

Seeds = Callable[[int, str, int], Sequence[int]]  # (architecture, run, epochs) -> seeds


def all_seeds(index: int, run: str, epochs: int) -> Sequence[int]:
    """Like the newer files: 2 or 3 trials of 200 epochs, one of 12 except for cifar10-valid."""
    if epochs == 200:
        return SEEDS[: 2 + index % 2]
    return SEEDS[:2] if run == "cifar10-valid" else SEEDS[:1]


def old_seeds(index: int, run: str, epochs: int) -> Sequence[int]:
    """Like version 1.0: 1 to 3 trials of 200 epochs; 12 epochs on cifar10-valid only."""
    if epochs == 200:
        return SEEDS[: 1 + index % 3]
    return SEEDS[:1] if run == "cifar10-valid" else ()


def result(api: ModuleType, index: int, run: str, seed: int, epochs: int, *, old: bool) -> Any:
    """One trial; every epoch, set and trial has another accuracy."""
    rng = np.random.default_rng([index, *run.encode(), seed, epochs])
    architecture = nb201.parse(STRINGS[index])
    config = {"channel": 16, "num_cells": 5, "arch_str": STRINGS[index], "class_num": CLASSES[run]}
    accuracies = {i: float(value) for i, value in enumerate(rng.uniform(10, 95, epochs))}
    losses = {i: 1.0 for i in range(epochs)}
    millions = nb201.parameters(architecture, classes=CLASSES[run]) / 1e6
    trial = api.ResultsCount(run, None, accuracies, losses, millions, 7.8, config, seed, epochs, [0.01])
    trial.update_train_info(accuracies, accuracies, losses, {i: t for i, t in enumerate(rng.uniform(5, 9, epochs))})
    for name in SETS[run]:
        values = rng.uniform(10, 95, epochs)  # numpy numbers, as some official records hold
        if old and name != "ori-test":
            trial.update_OLD_eval(name, {epochs - 1: values[-1]}, {epochs - 1: 1.0})
        elif old:
            trial.update_OLD_eval(name, dict(enumerate(values)), losses)
        else:
            keys = [f"{name}@{i}" for i in range(epochs)]
            zeros = dict.fromkeys(keys, 0.0)
            trial.update_eval(dict(zip(keys, values, strict=True)), zeros, zeros)
    return trial


def entry(api: ModuleType, index: int, epochs: int, seeds: Seeds, *, old: bool) -> dict[str, Any]:
    """All trials of one architecture under one protocol, as the official class writes them."""
    results = api.ArchResults(index, STRINGS[index])
    for run in SETS:
        for seed in seeds(index, run, epochs):
            results.update(run, seed, result(api, index, run, seed, epochs, old=old))
    state: dict[str, Any] = results.state_dict()
    return state


def infos(
    api: ModuleType, seeds: Seeds, keys: tuple[str, str], *, old: bool = False
) -> dict[int, dict[str, dict[str, Any]]]:
    """Entries of every architecture by index; ``keys``: what the file calls the protocols of 12 and 200 epochs."""
    return {
        index: {key: entry(api, index, epochs, seeds, old=old) for key, epochs in zip(keys, (12, 200), strict=True)}
        for index in range(len(STRINGS))
    }


def write_nb201(path: Path, entries: Mapping[int, Any], *, zipped: bool) -> Path:
    """Write NAS-Bench-201's torch file; one trial holds weights, which must not get in the way."""
    first = next(iter(entries.values()))["full"]["all_results"]
    first["cifar10", 777]["net_state_dict"] = OrderedDict(weight=torch.ones(2, 3), steps=torch.tensor(4))
    content = {"meta_archs": STRINGS, "arch2infos": dict(entries), "evaluated_indexes": set(entries)}
    torch.save(content, path, _use_new_zipfile_serialization=zipped)
    return path


def write_pbz2(path: Path, content: object) -> None:
    """Write one file of NATS-Bench's folder."""
    path.write_bytes(bz2.compress(pickle.dumps(content, protocol=4)))


def write_nats(folder: Path, entries: Mapping[int, Any]) -> Path:
    """Write NATS-Bench's "simple" folder."""
    folder.mkdir(parents=True)
    write_pbz2(folder / "meta.pickle.pbz2", {"meta_archs": STRINGS, "evaluated_indexes": set(entries)})
    for index, content in entries.items():
        write_pbz2(folder / f"{index:06d}.pickle.pbz2", content)
    return folder
