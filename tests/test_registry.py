import hashlib
import io
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pooch
import pytest

from socialpref import DataError, InputError
from socialpref.surveys import read_opinionqa, registry
from socialpref.surveys.registry import DATA_SETS, DataSet, cached, get, is_complete, where

FILES = {
    "counts.json": bytes(range(256)) * 400,  # 102,400 bytes: several chunks
    "labels.csv": b"key,label\n1,yes\n2,no\n",
}
BIG = len(FILES["counts.json"])


@dataclass
class Site:
    """What a server on loopback holds, how it misbehaves and what it was asked."""

    files: dict[str, bytes]
    cut_after: int | None = None
    stall_after: int | None = None
    knows_range: bool = True
    asked: list[tuple[str, str | None]] = field(default_factory=list)
    sent: list[int] = field(default_factory=list)
    closing: threading.Event = field(default_factory=threading.Event)
    address: str = ""


class Handler(BaseHTTPRequestHandler):
    site: Site

    def do_GET(self) -> None:
        site, name, asked = self.site, self.path.rpartition("/")[2], self.headers["Range"]
        site.asked.append((name, asked))
        body = site.files.get(name)
        if body is None:
            self.send_error(404)
            return
        start = 0
        if asked is not None and site.knows_range:
            start = int(asked.removeprefix("bytes=").removesuffix("-"))
            if start >= len(body):
                self.send_error(416)
                return
        self.send_response(206 if start else 200)
        self.send_header("Content-Length", str(len(body) - start))
        self.end_headers()
        most = min(n for n in (site.cut_after, site.stall_after, len(body)) if n is not None)
        self.wfile.write(body[start:][:most])
        site.sent.append(len(body[start:][:most]))
        if site.stall_after is not None:
            site.closing.wait()

    def log_message(self, *_: object) -> None:
        pass


Serve = Callable[..., Site]


