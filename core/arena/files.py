"""Where models and corpora lie: content under names, in a folder or in an object store.

It knows nothing of models, corpora or the database. All methods block: callers use threads, and
several may at once.
"""

import hashlib
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from threading import Lock
from typing import Any, Protocol
from uuid import uuid4

from core.errors import FileMissing, StoreError
from core.lyrics.checkpoint import write_aside

# Some ten seconds in all for an endpoint that does not answer; the defaults come to minutes.
CONNECT_S = 3
READ_S = 5
ATTEMPTS = 2


class _Place(Protocol):
    """What a folder and an object store have in common; both raise what their library raises."""

    def size(self, name: str) -> int: ...  # FileNotFoundError if it is not there
    def mark(self, name: str) -> object: ...  # another one once the content is another
    def read(self, name: str) -> bytes: ...
    def write(self, name: str, content: bytes) -> None: ...
    def below(self, folder: str) -> list[str]: ...  # whole names, asides among them
    def remove(self, name: str) -> None: ...


class Files:
    """Content under names below `place`: a folder, or a URL such as s3://bucket/prefix."""

    def __init__(self, place: str | Path) -> None:
        scheme, divider, rest = str(place).partition("://")
        self._local = (
            Path(rest if divider else scheme) if scheme == "file" or not divider else None
        )
        self._place: _Place
        if self._local is not None:
            self._shown = str(self._local)
            self._place = _Folder(self._local)
        else:
            # Some stores let a password stand in their URL.
            self._shown = f"{scheme}://{rest.split('@')[-1].split('?')[0].rstrip('/')}"
            self._place = _Remote(str(place))

    @property
    def local(self) -> Path | None:
        """The folder, if the place is one."""
        return self._local

    def where(self, name: str) -> str:
        """Where a name lies, for messages: without credentials."""
        return f"{self._shown}/{name}"

    def put(self, name: str, content: bytes) -> None:
        """Keep `content` under `name`: all of it is there afterwards, or what was there before.

        Raises:
            StoreError: if it cannot be kept.
        """
        with self._told(name):
            if not self._holds(name, content):
                self._place.write(name, content)

    def get(self, name: str) -> bytes:
        """What lies under `name`.

        Raises:
            FileMissing, StoreError.
        """
        with self._told(name), self._there(name):
            return self._place.read(name)

    def exists(self, name: str) -> bool:
        """Whether something lies under `name`.

        Raises:
            StoreError: if that cannot be told.
        """
        with self._told(name):
            try:
                self._place.size(name)
            except FileNotFoundError:
                return False
            return True

    def mark(self, name: str) -> object:
        """What changes when that which lies under `name` does; cheaper than reading it.

        Raises:
            FileMissing, StoreError.
        """
        with self._told(name), self._there(name):
            return self._place.mark(name)

    def make(self) -> None:
        """Make the folder, if the place is one.

        Raises:
            StoreError: if it cannot be made.
        """
        if self._local is not None:
            with self._told(""):
                self._local.mkdir(parents=True, exist_ok=True)

    def reach(self) -> None:
        """Make sure that the place is there; nothing is written.

        Raises:
            StoreError: if it is not.
        """
        if self._local is not None and not self._local.is_dir():
            raise StoreError(
                f"{self._shown}: not there. Restore it, or check LYRICBOT_CHECKPOINTS."
            )
        self.exists("models")

    def names(self, folder: str) -> list[str]:
        """All names below a folder, whole, in their order; none if there is no such folder.

        Raises:
            StoreError: if that cannot be told.
        """
        with self._told(folder):
            return sorted(one for one in self._place.below(folder) if not _is_aside(one))

    def remove(self, name: str) -> None:
        """Remove what lies under `name`, if anything does.

        Raises:
            StoreError: if it cannot be removed.
        """
        with self._told(name), suppress(FileNotFoundError):
            self._place.remove(name)

    def remove_folder(self, name: str) -> None:
        """Remove a folder with all below it, if it is there.

        Raises:
            StoreError: if it cannot be removed.
        """
        with self._told(name):
            for one in self._place.below(name):
                with suppress(FileNotFoundError):
                    self._place.remove(one)
            if self._local is not None:
                with suppress(FileNotFoundError):
                    shutil.rmtree(self._local / name)

    def check(self) -> None:
        """Keep a small probe, read it and remove it.

        Raises:
            StoreError: if any of it fails.
        """
        name = f"probe-{uuid4().hex}"
        content = name.encode()
        self.put(name, content)
        if self.get(name) != content:
            raise StoreError(
                f"{self.where(name)}: gives back other than was put. Check LYRICBOT_CHECKPOINTS."
            )
        self.remove(name)

    def _holds(self, name: str, content: bytes) -> bool:
        try:
            return self._place.size(name) == len(content) and self._place.read(name) == content
        except FileNotFoundError:
            return False

    @contextmanager
    def _there(self, name: str) -> Iterator[None]:
        """What is not there is missing, unless its whole bucket is."""
        try:
            yield
        except FileNotFoundError as error:
            if _lacks_bucket(error):
                raise
            raise FileMissing(f"{self.where(name)}: not there. Restore it.") from error

    @contextmanager
    def _told(self, name: str) -> Iterator[None]:
        """Whatever the place raises is a StoreError."""
        try:
            yield
        except StoreError:
            raise
        except Exception as error:  # a store's library has its own kinds
            check = "LYRICBOT_CHECKPOINTS"
            if self._shown.startswith("s3://"):
                check += " and AWS_ENDPOINT_URL, AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY"
            reason = " ".join(str(error).split()) or type(error).__name__
            raise StoreError(
                f"{self.where(name)}: {reason.rstrip('.')}. Check {check}."
            ) from error


