"""Remote input files: what a listing says of content, on a real server for https."""

import http.server
import threading
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import fsspec
import pytest

from magical.errors import InputError
from magical.input_files.remote_files import RemoteFile, find_missing_package, list_remote_files
from magical.library import ingest
from magical.settings import InputPath
from magical.system.file_digests import FileDigests
from projects import is_well_worded


class _Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture
def server(tmp_path: Path) -> Iterator[str]:
    """Serve a folder by HTTP; its address."""
    (tmp_path / "web").mkdir()
    handler = partial(_Quiet, directory=str(tmp_path / "web"))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as httpd:
        threading.Thread(target=httpd.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{httpd.server_address[1]}"
        httpd.shutdown()


def test_a_web_address_is_read_and_known_by_its_content(server: str, tmp_path: Path) -> None:
    (tmp_path / "web" / "x.csv").write_text("id,x\n1,2\n")
    digests, url = FileDigests(tmp_path / "digests.json"), InputPath(f"{server}/x.csv?year=2024")
    assert ingest(url).rows() == [("1", "2")]
    first = digests.digest(url)
    (tmp_path / "web" / "x.csv").touch()
    assert digests.digest(url) == first
    (tmp_path / "web" / "x.csv").write_text("id,x\n1,3\n")
    assert digests.digest(url) != first


@pytest.mark.parametrize("name", ["other.csv", "x-*.csv"])
def test_a_missing_address_is_said_in_a_line(server: str, tmp_path: Path, name: str) -> None:
    for reading in (lambda u: list_remote_files(str(u)), lambda u: FileDigests(tmp_path / "d").digest(u)):
        with pytest.raises(InputError, match=r"There is no file http://127\.0\.0\.1") as error:
            reading(InputPath(f"{server}/{name}"))
        assert is_well_worded(str(error.value))


def test_a_server_that_is_down_is_said(server: str) -> None:
    with pytest.raises(InputError, match="cannot be read") as error:
        list_remote_files("http://127.0.0.1:9/x.csv")
    assert is_well_worded(str(error.value))
    assert "network" in str(error.value)


def test_a_checksum_of_a_store_is_the_content_and_a_stamp_is_not() -> None:
    info = {"ETag": '"abc"', "size": 3}
    s3, web = (RemoteFile(f"{p}://b/x", None, "b/x", info) for p in ("s3", "https"))
    assert s3.checksum != ""
    assert (web.checksum, web.version) == ("", '"abc" 3')
    assert RemoteFile("memory://x", None, "x", {"size": 3}).version == ""


def test_folders_and_patterns_leave_out_what_is_hidden() -> None:
    memory = fsspec.filesystem("memory")
    for name in ("a.csv", "sub/b.csv", ".c.csv"):
        memory.pipe_file(f"/listed/{name}", b"id,x\n1,2\n")
    assert list(list_remote_files("memory://listed")) == ["a.csv", "sub/b.csv"]
    assert list(list_remote_files("memory://listed/*.csv")) == ["a.csv"]
    assert [f.url for f in list_remote_files("memory://listed/a.csv").values()] == ["memory://listed/a.csv"]
    with pytest.raises(InputError, match=r"No file is at memory://listed/x\*"):
        list_remote_files("memory://listed/x*")


def test_an_unknown_protocol_is_said() -> None:
    with pytest.raises(InputError, match="cannot be read"):
        list_remote_files("nothing://x/y.csv")
    assert find_missing_package("abfs://x/y.csv") == "pip install adlfs"


@pytest.mark.parametrize(("tag", "is_kept"), [('"7"', True), ('W/"7"', False)])
def test_a_weak_tag_is_no_version_of_the_content(tag: str, is_kept: bool) -> None:
    file = RemoteFile("https://h/x.csv", None, "x.csv", {"ETag": tag, "size": 3})
    assert bool(file.version) == is_kept
