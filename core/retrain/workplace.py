"""Where a job's unfinished training lies, so that it goes on after an interruption.

In a local store that is a folder of the store itself. In a remote one it is a folder of this host,
copied to the store now and then: a worker elsewhere goes on from there.
"""

import hashlib
import json
import shutil
from pathlib import Path

from core.arena.files import Files
from core.retrain.jobs import Job

UNFINISHED = "unfinished"


class Workplace:
    """The folder of one job. Its methods block."""

    def __init__(self, files: Files, state: Path, job: Job) -> None:
        """`state` is a folder of this host."""
        self._files = files
        self._name = f"{UNFINISHED}/job-{job.id}-{_key(job)}"
        self._remote = files.local is None
        self.folder = (state if files.local is None else files.local) / self._name
        self._copied: dict[str, str] = {}

    def take_up(self, *, mine: bool) -> None:
        """Have what an earlier attempt left; `mine`: it was this host's."""
        if not self._remote or (mine and self.folder.exists() and any(self.folder.iterdir())):
            self.folder.mkdir(parents=True, exist_ok=True)
            return
        # Fetched aside: a host that is stopped meanwhile would take a part of it for its own.
        aside = self.folder.with_name(f"{self.folder.name}.part")
        shutil.rmtree(aside, ignore_errors=True)
        aside.mkdir(parents=True)
        for name in self._files.names(self._name):
            content = self._files.get(name)
            file = aside / name.rpartition("/")[2]
            file.write_bytes(content)
            self._copied[file.name] = hashlib.sha256(content).hexdigest()
        shutil.rmtree(self.folder, ignore_errors=True)
        aside.rename(self.folder)

    def copy_out(self) -> None:
        """Let others have what is saved by now; nothing to do in a local store."""
        if not self._remote:
            return
        for path in sorted(self.folder.glob("[!.]*.safetensors")):
            content = path.read_bytes()
            sha256 = hashlib.sha256(content).hexdigest()
            if self._copied.get(path.name) != sha256:
                self._files.put(f"{self._name}/{path.name}", content)
                self._copied[path.name] = sha256

    def is_there(self) -> bool:
        """Whether anything is left of the job."""
        return self.folder.exists() or (self._remote and bool(self._files.names(self._name)))

    def clear(self) -> None:
        """Leave nothing behind."""
        for folder in (self.folder, self.folder.with_name(f"{self.folder.name}.part")):
            shutil.rmtree(folder, ignore_errors=True)
        if self._remote:
            self._files.remove_folder(self._name)


def _key(job: Job) -> str:
    """Tells the jobs of several databases with one store apart."""
    what = [job.corpus_sha256, job.settings, job.num_pairs, job.seed, str(job.asked_at)]
    return hashlib.sha256(json.dumps(what).encode()).hexdigest()[:12]
