"""Triton's kernels: on a CPU by its interpreter, in a process of its own; compiled for a device without having one."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from harness.spaces.nb201.triton_cell import WARPS, Shape

CHECKS = Path(__file__).with_name("triton_checks.py")
ROOT = CHECKS.parents[3]
COUNTED = {"eps": "fp32", "n": "i32"}
SINGLE = ("matrix", "moments", "stats", "sums", "slopes")
pytest.importorskip("triton")


@pytest.mark.timeout(600)
@pytest.mark.long
def test_the_cell_is_the_plain_one_under_the_interpreter():
    environment = os.environ | {"TRITON_INTERPRET": "1", "PYTHONPATH": str(ROOT)}
    environment.pop("HARNESS_TRITON", None)
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", str(CHECKS)]
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("kind", ["fp32", "bf16"])
@pytest.mark.parametrize("name", ["measure", "mix", "reduce", "spread", "gather"])
def test_kernels_compile_for_a_device(name, kind):
    from triton.backends.compiler import GPUTarget
    from triton.compiler import ASTSource
    from triton.compiler import compile as compiled

    from harness.spaces.nb201 import triton_kernels

    kernel, constants = getattr(triton_kernels, name), Shape((0, 1, 2, 3, 4), torch.Size((64, 32, 32, 16))).constants
    chosen = constants | {"S": 0, "T": 3}
    signature = {a: "*fp32" if a in SINGLE else COUNTED.get(a, f"*{kind}") for a in kernel.arg_names}
    signature |= {a: "constexpr" for a in kernel.arg_names if a in chosen}
    source = ASTSource(kernel, signature, {a: chosen[a] for a in kernel.arg_names if a in chosen})
    assert compiled(source, target=GPUTarget("cuda", 90, 32), options={"num_warps": WARPS}).asm["ptx"]
