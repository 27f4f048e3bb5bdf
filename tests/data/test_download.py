"""The downloader against a server on this machine that misbehaves in the ways servers do."""

import contextlib
import hashlib
import json
import re
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from pars.data import d4rl, download
from pars.data.cache import data_folder
from pars.data.download import fetch
from pars.errors import DataError, ResourceError
from tests.data.files import columns, write_hdf5

pytestmark = pytest.mark.usefixtures("own_folders")

Answer = Callable[["Handler", bytes, int], None]  # the handler, the file, which request this is


class Server(ThreadingHTTPServer):
    daemon_threads = True
    content: bytes
    answers: dict[str, Answer]
    ranges: list[str | None]

    def url(self, name: str) -> str:
        return f"http://127.0.0.1:{self.server_port}/{name}"


class Handler(BaseHTTPRequestHandler):
    server: Server

    def do_GET(self) -> None:
        self.server.ranges.append(self.headers["Range"])
        answer = self.server.answers.get(self.path[1:])
        if answer is None:
            self.send_error(404)
        else:
            answer(self, self.server.content, len(self.server.ranges))

    def log_message(self, *_: object) -> None:
        pass

    def start(self) -> int:
        return int(re.sub(r"\D", "", self.headers["Range"] or "0"))

    def head(self, status: int, length: int | None, **headers: str) -> None:
        self.send_response(status)
        if length is not None:
            self.send_header("Content-Length", str(length))
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()


def changed(content: bytes) -> bytes:
    """Another file of the same length."""
    return content[:-1] + bytes([content[-1] ^ 1])


def good(handler: Handler, content: bytes, _: int, etag: str = '"1"', stop: int | None = None) -> None:
    """The rest from where the client asks, up to `stop`."""
    begin = handler.start()
    if begin >= len(content):
        handler.send_error(416)
        return
    where = f"bytes {begin}-{len(content) - 1}/{len(content)}"
    handler.head(206 if begin else 200, len(content) - begin, ETag=etag, **({"Content_Range": where} if begin else {}))
    handler.wfile.write(content[begin:stop])


