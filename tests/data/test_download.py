from __future__ import annotations

import dataclasses
import hashlib
import threading
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from harness.data import sources
from harness.data.download import download
from harness.data.load import load_dataset
from harness.errors import HarnessError
from tests.data import layouts


class QuietHandler(SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture
def served(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A small official archive behind a local address that the source's facts point to."""
    folder = tmp_path / "served"
    archive = layouts.write_archive("cifar10", folder, scratch=tmp_path / "scratch")
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(QuietHandler, directory=str(folder)))
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    facts = dataclasses.replace(
        layouts.SMALL10.archive,
        url=f"http://127.0.0.1:{server.server_port}/{archive.name}",
        md5=hashlib.md5(archive.read_bytes()).hexdigest(),
    )
    monkeypatch.setitem(sources.CIFAR, "cifar10", dataclasses.replace(layouts.SMALL10, archive=facts))
    yield archive
    server.shutdown()
    server.server_close()


def test_a_download_is_checked_placed_and_found(served: Path, tmp_path: Path) -> None:
    path = download("cifar10", tmp_path / "root")
    assert path == tmp_path / "root" / "cifar10" / served.name
    assert path.read_bytes() == served.read_bytes()
    assert len(load_dataset("cifar10", tmp_path / "root").train) == 25


def test_a_good_copy_is_kept(served: Path, tmp_path: Path) -> None:
    path = download("cifar10", tmp_path / "root")
    served.unlink()
    assert download("cifar10", tmp_path / "root") == path


def test_a_wrong_checksum_leaves_nothing(served: Path, tmp_path: Path) -> None:
    served.write_bytes(served.read_bytes() + b"x")
    with pytest.raises(HarnessError, match=r"download of http://127\.0\.0\.1.* failed: ") as caught:
        download("cifar10", tmp_path / "root")
    assert "\n" not in str(caught.value)
    assert [path for path in (tmp_path / "root").rglob("*") if path.is_file()] == []


def test_a_failed_transfer_is_named(served: Path, tmp_path: Path) -> None:
    served.unlink()
    with pytest.raises(HarnessError, match=r"download of .* failed: 404"):
        download("cifar10", tmp_path / "root")


def test_only_official_archives_can_be_downloaded(tmp_path: Path) -> None:
    with pytest.raises(HarnessError, match="no download for dataset 'cifar11'; did you mean 'cifar10'"):
        download("cifar11", tmp_path)
    with pytest.raises(HarnessError, match="no download for dataset 'digits'"):
        download("digits", tmp_path)


def test_reading_never_downloads(served: Path, tmp_path: Path) -> None:
    with pytest.raises(sources.DataMissing):
        load_dataset("cifar10", tmp_path / "empty")
    assert not (tmp_path / "empty").exists()
