"""The importer against the official packages: the same small files, read by both."""

from __future__ import annotations

import bz2
import copy
import functools
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from harness.benchmarks import nb201_import
from harness.benchmarks.nb201 import Nb201Table
from harness.benchmarks.nb201_import import import_official
from harness.errors import HarnessError
from harness.spaces.nb201 import encoding as nb201
from tests.benchmarks import official
from tests.hostile import at_most

nas_201_api = pytest.importorskip("nas_201_api")
nats_bench = pytest.importorskip("nats_bench")

OFFICIAL_NAMES = {"cifar10": "cifar10", "cifar100": "cifar100", "imagenet16_120": "ImageNet16-120"}
NB201_KEYS, NATS_KEYS = ("less", "full"), ("12", "200")


@pytest.fixture(scope="module")
def nb201_infos() -> Any:
    return official.infos(nas_201_api, official.all_seeds, NB201_KEYS)


@pytest.fixture(scope="module")
def nats_infos() -> Any:
    return official.infos(nats_bench, official.all_seeds, NATS_KEYS)


def official_accuracy(api: Any, index: int, dataset: str, split: str, epochs: int) -> float:
    run = "cifar10-valid" if (dataset, split) == ("cifar10", "valid") else OFFICIAL_NAMES[dataset]
    info = api.get_more_info(index, run, hp=str(epochs), is_random=False)
    return float(info[f"{split}-accuracy"])


def check_against(api: Any, table: Nb201Table, seeds: official.Seeds, *, twelve: tuple[str, ...]) -> None:
    """Compare every number of the table with the official API's; ``twelve``: columns of 12 epochs that exist."""
    for index, text in enumerate(official.STRINGS):
        for dataset in OFFICIAL_NAMES:
            for split in ("valid", "test"):
                for epochs in (12, 200):
                    if epochs == 12 and f"{dataset}_{split}" not in twelve:
                        with pytest.raises(HarnessError, match=f"no {dataset}_{split}_12 for"):
                            table.accuracy(index, dataset=dataset, split=split, epochs=12)
                        continue
                    expected = official_accuracy(api, index, dataset, split, epochs)
                    for arch in (index, text):
                        ours = table.accuracy(arch, dataset=dataset, split=split, epochs=epochs)
                        assert ours == pytest.approx(expected, rel=1e-14)
            run = "cifar10-valid" if dataset == "cifar10" else OFFICIAL_NAMES[dataset]
            info = api.get_more_info(index, run, hp="200", is_random=False)
            assert table.train_seconds(index, dataset) == pytest.approx(info["train-all-time"], rel=1e-12)
            cost = api.get_cost_info(index, run, hp="200")
            assert table.params(index, dataset) == pytest.approx(cost["params"] * 1e6, abs=1e-3)
        trials = seeds(index, "cifar10-valid", 200)
        assert table.trials(index) == len(trials)
        accuracies = [
            api.get_more_info(index, "cifar10-valid", hp="200", is_random=seed)["valid-accuracy"] for seed in trials
        ]
        std = table.std(index, dataset="cifar10", split="valid", epochs=200)
        if len(trials) == 1:
            assert np.isnan(std)
        else:
            assert std == pytest.approx(np.std(accuracies, ddof=1), rel=1e-12)


ALL_TWELVE = tuple(f"{dataset}_{split}" for dataset in OFFICIAL_NAMES for split in ("valid", "test"))


