"""Where an unfinished training lies: in a local store, or here and copied to a remote one."""

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from factories import SMALL, make_corpus

from core.arena.files import Files
from core.errors import StoreError
from core.retrain.jobs import Job
from core.retrain.workplace import Workplace

JOB = Job(
    id=7,
    corpus_name="small",
    corpus_sha256=make_corpus().sha256,
    settings=SMALL.to_json(),
    num_pairs=1,
    seed=3,
    asked_by=None,
    asked_at=datetime(2026, 1, 2, tzinfo=UTC),
    status="running",
    attempt=1,
    fruitless=1,
    epochs=0,
    worker="w",
    progress=None,
    seen_at=None,
    started_at=None,
    ended_at=None,
    release=None,
    reason=None,
)
A, B = "3-random.safetensors", "3-consecutive.safetensors"


def save(workplace: Workplace, name: str, content: str) -> None:
    (workplace.folder / name).write_text(content)


def content_of(workplace: Workplace) -> dict[str, str]:
    return {path.name: path.read_text() for path in sorted(workplace.folder.iterdir())}


def test_in_a_local_store_it_is_a_folder_of_the_store() -> None:
    files = Files("checkpoints")
    first = Workplace(files, Path("state"), JOB)
    assert not first.is_there()
    first.take_up(mine=False)
    assert first.is_there()
    assert first.folder.parent == Path("checkpoints/unfinished")
    assert first.folder.name.startswith("job-7-")
    save(first, A, "one")
    first.copy_out()
    for mine in (True, False):  # whoever has the store's folder goes on in it
        other = Workplace(files, Path("elsewhere"), replace(JOB, attempt=2))
        other.take_up(mine=mine)
        assert content_of(other) == {A: "one"}
    first.clear()
    assert not first.is_there()
    assert not list(Path("checkpoints/unfinished").iterdir())
    assert not Path("state").exists()
    first.clear()  # once more, to no harm


@pytest.mark.parametrize(
    "other",
    [
        {"id": 8},
        {"corpus_sha256": "0" * 64},
        {"settings": replace(SMALL, lr=1.0).to_json()},
        {"num_pairs": 2},
        {"seed": 4},
        {"asked_at": datetime(2026, 1, 3, tzinfo=UTC)},
    ],
    ids=lambda other: next(iter(other)),
)
def test_jobs_that_differ_in_anything_never_share_a_folder(other: dict[str, object]) -> None:
    files, state = Files("checkpoints"), Path("state")
    theirs = Workplace(files, state, replace(JOB, **other))  # type: ignore[arg-type]
    assert theirs.folder != Workplace(files, state, JOB).folder


def test_all_attempts_at_a_job_have_one_folder() -> None:
    files, state = Files("checkpoints"), Path("state")
    later = replace(JOB, attempt=5, status="queued", epochs=9, worker="other")
    assert Workplace(files, state, later).folder == Workplace(files, state, JOB).folder


def test_in_a_remote_store_it_goes_on_elsewhere_from_what_was_copied_last(bucket: str) -> None:
    files = Files(f"{bucket}/prefix")
    here = Workplace(files, Path("here"), JOB)
    here.take_up(mine=False)
    assert here.folder.is_relative_to("here")
    save(here, A, "one")
    save(here, B, "two")
    save(here, "corpus.txt", "a corpus is kept elsewhere")
    save(here, f".{A}.0123.part", "half")
    here.copy_out()
    assert [name.rpartition("/")[2] for name in files.names("unfinished")] == [B, A]
    save(here, A, "three")
    save(here, B, "never copied")
    (here.folder / B).unlink()
    here.copy_out()
    elsewhere = Workplace(Files(f"{bucket}/prefix"), Path("elsewhere"), JOB)
    assert elsewhere.is_there()
    elsewhere.take_up(mine=False)
    assert content_of(elsewhere) == {A: "three", B: "two"}
    elsewhere.clear()
    assert not elsewhere.is_there()
    assert not files.names("unfinished")
    here.clear()
    assert not list(Path("here/unfinished").iterdir())


def test_on_a_host_it_goes_on_from_its_own_newer_saves_only_if_it_was_there_before(
    bucket: str,
) -> None:
    files = Files(bucket)
    here = Workplace(files, Path("here"), JOB)
    here.take_up(mine=False)
    save(here, A, "copied")
    here.copy_out()
    save(here, A, "newer")
    again = Workplace(files, Path("here"), JOB)
    again.take_up(mine=True)
    assert content_of(again) == {A: "newer"}
    again.copy_out()  # what others take up has to be that too
    assert files.get(files.names("unfinished")[0]) == b"newer"
    save(again, A, "older than what another made since")
    back = Workplace(files, Path("here"), JOB)
    back.take_up(mine=False)
    assert content_of(back) == {A: "newer"}


def test_a_host_that_lost_its_own_saves_takes_those_copied(bucket: str) -> None:
    files = Files(bucket)
    first = Workplace(files, Path("here"), JOB)
    first.take_up(mine=False)
    save(first, A, "one")
    first.copy_out()
    again = Workplace(files, Path("new disk"), JOB)
    again.take_up(mine=True)
    assert content_of(again) == {A: "one"}


def test_a_host_stopped_while_it_fetched_takes_no_part_for_the_whole(
    bucket: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    files = Files(bucket)
    first = Workplace(files, Path("here"), JOB)
    first.take_up(mine=False)
    for name in (A, B):
        save(first, name, name)
    first.copy_out()
    stopped = Workplace(files, Path("elsewhere"), JOB)
    with monkeypatch.context() as patched:
        get = files.get
        patched.setattr(files, "get", lambda name: get(name) if B in name else stop())
        with pytest.raises(KeyboardInterrupt):
            stopped.take_up(mine=False)
    again = Workplace(files, Path("elsewhere"), JOB)
    again.take_up(mine=True)
    assert content_of(again) == {A: A, B: B}
    again.clear()
    assert not list(Path("elsewhere/unfinished").iterdir())


def stop() -> bytes:
    raise KeyboardInterrupt


def test_what_has_not_changed_is_not_copied_again(
    bucket: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    files = Files(bucket)
    here = Workplace(files, Path("here"), JOB)
    here.take_up(mine=False)
    save(here, A, "one")
    here.copy_out()
    again = Workplace(files, Path("elsewhere"), JOB)
    again.take_up(mine=False)

    def refuse(name: str, content: bytes) -> None:
        raise AssertionError(f"{name} is put again")

    monkeypatch.setattr(files, "put", refuse)
    here.copy_out()
    again.copy_out()


def test_a_store_that_is_away_says_so(bucket: str, monkeypatch: pytest.MonkeyPatch) -> None:
    here = Workplace(Files(bucket), Path("here"), JOB)
    here.take_up(mine=False)
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    away = Workplace(Files(bucket), Path("elsewhere"), JOB)
    with pytest.raises(StoreError, match="LYRICBOT_CHECKPOINTS"):
        away.take_up(mine=False)
