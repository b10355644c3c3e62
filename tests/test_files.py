"""Files: whole under their names or not there at all, in a folder as in an object store."""

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from core.arena.files import Files, _Remote
from core.errors import FileMissing, StoreError

ROOT = Path(__file__).parents[1]


@pytest.fixture(params=["folder", "s3"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Where files may lie, once of each kind."""
    if request.param == "folder":
        return str(tmp_path / "files")
    return f"{request.getfixturevalue('bucket')}/some/prefix"


@pytest.fixture
def files(place: str) -> Files:
    return Files(place)


@pytest.fixture
def silent() -> Iterator[str]:
    """The address of a server that takes calls and never answers."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield f"http://127.0.0.1:{server.getsockname()[1]}"


def everything(files: Files) -> list[str]:
    """All there is, asides among it."""
    return sorted(files._place.below(""))


def remote(files: Files) -> Any:
    """The library's view of a remote place."""
    assert isinstance(files._place, _Remote)
    return files._place._fs


def test_what_was_put_is_given_back_also_to_others(files: Files, place: str) -> None:
    for content in (b"", b"\0\xff" * 1_000, b"x" * 3_000_000):
        files.put("models/one.bin", content)
        assert files.get("models/one.bin") == Files(place).get("models/one.bin") == content
    assert everything(files) == ["models/one.bin"]


def test_what_is_seen_is_what_another_put_a_moment_ago(files: Files, place: str) -> None:
    assert (files.exists("a/one"), files.names("a")) == (False, [])
    Files(place).put("a/one", b"1")
    assert (files.exists("a/one"), files.names("a")) == (True, ["a/one"])
    Files(place).put("a/one", b"2")
    assert files.get("a/one") == b"2"
    Files(place).remove("a/one")
    assert (files.exists("a/one"), files.names("a")) == (False, [])


def test_names_are_all_below_a_folder_and_nothing_beside_it(files: Files) -> None:
    for name in ("saves/b/2", "saves/b/1", "saves/a", "saves2/x", "other"):
        files.put(name, b"x")
    assert files.names("saves") == ["saves/a", "saves/b/1", "saves/b/2"]
    assert files.names("saves/b") == ["saves/b/1", "saves/b/2"]
    assert files.names("nothing") == []
    assert not files.exists("saves")


def test_what_is_removed_is_gone_and_may_have_been_before(files: Files) -> None:
    for name in ("saves/b/2", "saves/b/1", "saves/a", "saves2/x"):
        files.put(name, b"x")
    for _ in range(2):
        files.remove("saves/a")
        assert files.names("saves") == ["saves/b/1", "saves/b/2"]
    for _ in range(2):
        files.remove_folder("saves")
        assert everything(files) == ["saves2/x"]


def test_what_is_missing_is_named(files: Files) -> None:
    files.put("models/one", b"x")
    for name in ("models/two", "nothing/at/all"):
        with pytest.raises(FileMissing, match=name):
            files.get(name)


def test_the_same_again_is_not_written_and_what_is_damaged_is_mended(
    files: Files, monkeypatch: pytest.MonkeyPatch
) -> None:
    files.put("one", b"whole")
    files._place.write("one", b"whale")
    files.put("one", b"whole")
    assert files.get("one") == b"whole"

    def write(name: str, content: bytes) -> None:
        raise AssertionError("written again")

    monkeypatch.setattr(files._place, "write", write)
    files.put("one", b"whole")


def test_a_check_leaves_nothing(files: Files) -> None:
    files.put("one", b"x")
    files.check()
    assert everything(files) == ["one"]


def test_a_check_tells_a_place_that_gives_back_other_than_was_put(
    files: Files, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(files, "get", lambda name: b"other")
    with pytest.raises(StoreError, match="LYRICBOT_CHECKPOINTS"):
        files.check()


def test_several_threads_may_put_and_get_at_once(files: Files) -> None:
    def work(number: int) -> bytes:
        name = f"models/{number % 4}"  # several write the same one
        files.put(name, f"{number % 4}".encode() * 1_000)
        return files.get(name)

    with ThreadPoolExecutor(8) as threads:
        had = [*threads.map(work, range(24))]
    assert had == [f"{number % 4}".encode() * 1_000 for number in range(24)]
    assert everything(files) == [f"models/{number}" for number in range(4)]


# Where it fails


CRASH = """
import os, sys
from core.arena.files import Files
files = Files(sys.argv[1])
if files.local:
    os.replace = lambda *_: os._exit(9)
    from pathlib import Path
    Path.replace = lambda *_: os._exit(9)
else:
    files._place._fs.cp_file = lambda *_: os._exit(9)
files.put("models/one", b"new")
"""


def test_a_crash_before_the_name_leaves_what_was_under_it(files: Files, place: str) -> None:
    def crash() -> None:
        done = subprocess.run([sys.executable, "-c", CRASH, place], cwd=ROOT, check=False)
        assert done.returncode == 9

    crash()
    assert not files.exists("models/one")
    assert files.names("models") == []
    assert len(everything(files)) == 1  # what was written aside
    files.put("models/one", b"old")
    crash()
    assert files.get("models/one") == b"old"
    assert files.names("models") == ["models/one"]
    files.remove_folder("models")
    assert everything(files) == []


FULL = """
import resource, sys
from core.arena.files import Files
files = Files(sys.argv[1])
resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000))
files.put("models/one", b"x" * 30_000)
"""


def test_a_full_disk_is_told_in_one_line_and_leaves_what_was_there(tmp_path: Path) -> None:
    pytest.importorskip("resource")
    files = Files(tmp_path / "files")
    files.put("models/one", b"old")
    done = subprocess.run(
        [sys.executable, "-c", FULL, str(files.local)],
        cwd=ROOT,
        check=False,
        capture_output=True,
        text=True,
    )
    said = done.stderr.splitlines()[-1]
    assert "StoreError" in said
    assert "File too large" in said
    assert "LYRICBOT_CHECKPOINTS" in said
    assert everything(files) == ["models/one"]
    assert files.get("models/one") == b"old"


def test_what_comes_back_changed_gets_no_name(
    bucket: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    files = Files(bucket)
    files.put("one", b"old")
    put = remote(files).pipe_file
    monkeypatch.setattr(remote(files), "pipe_file", lambda key, content: put(key, content[:-1]))
    with pytest.raises(StoreError, match=r"came back changed.*LYRICBOT_CHECKPOINTS"):
        files.put("one", b"new")
    assert files.get("one") == b"old"
    assert everything(files) == ["one"]


def test_a_file_where_a_folder_should_be_is_told(tmp_path: Path) -> None:
    (tmp_path / "files").write_text("a file")
    files = Files(tmp_path / "files")
    for ask in (lambda: files.put("a/one", b"x"), lambda: files.get("a/one"), files.check):
        with pytest.raises(StoreError, match=r"files/.*LYRICBOT_CHECKPOINTS"):
            ask()


def test_a_bucket_that_is_not_there_is_told_and_is_no_missing_file(bucket: str) -> None:
    files = Files(f"{bucket}-other/prefix")
    for ask in (lambda: files.put("one", b"x"), lambda: files.get("one"), files.check):
        with pytest.raises(StoreError, match=r"bucket does not exist.*LYRICBOT_CHECKPOINTS") as e:
            ask()
        assert not isinstance(e.value, FileMissing)


def test_a_store_that_nobody_answers_for_is_told_soon(
    bucket: str, silent: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for endpoint in ("http://127.0.0.1:9", "nonsense", silent):
        monkeypatch.setenv("AWS_ENDPOINT_URL", endpoint)
        begun = time.monotonic()
        with pytest.raises(StoreError, match=r"LYRICBOT_CHECKPOINTS and AWS_ENDPOINT_URL") as e:
            Files(bucket).put("one", b"x")
        assert time.monotonic() - begun < 15
        assert "hush" not in str(e.value)
        assert "\n" not in str(e.value)


def test_without_credentials_it_says_so(bucket: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("HOME", "/nonexistent")
    with pytest.raises(StoreError, match=r"credentials.*AWS_ACCESS_KEY_ID"):
        Files(bucket).get("one")


def test_without_s3fs_it_says_what_to_install() -> None:
    program = (
        "import sys; sys.modules['s3fs'] = None\n"
        "from core.arena.files import Files; Files('s3://bucket').check()"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, check=False, capture_output=True, text=True
    )
    assert "StoreError" in done.stderr
    assert "pip install 'lyricbot[s3]'" in done.stderr.splitlines()[-1]


def test_a_scheme_that_nobody_knows_is_told() -> None:
    with pytest.raises(StoreError, match=r"nobody.*LYRICBOT_CHECKPOINTS"):
        Files("nobody://place").check()


# Places


def test_a_folder_is_local_and_all_else_is_not(tmp_path: Path) -> None:
    assert Files(tmp_path).local == Files(str(tmp_path)).local == tmp_path
    assert Files(f"file://{tmp_path}").local == tmp_path
    assert Files("checkpoints").local == Path("checkpoints")
    assert Files("s3://bucket/prefix").local is None


def test_where_something_lies_is_said_without_credentials() -> None:
    assert Files("checkpoints").where("a/one") == "checkpoints/a/one"
    assert Files("s3://bucket/prefix/").where("a/one") == "s3://bucket/prefix/a/one"
    assert Files("sftp://me:SECRET@host/x?key=SECRET").where("one") == "sftp://host/x/one"


def test_importing_it_imports_no_store() -> None:
    heavy = "{'fsspec', 's3fs', 'botocore'} & set(sys.modules)"
    check = f"import sys, core.arena.files; sys.exit(str({heavy}) if {heavy} else 0)"
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    subprocess.run([sys.executable, "-c", check], check=True, cwd=ROOT, env=environment)
