"""Devices, threads and what provenance says."""

import ctypes
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

import harness
from harness.errors import HarnessError
from harness.runner import environment


def test_a_device_that_is_absent_is_an_error(monkeypatch):
    import torch

    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert environment.resolve_device("auto") == environment.resolve_device("cpu") == "cpu"
    with pytest.raises(HarnessError, match="--device cuda"):
        environment.resolve_device("cuda")
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    assert environment.resolve_device("auto") == environment.resolve_device("cuda") == "cuda"


@pytest.mark.parametrize(("cores", "jobs", "threads"), [(2, 2, 1), (2, 1, 2), (8, 3, 2), (2, 5, 1)])
def test_workers_share_the_cores(monkeypatch, cores, jobs, threads):
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    monkeypatch.setattr(environment, "cores", lambda: cores)
    assert environment.threads_per_worker(jobs) == threads
    assert environment.default_jobs("cpu") == cores
    assert environment.default_jobs("cuda") == 1


@pytest.mark.parametrize(("said", "threads"), [("3", 3), ("5,2", 5), (" 1 ", 1), ("0", 4), ("many", 4), ("", 4)])
def test_omp_num_threads_is_obeyed_where_it_says_something(monkeypatch, said, threads):
    monkeypatch.setattr(environment, "cores", lambda: 8)
    monkeypatch.setenv("OMP_NUM_THREADS", said)
    assert environment.threads_per_worker(2) == threads


def test_this_process_alone_has_all_cores(monkeypatch):
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    assert environment.threads_per_worker(0) == environment.cores()


def test_cores_are_those_that_this_process_may_use():
    assert 1 <= environment.cores() <= (os.cpu_count() or 1)


def test_glibc_is_told_both_thresholds(monkeypatch):
    told = []

    class Libc:
        def mallopt(self, parameter, value):
            told.append((parameter, value))

    monkeypatch.setattr(ctypes, "CDLL", lambda name: Libc())
    monkeypatch.setattr(environment.platform, "system", lambda: "Linux")
    monkeypatch.setattr(environment.platform, "libc_ver", lambda: ("glibc", "2.36"))
    environment.keep_memory_mapped()
    assert told == [(-3, 2**30), (-1, 2**31 - 1)]
    monkeypatch.setattr(environment.platform, "libc_ver", lambda: ("", ""))
    environment.keep_memory_mapped()
    assert len(told) == 2


def test_the_revision_names_the_harness_own_source_and_its_changes(tmp_path, monkeypatch):
    def git(*words):
        subprocess.run(["git", "-C", str(tmp_path), *words], check=True, capture_output=True)

    source = tmp_path / "harness" / "__init__.py"
    source.parent.mkdir()
    source.write_text("")
    monkeypatch.setattr(harness, "__file__", str(source))
    git("init")
    assert environment.revision() is None  # a repository that does not hold the source
    git("add", ".")
    git("-c", "user.name=n", "-c", "user.email=e", "commit", "-m", "m")
    clean = environment.revision()
    assert clean is not None and re.fullmatch("[0-9a-f]{12}", clean)
    source.write_text("changed")
    assert environment.revision() == f"{clean}-dirty"
    monkeypatch.setenv("HARNESS_REVISION", "told")
    assert environment.revision() == f"{clean}-dirty"  # what can be seen counts


def test_provenance_has_no_unknown(monkeypatch):
    assert environment.version()
    assert environment.machine("cpu").strip(", ")
    assert environment.peak_memory_mb("cpu") > 1
    assert environment.now().endswith("+00:00")


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere the system's count is inherited")
def test_peak_memory_is_the_process_s_own():
    ballast = bytearray(os.urandom(1)) * (300 << 20)
    command = "from harness.runner.environment import peak_memory_mb; print(peak_memory_mb('cpu'))"
    child = subprocess.run([sys.executable, "-c", command], check=True, capture_output=True, text=True)
    assert len(ballast) / 2**20 < environment.peak_memory_mb("cpu")
    assert float(child.stdout) < 200


@pytest.mark.parametrize("text", [None, "Name:\tpython\n"])
def test_where_the_system_does_not_say_it_the_process_s_count_is_taken(text, tmp_path, monkeypatch):
    status = tmp_path / "status"
    if text is not None:
        status.write_text(text)
    monkeypatch.setattr(environment, "_STATUS", status)
    assert environment.peak_memory_mb("cpu") > 1


def test_without_git_there_is_no_revision(monkeypatch):
    monkeypatch.setenv("PATH", str(Path("/nowhere")))
    assert environment.revision() is None
    monkeypatch.setenv("HARNESS_REVISION", "told")
    assert environment.revision() == "told"