class _Folder:
    """A folder of this machine."""

    def __init__(self, root: Path) -> None:
        self._root = root

    def size(self, name: str) -> int:
        path = self._root / name
        size = path.stat().st_size
        if path.is_dir():
            raise FileNotFoundError(f"{path} is a folder")
        return size

    def mark(self, name: str) -> object:
        found = (self._root / name).stat()
        return found.st_ino, found.st_size, found.st_mtime_ns

    def read(self, name: str) -> bytes:
        return (self._root / name).read_bytes()

    def write(self, name: str, content: bytes) -> None:
        write_aside(self._root / name, content)

    def below(self, folder: str) -> list[str]:
        found = (self._root / folder).rglob("*")
        return [one.relative_to(self._root).as_posix() for one in found if not one.is_dir()]

    def remove(self, name: str) -> None:
        (self._root / name).unlink()


class _Remote:
    """A place that fsspec knows, reached when it is first needed."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._opening = Lock()
        self._opened: tuple[Any, str] | None = None

    def size(self, name: str) -> int:
        about = self._fs.info(self._key(name))
        if about["type"] != "file":
            raise FileNotFoundError(f"{name} is a folder")
        return int(about["size"])

    def mark(self, name: str) -> object:
        about = self._fs.info(self._key(name))
        return [str(about.get(key)) for key in ("size", "ETag", "LastModified", "mtime")]

    def read(self, name: str) -> bytes:
        content: bytes = self._fs.cat_file(self._key(name))
        return content

    def write(self, name: str, content: bytes) -> None:
        """Write aside, read it back, and only then give it its name."""
        folder, _, last = name.rpartition("/")
        aside = self._key(f"{folder}/.{last}.{uuid4().hex}.part".lstrip("/"))
        try:
            self._fs.pipe_file(aside, content)
            back = hashlib.sha256(self._fs.cat_file(aside)).digest()
            if back != hashlib.sha256(content).digest():
                raise OSError("what was written came back changed")
            self._fs.cp_file(aside, self._key(name))
        finally:
            with suppress(Exception):  # it has no name that anyone asks for
                self._fs.rm_file(aside)

    def below(self, folder: str) -> list[str]:
        try:
            found = self._fs.find(self._key(folder))
        except FileNotFoundError as error:
            if _lacks_bucket(error):
                raise
            return []
        return [one.removeprefix(f"{self._root}/") for one in found]

    def remove(self, name: str) -> None:
        self._fs.rm_file(self._key(name))

    def _key(self, name: str) -> str:
        return f"{self._root}/{name}"

    @property
    def _fs(self) -> Any:
        return self._open()[0]

    @property
    def _root(self) -> str:
        return self._open()[1]

    def _open(self) -> tuple[Any, str]:
        with self._opening:
            if self._opened is None:
                self._opened = _open_remote(self._url)
            return self._opened


def _open_remote(url: str) -> tuple[Any, str]:
    """The filesystem of a URL, and the path below it.

    Raises:
        StoreError: if what it takes is not installed.
    """
    import fsspec

    protocol = url.partition("://")[0]
    # Another process writes what this one reads: nothing may be remembered.
    options: dict[str, Any] = {"skip_instance_cache": True, "use_listings_cache": False}
    if protocol == "s3":
        options["config_kwargs"] = {
            "connect_timeout": CONNECT_S,
            "read_timeout": READ_S,
            "retries": {"total_max_attempts": 1},  # s3fs counts its own
        }
    try:
        fs, root = fsspec.url_to_fs(url, **options)
    except ImportError as error:
        wants = "pip install 'lyricbot[s3]'" if protocol == "s3" else str(error)
        raise StoreError(f"{protocol}:// in LYRICBOT_CHECKPOINTS needs more: {wants}") from error
    if protocol == "s3":
        fs.retries = ATTEMPTS
    return fs, root.rstrip("/")


def _is_aside(name: str) -> bool:
    last = name.rpartition("/")[2]
    return last.startswith(".") and last.endswith(".part")


def _lacks_bucket(error: FileNotFoundError) -> bool:
    """Whether it is the bucket that S3 did not find, not what should lie in it."""
    response = getattr(error.__cause__, "response", None) or {}
    return bool(response.get("Error", {}).get("Code") == "NoSuchBucket")
