"""The compiled kernels on their own, and their loader."""

import subprocess

import pytest
import torch
from torch.nn import functional as F

from harness.spaces import native
from harness.spaces.nb201 import kernels

# kernels ----------------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("compiled")
@pytest.mark.parametrize("shape", [(2, 1, 1, 3), (1, 2, 5, 4), (3, 7, 3, 16)])
def test_pooling_and_its_gradient(shape):
    x, other = torch.randn(2, *shape, dtype=torch.float64)
    image = x.permute(0, 3, 1, 2).clone().requires_grad_()
    wanted = F.avg_pool2d(image, 3, stride=1, padding=1, count_include_pad=False)
    assert torch.allclose(kernels.pool(x).permute(0, 3, 1, 2), wanted, rtol=1e-12)
    pooled, *through = torch.randn(4, *shape, dtype=torch.float64)
    total = other.clone()
    kernels.pool_backward(total, pooled, x.clamp_min(0), through)
    (slope,) = torch.autograd.grad(wanted, image, pooled.permute(0, 3, 1, 2))
    assert torch.allclose(total, other + slope.permute(0, 2, 3, 1) + sum(through) * (x > 0), rtol=1e-12)


@pytest.mark.usefixtures("compiled")
def test_bfloat16_rounds_to_nearest_even():
    x = torch.linspace(-3, 3, 4096).view(1, 1, 64, 64).contiguous()
    ones = kernels.pool(x.to(torch.bfloat16)[:, :, :1].contiguous())  # one pixel: pooling returns it
    assert torch.equal(ones, x.to(torch.bfloat16)[:, :, :1])
    pair = torch.stack([x[0, 0, 0], x[0, 0, 0].roll(1)]).view(1, 1, 2, 64).to(torch.bfloat16)
    mean = pair.float().mean(2, keepdim=True).expand(1, 1, 2, 64)
    assert torch.equal(kernels.pool(pair), mean.to(torch.bfloat16))


# the loader -------------------------------------------------------------------------------------------------


@pytest.fixture
def fresh():
    """Forget what was loaded, before and after."""
    kernels.library.cache_clear()
    yield
    kernels.library.cache_clear()


@pytest.mark.usefixtures("compiled", "fresh")
@pytest.mark.parametrize(("name", "value"), [("HARNESS_KERNELS", "0"), ("CXX", "no-such-compiler")])
def test_there_may_be_no_kernels(monkeypatch, tmp_path, name, value):
    monkeypatch.setenv("HARNESS_CACHE", str(tmp_path))
    monkeypatch.setenv(name, value)
    assert kernels.library() is None
    assert not kernels.usable(torch.zeros(1))


@pytest.mark.usefixtures("compiled")
def test_a_source_that_does_not_compile_is_said(monkeypatch, tmp_path):
    monkeypatch.setenv("HARNESS_CACHE", str(tmp_path / "cache"))
    source = tmp_path / "wrong.cpp"
    source.write_text("int size() { return length; }\n")
    with pytest.warns(UserWarning, match=r"wrong\.cpp: not compiled, searches are slower \(.*length"):
        assert native.load(source) is None
    monkeypatch.setenv("CXX", "false")
    with pytest.warns(UserWarning, match=r"not compiled.*exit status 1"):
        assert native.load(source) is None


@pytest.mark.usefixtures("compiled", "fresh")
def test_the_library_is_compiled_once(monkeypatch, tmp_path):
    monkeypatch.setenv("HARNESS_CACHE", str(tmp_path))
    assert kernels.library() is not None
    (built,) = tmp_path.iterdir()
    kernels.library.cache_clear()
    run, commands = subprocess.run, []
    monkeypatch.setattr(subprocess, "run", lambda command, **rest: (commands.append(command), run(command, **rest))[1])
    assert kernels.library() is not None
    assert [command[1:] for command in commands] == [["--version"]]
    assert list(tmp_path.iterdir()) == [built]


@pytest.mark.usefixtures("fresh")
def test_a_cache_that_cannot_be_written_means_no_kernels(monkeypatch, tmp_path):
    occupied = tmp_path / "file"
    occupied.write_text("")
    monkeypatch.setenv("HARNESS_CACHE", str(occupied))
    if native.compiler() is None:
        assert kernels.library() is None
        return
    with pytest.warns(UserWarning, match=r"kernels\.cpp: not compiled, searches are slower \(.*file"):
        assert kernels.library() is None