def in_pieces(handler: Handler, content: bytes, number: int) -> None:
    good(handler, content, number, stop=handler.start() + len(content) // 4 + 1)


def ignores_range(handler: Handler, content: bytes, number: int) -> None:
    handler.head(200, len(content))
    handler.wfile.write(content[: len(content) // 2 if number == 1 else None])


def error_page(handler: Handler, content: bytes, number: int) -> None:
    handler.head(200, None, Content_Type="text/html")
    handler.wfile.write(b"<html>moved</html>")


def page_in_disguise(handler: Handler, content: bytes, number: int) -> None:
    handler.head(200, 18, Content_Type="application/octet-stream")
    handler.wfile.write(b"<html>moved</html>")


def claims_less(handler: Handler, content: bytes, number: int) -> None:
    handler.head(200, len(content) // 2)
    handler.wfile.write(content)


def claims_more(handler: Handler, content: bytes, number: int) -> None:
    begin = handler.start()
    where = f"bytes {begin}-{len(content) + 99}/{len(content) + 100}"
    handler.head(206 if begin else 200, len(content) + 100 - begin, ETag='"1"', Content_Range=where)
    handler.wfile.write(content[begin:])


def says_no_length(handler: Handler, content: bytes, number: int) -> None:
    handler.head(200, None)
    handler.wfile.write(content[: len(content) // 2 if number == 1 else None])


def changes(handler: Handler, content: bytes, number: int) -> None:
    """Another file, of the same length, from the second request on."""
    content = content if number == 1 else changed(content)
    if number == 1 or handler.headers["If-Range"] == f'"{number}"':
        good(handler, content, number, etag=f'"{number}"', stop=None if number > 1 else len(content) // 2)
    else:
        handler.head(200, len(content), ETag=f'"{number}"')
        handler.wfile.write(content)


def changes_and_does_not_care(handler: Handler, content: bytes, number: int) -> None:
    """As `changes`, by a server that heeds Range but not If-Range."""
    good(handler, content, number, etag=f'"{min(number, 2)}"', stop=len(content) // 2 if number == 1 else None)


def busy_at_first(handler: Handler, content: bytes, number: int) -> None:
    handler.send_error(503) if number == 1 else good(handler, content, number)


def leads_to_a_file(handler: Handler, content: bytes, number: int) -> None:
    handler.head(302, 0, Location="file:///etc/passwd")


def leads_elsewhere(handler: Handler, content: bytes, number: int) -> None:
    handler.head(302, 0, Location="ftp://127.0.0.1/a.hdf5")


def leads_nowhere(handler: Handler, content: bytes, number: int) -> None:
    handler.head(302, 0, Location="http://[bad/")


def leads_in_a_circle(handler: Handler, content: bytes, number: int) -> None:
    handler.head(302, 0, Location=handler.path)


def announces_too_much(handler: Handler, content: bytes, number: int) -> None:
    handler.head(200, 10**18)
    handler.wfile.write(content)


def announces_nonsense(handler: Handler, content: bytes, number: int) -> None:
    handler.head(200, None, Content_Length="9" * 5000)
    handler.wfile.write(content)


def has_no_end(handler: Handler, content: bytes, number: int) -> None:
    handler.head(200, None)
    with contextlib.suppress(OSError):
        while True:
            handler.wfile.write(content)


def folds_its_tag(handler: Handler, content: bytes, number: int) -> None:
    """A header over two lines comes back with the request for the rest."""
    good(handler, content, number, etag='"1\r\n 2"', stop=len(content) // 2 if number == 1 else None)


def talks_of_something_else(handler: Handler, content: bytes, number: int) -> None:
    handler.wfile.write(b"220 ready\r\n")


ANSWERS: dict[str, Answer] = {
    name: value
    for name, value in dict(globals()).items()
    if callable(value) and getattr(value, "__annotations__", {}).get("handler") is Handler
}


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    monkeypatch.setattr(download, "PAUSE", 0.01)
    monkeypatch.setattr(download, "TIMEOUT", 5.0)
    monkeypatch.setattr(download, "CHUNK", 4096)
    monkeypatch.setattr(download, "MOST", 10**6)
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    with Server(("127.0.0.1", 0), Handler) as server:
        server.content = write_hdf5(tmp_path / "published.hdf5", columns(3000)).read_bytes()
        server.answers, server.ranges = ANSWERS, []
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield server
        server.shutdown()
        thread.join()


@pytest.fixture
def target(tmp_path: Path) -> Path:
    return tmp_path / "mine" / "a.hdf5"


def left(target: Path) -> list[str]:
    return sorted(path.name for path in target.parent.iterdir() if not path.name.endswith(".lock"))


def test_a_file_is_fetched_once_and_recorded(server, target):
    seen: list[tuple[int, int | None]] = []
    path = fetch([server.url("good")], target, progress=lambda done, total: seen.append((done, total)))
    assert path == target and path.read_bytes() == server.content and left(target) == ["a.hdf5", "a.hdf5.json"]
    assert seen[-1] == (len(server.content), len(server.content)) and len(seen) > 3
    record = json.loads((target.parent / "a.hdf5.json").read_text())
    assert record["sha256"] == hashlib.sha256(server.content).hexdigest()
    assert record["size"] == len(server.content) and record["source"] == server.url("good")
    fetch([server.url("good")], target)
    assert len(server.ranges) == 1


@pytest.mark.parametrize(
    ("name", "requests"),
    [
        ("in_pieces", 4),
        ("ignores_range", 2),
        ("busy_at_first", 2),
        ("changes", 2),
        ("folds_its_tag", 2),
        ("changes_and_does_not_care", 3),
    ],
)
def test_servers_that_break_off_or_change_are_asked_again(server, target, name, requests):
    fetch([server.url(name)], target)
    expected = changed(server.content) if name == "changes" else server.content
    assert target.read_bytes() == expected and left(target) == ["a.hdf5", "a.hdf5.json"]
    assert len(server.ranges) == requests


def test_going_on_asks_for_the_rest_only(server, target):
    fetch([server.url("in_pieces")], target)
    quarter = len(server.content) // 4 + 1
    assert server.ranges == [None, *(f"bytes={k * quarter}-" for k in (1, 2, 3))]


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("absent", "error 404"),
        ("error_page", "answers with a web page"),
        ("page_in_disguise", "a web page, most likely an error page"),
        ("claims_less", "the HDF5 file is truncated or damaged"),
        ("claims_more", "broke off after "),
        ("says_no_length", "the HDF5 file is truncated or damaged"),
        ("leads_to_a_file", "error 302"),
        ("leads_elsewhere", "leads to ftp://127.0.0.1/a.hdf5"),
        ("leads_nowhere", "answers with what cannot be read: Invalid IPv6 URL"),
        ("leads_in_a_circle", "error 302"),
        ("announces_too_much", "announces 1,000,000,000,000,000,000 bytes, and "),
        ("announces_nonsense", "answers with what cannot be read: "),
        ("has_no_end", "sends more than 1,000,000 bytes and has announced no end"),
        ("talks_of_something_else", "220 ready"),
    ],
)
def test_what_is_no_whole_file_is_refused_and_the_next_source_asked(server, target, name, reason):
    with pytest.raises(ResourceError) as error:
        fetch([server.url(name)], target)
    line = str(error.value)
    assert line.startswith(f"cannot download a.hdf5 ({server.url(name)}: ") and reason in line and "\n" not in line
    assert line.endswith(f"get the file elsewhere and put it at {target}")
    assert not target.exists()
    fetch([server.url(name), server.url("good")], target)
    assert target.read_bytes() == server.content


def test_no_server_at_all(server, target):
    server.server_close()
    with pytest.raises(ResourceError, match=r"Connection refused.*no such host"):
        fetch([server.url("good"), "http://nowhere.invalid/a"], target)


def test_interrupted_and_taken_up_again_at_the_same_source(server, target):
    def interrupt(done: int, total: int | None) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fetch([server.url("absent"), server.url("good")], target, progress=interrupt)
    assert left(target) == ["a.hdf5.part", "a.hdf5.part.json"]
    begun = target.with_name("a.hdf5.part").stat().st_size
    assert 0 < begun < len(server.content)
    fetch([server.url("absent"), server.url("good")], target)
    assert target.read_bytes() == server.content and server.ranges[2:] == [f"bytes={begun}-"]


@pytest.mark.parametrize("extra", [0, 10])
def test_a_part_that_is_whole_or_too_long(server, target, extra):
    target.parent.mkdir()
    target.with_name("a.hdf5.part").write_bytes(server.content + bytes(extra))
    origin = {"source": server.url("good"), "version": '"1"', "total": len(server.content)}
    target.with_name("a.hdf5.part.json").write_text(json.dumps(origin))
    fetch([server.url("good")], target)
    assert target.read_bytes() == server.content


def test_a_part_without_its_origin_is_not_trusted(server, target):
    target.parent.mkdir()
    target.with_name("a.hdf5.part").write_bytes(b"something else")
    fetch([server.url("good")], target)
    assert target.read_bytes() == server.content


def test_a_file_that_changed_since_first_sight_is_refused(server, target):
    fetch([server.url("good")], target)
    target.write_bytes(changed(server.content))
    with pytest.raises(DataError, match="is not what it was at first sight"):
        fetch([server.url("good")], target)
    target.unlink()
    server.content = changed(server.content)
    with pytest.raises(DataError, match="is not what it was at first sight"):  # nor does a new download pass
        fetch([server.url("good")], target)
    target.with_name("a.hdf5.json").write_text("[]")
    with pytest.raises(DataError, match=r"is no record of a\.hdf5"):
        fetch([server.url("good")], target)


def test_only_one_process_downloads(server, target):
    target.parent.mkdir()
    with (
        download._alone(target.with_name("a.hdf5.part")),
        pytest.raises(ResourceError, match="another process is downloading"),
    ):
        fetch([server.url("good")], target)


def test_a_full_disk(server, target, monkeypatch):
    def full(*_: object) -> int:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(download, "_copy", full)
    with pytest.raises(ResourceError, match="No space left on device; free some space"):
        fetch([server.url("good")], target)


def test_an_id_is_downloaded_into_our_folder(server, monkeypatch):
    monkeypatch.setenv("D4RL_DATASET_DIR", "")
    monkeypatch.setenv("HOME", "/nonexistent")
    file = d4rl.File("pen-cloned-v1.hdf5", (server.url("absent"), server.url("good")), None)
    monkeypatch.setitem(d4rl.D4RL, "pen-cloned-v1", file)
    with download.bar("pen-cloned-v1") as progress:
        path = d4rl.locate("pen-cloned-v1", download=True, progress=progress)
    assert path == data_folder() / "d4rl" / "pen-cloned-v1.hdf5" and path.read_bytes() == server.content
    assert d4rl.locate("pen-cloned-v1", download=False) == path and len(server.ranges) == 2