@pytest.fixture
def serve(monkeypatch: pytest.MonkeyPatch) -> Iterator[Serve]:
    """Serve files from loopback, and make that the address of every data set."""
    running: list[tuple[ThreadingHTTPServer, threading.Thread, Site]] = []

    def start(files: dict[str, bytes], **behaviour: int | bool) -> Site:
        site = Site(files, **behaviour)  # type: ignore[arg-type]
        handler = type("SiteHandler", (Handler,), {"site": site})
        server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        running.append((server, thread, site))
        site.address = f"http://127.0.0.1:{server.server_port}/files"
        monkeypatch.setenv("SOCIALPREF_DATA_ADDRESS", site.address)
        return site

    monkeypatch.setenv("no_proxy", "127.0.0.1")
    yield start
    for server, thread, site in running:
        site.closing.set()
        server.shutdown()
        thread.join()
        server.server_close()


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Make a small data set known, with an empty cache; return the folder it will be in."""
    listing = tmp_path / "registry.txt"
    listing.write_text("".join(f"{name} sha256:{_sum(FILES[name])}\n" for name in FILES))
    little = DataSet("little", "A little one", "Nobody.", "http://127.0.0.1:1/", listing)
    monkeypatch.setitem(DATA_SETS, "little", little)
    monkeypatch.setenv("SOCIALPREF_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv("SOCIALPREF_DATA_ADDRESS", raising=False)
    return tmp_path / "cache" / "little"


def _sum(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def _kept(folder: Path) -> dict[str, bytes]:
    return {file.name: file.read_bytes() for file in folder.iterdir()}


def _failure(name: str = "little") -> str:
    """Return the message of the error that fetching ends in: one line."""
    with pytest.raises(DataError) as caught:
        get(name, progress=False)
    message = str(caught.value)
    assert "\n" not in message
    return message


def test_get_fetches_every_file_once(
    serve: Serve,
    folder: Path,
    capfd: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(pooch.get_logger().handlers[0], "stream", sys.stderr)
    site = serve(FILES)
    assert not is_complete("little")
    assert get("little") == where("little") == cached("little") == folder
    assert _kept(folder) == FILES
    assert is_complete("little")
    assert site.asked == [("counts.json", None), ("labels.csv", None)]

    assert get("little") == folder
    assert len(site.asked) == 2
    assert capfd.readouterr() == ("", "")  # no bars where there is no terminal


def test_a_complete_cache_needs_no_network(
    serve: Serve, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    serve(FILES)
    get("little")
    monkeypatch.setattr(registry, "urlopen", lambda *_, **__: pytest.fail("asked the network"))
    assert get("little") == folder


@pytest.mark.parametrize("damage", [None, b"not the file"])
def test_only_what_is_missing_or_wrong_is_fetched(
    serve: Serve, folder: Path, damage: bytes | None
) -> None:
    site = serve(FILES)
    get("little")
    (folder / "labels.csv").unlink()
    if damage is not None:
        (folder / "labels.csv").write_bytes(damage)
    assert not is_complete("little")
    get("little")
    assert _kept(folder) == FILES
    assert site.asked[2:] == [("labels.csv", None)]


def test_a_cut_connection_is_continued(serve: Serve, folder: Path) -> None:
    site = serve(FILES, cut_after=40_000)
    message = _failure()
    for part in ("counts.json: ", f"{site.address}/counts.json", "cut after 40000 of 102400 bytes"):
        assert part in message
    assert message.endswith("run the same again to continue")
    assert _kept(folder) == {"counts.json.part": FILES["counts.json"][:40_000]}
    assert not is_complete("little")

    _failure()  # cut once more
    assert _kept(folder) == {"counts.json.part": FILES["counts.json"][:80_000]}

    site.cut_after = None
    get("little")
    assert _kept(folder) == FILES
    assert [asked for name, asked in site.asked if name == "counts.json"] == [
        None,
        "bytes=40000-",
        "bytes=80000-",
    ]
    assert site.sent == [40_000, 40_000, BIG - 80_000, len(FILES["labels.csv"])]


def test_finished_files_are_kept_when_a_later_one_fails(serve: Serve, folder: Path) -> None:
    site = serve({"counts.json": FILES["counts.json"]})
    assert "labels.csv" in _failure()
    assert _kept(folder) == {"counts.json": FILES["counts.json"]}
    site.files = FILES
    get("little")
    assert [name for name, _ in site.asked] == ["counts.json", "labels.csv", "labels.csv"]


def test_a_server_without_ranges_sends_the_whole_again(serve: Serve, folder: Path) -> None:
    site = serve(FILES, cut_after=40_000, knows_range=False)
    _failure()
    site.cut_after = None
    get("little")
    assert _kept(folder) == FILES
    assert site.asked[1] == ("counts.json", "bytes=40000-")
    assert site.sent[:2] == [40_000, BIG]


@pytest.mark.parametrize("extra", [b"", b"too much"])
def test_a_part_with_nothing_left_to_ask_for_starts_again(
    serve: Serve, folder: Path, extra: bytes
) -> None:
    site = serve(FILES)
    folder.mkdir(parents=True)
    (folder / "counts.json.part").write_bytes(FILES["counts.json"] + extra)
    get("little")
    assert _kept(folder) == FILES
    assert [asked for _, asked in site.asked] == [f"bytes={BIG + len(extra)}-", None, None]


def test_a_stalled_connection_is_a_cut_one(
    serve: Serve, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    site = serve(FILES, stall_after=40_000)
    with monkeypatch.context() as patch:
        patch.setattr(registry, "TIMEOUT", 3.0)
        message = _failure()
    assert f"{site.address}/counts.json was cut (timed out); run the same again" in message
    part = _kept(folder)["counts.json.part"]
    assert 0 < len(part) <= 40_000
    site.stall_after = None
    get("little")
    assert _kept(folder) == FILES
    assert site.asked[1] == ("counts.json", f"bytes={len(part)}-")


@pytest.mark.skipif(sys.platform == "win32", reason="there is no such signal on Windows")
def test_an_interrupt_leaves_only_the_part(serve: Serve, folder: Path) -> None:
    site = serve(FILES, stall_after=40_000)
    code = (
        "from pathlib import Path; from socialpref.surveys import registry;"
        f"data = registry.DataSet('little', '', '', '', Path({str(folder.parents[1])!r}, "
        "'registry.txt')); registry.DATA_SETS['little'] = data;"
        "print('go', flush=True); registry.get('little')"
    )
    running = subprocess.Popen(
        [sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    )
    part = folder / "counts.json.part"
    while not (part.exists() and part.stat().st_size):
        assert running.poll() is None
        time.sleep(0.01)
    running.send_signal(signal.SIGINT)
    running.communicate()
    assert running.returncode != 0
    assert list(_kept(folder)) == ["counts.json.part"]
    site.stall_after = None
    get("little")
    assert _kept(folder) == FILES


def test_a_wrong_checksum_is_refused_and_nothing_is_kept(serve: Serve, folder: Path) -> None:
    wrong = b"an error page, say"
    site = serve(FILES | {"counts.json": wrong})
    message = _failure()
    expected, found = _sum(FILES["counts.json"]), _sum(wrong)
    assert message.startswith(f"counts.json from {site.address}/counts.json: ")
    assert f"must be {expected}; it is {found}." in message
    assert _kept(folder) == {}
    assert not is_complete("little")


def test_a_part_of_something_else_is_refused_then_fetched_anew(serve: Serve, folder: Path) -> None:
    site = serve(FILES)
    folder.mkdir(parents=True)
    (folder / "counts.json.part").write_bytes(b"x" * 1000)
    assert "SHA-256" in _failure()
    assert _kept(folder) == {}
    get("little")
    assert _kept(folder) == FILES
    assert site.asked[:2] == [("counts.json", "bytes=1000-"), ("counts.json", None)]


def test_a_missing_file_is_named(serve: Serve, folder: Path) -> None:
    site = serve({})
    assert _failure() == f"counts.json: {site.address}/counts.json answered 404 Not Found"
    assert _kept(folder) == {}


def test_no_network(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    monkeypatch.setenv("SOCIALPREF_DATA_ADDRESS", f"http://127.0.0.1:{port}/")
    message = _failure()
    assert message.startswith(f"counts.json: cannot reach http://127.0.0.1:{port}/counts.json (")
    assert _kept(folder) == {}


def test_an_unknown_host(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object, **__: object) -> None:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", fail)
    monkeypatch.setenv("no_proxy", "*")
    monkeypatch.setenv("SOCIALPREF_DATA_ADDRESS", "http://nowhere.invalid")
    assert _failure() == (
        "counts.json: cannot reach http://nowhere.invalid/counts.json (Name or service not known)"
    )


@pytest.mark.parametrize("address", ["not an address", "gopher://127.0.0.1/", "http://[::1/"])
def test_an_address_that_is_none(monkeypatch: pytest.MonkeyPatch, address: str) -> None:
    monkeypatch.setenv("SOCIALPREF_DATA_ADDRESS", address)
    assert f"counts.json: cannot reach {address}" in _failure()


def test_an_address_may_be_a_folder(
    tmp_path: Path, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    copy = tmp_path / "copy"
    copy.mkdir()
    monkeypatch.setenv("SOCIALPREF_DATA_ADDRESS", copy.as_uri())
    assert "counts.json: cannot reach file:" in _failure()
    for name, data in FILES.items():
        (copy / name).write_bytes(data)
    get("little")
    assert _kept(folder) == FILES


def test_a_cache_that_cannot_be_made(
    tmp_path: Path, serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    site = serve(FILES)
    (tmp_path / "file").write_text("in the way")
    monkeypatch.setenv("SOCIALPREF_CACHE", str(tmp_path / "file"))
    message = _failure()
    for part in (f"counts.json from {site.address}", str(tmp_path / "file"), "SOCIALPREF_CACHE"):
        assert part in message
    assert not is_complete("little")
    assert site.asked == []


def test_a_cache_that_cannot_be_written(
    serve: Serve, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise PermissionError(13, "Permission denied", "a file")

    serve(FILES)
    folder.mkdir(parents=True)
    monkeypatch.setattr(pooch.utils.tempfile, "NamedTemporaryFile", refuse)
    assert f"cannot keep it in {folder} (Permission denied); SOCIALPREF_CACHE" in _failure()


def test_names_and_places(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for ask in (where, is_complete, cached, get):
        with pytest.raises(InputError, match="'name' must be one of 'little', 'opinionqa'; got"):
            ask("opinions")
    with pytest.raises(InputError) as caught:
        cached("little")
    assert str(caught.value) == (
        f"the data set little is not in {folder}; "
        "this command fetches it: socialpref data get little"
    )
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SOCIALPREF_CACHE", "here")
    assert where("little") == tmp_path / "here" / "little"
    monkeypatch.delenv("SOCIALPREF_CACHE")
    assert where("little") == pooch.os_cache("socialpref") / "little"


def test_progress_is_shown_on_a_terminal(serve: Serve, monkeypatch: pytest.MonkeyPatch) -> None:
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    site = serve(FILES, cut_after=40_000)
    monkeypatch.setattr(sys, "stderr", terminal := Terminal())
    _failure()  # without progress
    assert terminal.getvalue() == ""
    site.cut_after = None
    get("little")
    assert "counts.json:  39%" in terminal.getvalue()  # it goes on where it stopped
    assert "labels.csv: 100%" in terminal.getvalue()


def test_importing_the_surveys_does_not_import_what_only_downloads_need() -> None:
    code = (
        "import sys, socialpref, socialpref.surveys.registry;"
        "print(sorted({'pooch', 'requests', 'tqdm', 'certifi'} & set(sys.modules)))"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout == "[]\n"


def test_opinionqa_is_pinned_to_a_commit() -> None:
    data = DATA_SETS["opinionqa"]
    assert "36869b56b214b5ddce13dc234d62b4cbce3706cd" in data.address.split("/")
    lines = data.registry.read_text(encoding="utf-8").splitlines()
    assert len(lines) == 5
    assert all(len(line.split(" sha256:")[1]) == 64 for line in lines)


@pytest.fixture
def opinionqa() -> dict[str, bytes]:
    """Return OpinionQA's real files; skip where they are not."""
    data = os.environ.get("SOCIALPREF_DATA")
    if not data or not (source := Path(data) / "opinionqa").is_dir():
        pytest.skip("SOCIALPREF_DATA does not name a folder that holds opinionqa/")
    return {file.name: file.read_bytes() for file in source.iterdir()}


def test_the_registry_describes_the_real_files(opinionqa: dict[str, bytes]) -> None:
    lines = DATA_SETS["opinionqa"].registry.read_text(encoding="utf-8").splitlines()
    assert set(lines) == {f"{name} sha256:{_sum(data)}" for name, data in opinionqa.items()}


def test_the_real_files_are_fetched_and_read(serve: Serve, opinionqa: dict[str, bytes]) -> None:
    site = serve(opinionqa, cut_after=300_000)
    assert "run the same again to continue" in _failure("opinionqa")
    site.cut_after = None
    get("opinionqa", progress=False)
    assert is_complete("opinionqa")
    assert site.asked[1] == ("POLPARTY_data.json", "bytes=300000-")
    survey = read_opinionqa(cached("opinionqa"), "race")
    assert len(survey.questions) == 494