@pytest.mark.parametrize("zipped", [True, False])
def test_nas_bench_201(zipped: bool, nb201_infos: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source = official.write_nb201(tmp_path / "NAS-Bench-201.pth", copy.deepcopy(nb201_infos), zipped=zipped)
    assert import_official(source, tmp_path / "table.parquet", partial=True) == len(official.STRINGS)
    # The package predates torch's safe default.
    monkeypatch.setattr(torch, "load", functools.partial(torch.load, weights_only=False))
    api = nas_201_api.NASBench201API(str(source), verbose=False)
    table = Nb201Table.load(tmp_path / "table.parquet", partial=True)
    check_against(api, table, official.all_seeds, twelve=ALL_TWELVE)


def test_nats_bench(nats_infos: Any, tmp_path: Path) -> None:
    source = official.write_nats(tmp_path / "NATS-tss-v1_0-3ffb9-simple", nats_infos)
    assert import_official(source, tmp_path / "table.parquet", partial=True) == len(official.STRINGS)
    api = nats_bench.create(str(source), "tss", fast_mode=True, verbose=False)
    table = Nb201Table.load(tmp_path / "table.parquet", partial=True)
    check_against(api, table, official.all_seeds, twelve=ALL_TWELVE)


def test_version_1_0_with_gaps(tmp_path: Path) -> None:
    infos = official.infos(nas_201_api, official.old_seeds, NB201_KEYS, old=True)
    source = official.write_nb201(tmp_path / "old.pth", copy.deepcopy(infos), zipped=False)
    import_official(source, tmp_path / "table.parquet", partial=True)
    content = {"meta_archs": official.STRINGS, "arch2infos": infos, "evaluated_indexes": list(infos)}
    api = nas_201_api.NASBench201API(content, verbose=False)
    table = Nb201Table.load(tmp_path / "table.parquet", partial=True)
    check_against(api, table, official.old_seeds, twelve=("cifar10_valid",))
    with pytest.raises(HarnessError, match="no cifar100_test_12 for"):
        table.accessor(dataset="cifar100", split="test", epochs=12)


def test_both_formats_of_the_same_numbers_give_the_same_file(nb201_infos: Any, nats_infos: Any, tmp_path: Path) -> None:
    torch_file = official.write_nb201(tmp_path / "a.pth", copy.deepcopy(nb201_infos), zipped=True)
    folder = official.write_nats(tmp_path / "nats", nats_infos)
    for source, name in ((torch_file, "a"), (folder, "b"), (folder, "c")):
        import_official(source, tmp_path / f"{name}.parquet", partial=True)
    contents = {(tmp_path / f"{name}.parquet").read_bytes() for name in "abc"}
    assert len(contents) == 1


def test_where_trials_disagree_on_the_size_the_official_rule_holds(nats_infos: Any, tmp_path: Path) -> None:
    infos = copy.deepcopy(nats_infos)
    infos[1]["200"]["all_results"]["cifar100", 777]["params"] *= 2
    source = official.write_nats(tmp_path / "nats", infos)
    import_official(source, tmp_path / "table.parquet", partial=True)
    api = nats_bench.create(str(source), "tss", fast_mode=True, verbose=False)
    table = Nb201Table.load(tmp_path / "table.parquet", partial=True)
    expected = nb201.parameters(nb201.parse(official.STRINGS[1]), classes=100)
    assert table.params(1, "cifar100") == expected
    assert api.get_cost_info(1, "cifar100", hp="200")["params"] * 1e6 == pytest.approx(expected)


def test_some_architectures_in_any_order(nats_infos: Any, nb201_infos: Any, tmp_path: Path) -> None:
    sources = [
        official.write_nats(tmp_path / "nats", {index: nats_infos[index] for index in (4, 1)}),
        official.write_nb201(
            tmp_path / "file.pth", {index: copy.deepcopy(nb201_infos[index]) for index in (4, 1)}, zipped=True
        ),
    ]
    for source in sources:
        assert import_official(source, tmp_path / "table.parquet", partial=True) == 2
        table = Nb201Table.load(tmp_path / "table.parquet", partial=True)
        assert table.indices.tolist() == [1, 4]
        assert table.index([official.STRINGS[4], official.STRINGS[1]]).tolist() == [4, 1]


class Payload:
    """Unpickles by making a folder."""

    def __init__(self, path: Path) -> None:
        self.path = str(path)

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return os.mkdir, (self.path,)


@pytest.mark.parametrize("place", ["pth", "old-pth", "meta", "entry"])
def test_code_is_refused_and_not_run(place: str, nats_infos: Any, tmp_path: Path) -> None:
    marker, target = tmp_path / "ran", tmp_path / "table.parquet"
    attack = {"meta_archs": [Payload(marker)], "12": Payload(marker)}
    if place.endswith("pth"):
        source = tmp_path / "file.pth"
        torch.save(attack, source, _use_new_zipfile_serialization=place == "pth")
    else:
        source = official.write_nats(tmp_path / "nats", nats_infos)
        name = "meta" if place == "meta" else "000002"
        official.write_pbz2(source / f"{name}.pickle.pbz2", attack)
    with pytest.raises(HarnessError, match=r"pickle refused: it asks for (posix|nt)\.mkdir") as caught:
        import_official(source, target, partial=True)
    assert "\n" not in str(caught.value)
    assert not marker.exists()
    assert not target.exists()


def change(infos: Any, *path: Any, value: Any) -> Any:
    """Return a copy with one value replaced, or with one key removed where ``value`` is ..."""
    infos = copy.deepcopy(infos)
    inner = infos
    for key in path[:-1]:
        inner = inner[key]
    if value is ...:
        del inner[path[-1]]
    else:
        inner[path[-1]] = value
    return infos


TRIAL = (3, "200", "all_results", ("cifar100", 888))
WRONG = {
    "no run": ((3, "200", "dataset_seed", "cifar100"), ..., "no 'cifar100' where"),
    "no seeds": ((3, "200", "dataset_seed", "cifar100"), [], "no trial of the 200-epoch run 'cifar100'"),
    "no result": (TRIAL, ..., r"no \('cifar100', 888\) where"),
    "no protocol": ((3, "12"), ..., "no '12' where"),
    "other architecture": ((3, "12", "arch_str"), official.STRINGS[2], "its results are of '.*', expected"),
    "other epochs": ((*TRIAL, "epochs"), 12, "run 'cifar100', seed 888: not a run of 200 epochs"),
    "no last epoch": ((*TRIAL, "eval_acc1es", "x-test@199"), ..., "no 'x-test@199' where"),
    "nan": ((*TRIAL, "eval_acc1es", "x-test@199"), float("nan"), "'x-test@199' is nan, not a finite number"),
    "text": ((*TRIAL, "eval_acc1es", "x-test@199"), "94.1", "'x-test@199' is '94.1', not a finite number"),
    "above 100": (
        (*TRIAL, "eval_acc1es", "x-test@199"),
        500.0,
        "nats: column 'cifar100_test_200', row 3: .* out of range",
    ),
    "no times": ((*TRIAL, "train_times"), None, "no 0 where"),
    "no size": ((*TRIAL, "params"), None, "'params' is None"),
    "not a dict": ((3, "200"), [1], "no 'arch_str' where"),
    "huge size": ((*TRIAL, "params"), 1e14, "'params' is 100000000000000.0, not a finite number below 1e\\+09"),
    "huge whole size": ((*TRIAL, "params"), 10**5000, "'params' is a number of thousands of digits"),
    "huge seconds": ((*TRIAL, "train_times", 0), 1e308, "0 is 1e\\+308, not a finite number"),
    "a truth": ((*TRIAL, "params"), True, "'params' is True, not a finite number"),
    "seeds no list": ((3, "200", "dataset_seed", "cifar100"), 5, "the seeds of run 'cifar100' are 5, not a list"),
    "runs no dict": ((3, "12", "dataset_seed"), 5, "no 'cifar10-valid' where"),
    "a huge seed": ((3, "200", "dataset_seed", "cifar100"), [10**5000], "the seeds of run 'cifar100' are a number of"),
    "seeds of lists": ((3, "200", "dataset_seed", "cifar100"), [[777]], "the seeds of run 'cifar100' are \\[\\[777"),
    "a string without end": ((3, "12", "arch_str"), "x" * 10**6, "its results are of '.{,120}', expected"),
}


@pytest.mark.parametrize("name", WRONG)
def test_a_contradictory_entry_is_named_and_nothing_written(name: str, nats_infos: Any, tmp_path: Path) -> None:
    path, value, message = WRONG[name]
    source = official.write_nats(tmp_path / "nats", change(nats_infos, *path, value=value))
    target = tmp_path / "out" / "table.parquet"
    target.parent.mkdir()
    target.write_text("earlier")
    with pytest.raises(HarnessError, match=message):
        import_official(source, target, partial=True)
    assert [file.name for file in target.parent.iterdir()] == [target.name]
    assert target.read_text() == "earlier"


def test_fractions_are_refused(nats_infos: Any, tmp_path: Path) -> None:
    infos = {1: copy.deepcopy(nats_infos[1])}
    for protocol in infos[1].values():
        for result in protocol["all_results"].values():
            result["eval_acc1es"] = {key: value / 100 for key, value in result["eval_acc1es"].items()}
    source = official.write_nats(tmp_path / "nats", infos)
    with pytest.raises(HarnessError, match=r"nats: accuracies look like fractions, not percent"):
        import_official(source, tmp_path / "table.parquet", partial=True)
    assert not (tmp_path / "table.parquet").exists()


@pytest.mark.parametrize("zipped", [True, False])
def test_a_torch_file_cut_anywhere_is_named(zipped: bool, nb201_infos: Any, tmp_path: Path) -> None:
    whole = official.write_nb201(tmp_path / "whole.pth", {0: copy.deepcopy(nb201_infos[0])}, zipped=zipped).read_bytes()
    cut = tmp_path / "cut.pth"
    for end in (*range(0, 600, 23), *range(600, len(whole) - 5000, len(whole) // 12)):
        cut.write_bytes(whole[:end])
        with pytest.raises(HarnessError, match=r"cut\.pth: (pickle refused|not a (readable )?torch file)") as caught:
            import_official(cut, tmp_path / "table.parquet", partial=True)
        assert "\n" not in str(caught.value)


def test_a_packed_file_larger_than_any_is_not_unpacked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(nb201_import, "LARGEST_ENTRY", 10_000_000)
    source = official.write_nats(tmp_path / "nats", {})
    (source / "000003.pickle.pbz2").write_bytes(bz2.compress(bytes(50_000_000)))
    message = r"000003.*: not a readable bz2 file: cut short, or larger than 10,000,000 bytes"
    with at_most(30), pytest.raises(HarnessError, match=message):
        import_official(source, tmp_path / "table.parquet", partial=True)


def test_a_target_that_cannot_be_written_is_named(nats_infos: Any, tmp_path: Path) -> None:
    source = official.write_nats(tmp_path / "nats", {1: nats_infos[1]})
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(HarnessError, match=r"file/table\.parquet: (Not a directory|File exists)"):
        import_official(source, tmp_path / "file" / "table.parquet", partial=True)


def test_sizes_that_disagree_without_the_official_rule(nats_infos: Any, tmp_path: Path) -> None:
    infos = change(nats_infos, 3, "200", "dataset_seed", "cifar100", value=[777, 999])
    infos = change(infos, 3, "200", "all_results", ("cifar100", 999), "params", value=9.9)
    source = official.write_nats(tmp_path / "nats", infos)
    with pytest.raises(HarnessError, match="trials disagree on 'params'"):
        import_official(source, tmp_path / "table.parquet", partial=True)


def test_some_architectures_are_not_the_benchmark(nats_infos: Any, tmp_path: Path) -> None:
    source = official.write_nats(tmp_path / "nats", nats_infos)
    with pytest.raises(HarnessError, match="results of 6 architectures, expected 15,625"):
        import_official(source, tmp_path / "table.parquet")
    for file in source.glob("0*"):
        file.unlink()
    with pytest.raises(HarnessError, match="results of 0 architectures"):
        import_official(source, tmp_path / "table.parquet", partial=True)


def test_other_files_are_named(nats_infos: Any, nb201_infos: Any, tmp_path: Path) -> None:
    def refuse(source: Path, message: str) -> None:
        with pytest.raises(HarnessError, match=message):
            import_official(source, tmp_path / "table.parquet", partial=True)

    refuse(tmp_path / "absent.pth", "no such file or folder")
    (tmp_path / "empty").mkdir()
    refuse(tmp_path / "empty", r"meta.pickle.pbz2: not a readable bz2 file")
    for name, message in (("text.pth", "pickle refused"), ("text.zip", "neither a NAS-Bench-201 .pth file nor")):
        (tmp_path / name).write_text("text")
        refuse(tmp_path / name, message)
    torch.save([1, 2], tmp_path / "list.pth")
    refuse(tmp_path / "list.pth", "no 'meta_archs' where")
    torch.save({"meta_archs": [1]}, tmp_path / "numbers.pth")
    refuse(tmp_path / "numbers.pth", "'meta_archs' is not a list of strings")
    torch.save({"meta_archs": official.STRINGS, "arch2infos": [1]}, tmp_path / "infos.pth")
    refuse(tmp_path / "infos.pth", "'arch2infos' is not a dict by index")
    torch.save({"meta_archs": official.STRINGS[:2], "arch2infos": {2: nb201_infos[2]}}, tmp_path / "short.pth")
    refuse(tmp_path / "short.pth", "architecture 2: 'meta_archs' has 2 architectures")
    folder = official.write_nats(tmp_path / "nats", {0: nats_infos[0]})
    official.write_pbz2(folder / "copy.pickle.pbz2", nats_infos[1])
    refuse(folder, "copy.pickle.pbz2: file name is not an architecture's index")
