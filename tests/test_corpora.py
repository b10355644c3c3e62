"""Corpora: kept under their sha256 and a name, given back as they were, or refused."""

import asyncio
from pathlib import Path

import pytest
from conftest import Clock
from factories import make_corpus
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

import core.lyrics.corpus
from core.arena.corpora import Corpora, CorpusEntry
from core.arena.files import Files
from core.arena.store import Store
from core.errors import CorpusError, CorpusUnknown, CorpusUnreadable, StoreError
from core.lyrics.corpus import BUNDLED, MAX_NAME, Corpus, Dropped, read_bundled, read_corpus


@pytest.fixture
def corpora(store: Store, tmp_path: Path, clock: Clock) -> Corpora:
    """The corpora of an empty database."""
    return Corpora(store, Files(tmp_path / "checkpoints"), clock)


def files(tmp_path: Path) -> dict[str, bytes]:
    """All that lies below the folder, by its name."""
    found = (tmp_path / "checkpoints").rglob("*")
    return {path.name: path.read_bytes() for path in found if path.is_file()}


def names(entries: tuple[CorpusEntry, ...]) -> list[str]:
    return [entry.name for entry in entries]


async def test_without_any_added_there_is_the_bundled_one(corpora: Corpora) -> None:
    bundled = read_bundled()
    (entry,) = await corpora.list()
    assert (entry.name, entry.sha256) == (BUNDLED, bundled.sha256)
    assert entry.characters == len(bundled.text) > 0
    assert await corpora.get(BUNDLED) == bundled


async def test_what_was_added_is_given_back(corpora: Corpora, tmp_path: Path) -> None:
    corpus = Corpus("雨", "分开的雨\n雨落下来\n", dropped=Dropped(comments=2, controls=3))
    entry = await corpora.add(corpus)
    assert entry == CorpusEntry(
        "雨",
        corpus.sha256,
        lines=2,
        characters=10,
        distinct=8,
        most_frequent="雨分开的落下来",
        dropped=corpus.dropped,
    )
    assert (await corpora.list())[1] == entry
    assert (await corpora.get("雨")).text == corpus.text
    assert files(tmp_path) == {f"{corpus.sha256}.txt": corpus.text.encode()}


async def test_the_list_begins_with_the_bundled_one_and_goes_on_by_name(
    corpora: Corpora,
) -> None:
    entries = [await corpora.add(make_corpus(name, f"{name}\n")) for name in ("c", "a", "b")]
    listed = await corpora.list()
    assert names(listed) == [BUNDLED, "a", "b", "c"]
    assert set(entries) == set(listed[1:])


async def test_an_unknown_name_is_told_those_there_are(corpora: Corpora) -> None:
    for name in ("one", "two"):
        await corpora.add(make_corpus(name))
    with pytest.raises(CorpusUnknown, match=r"'three'.*bundled, one, two\.") as raised:
        await corpora.get("three")
    assert "lyricbot corpus add" in str(raised.value)


async def test_another_text_under_the_same_name_replaces_it(corpora: Corpora) -> None:
    await corpora.add(make_corpus("mine", "旧的\n"))
    await corpora.add(make_corpus("other", "旧的\n"))
    entry = await corpora.add(make_corpus("mine", "新的歌\n唱\n"))
    listed = await corpora.list()
    assert names(listed) == [BUNDLED, "mine", "other"]
    assert listed[1] == entry
    assert (await corpora.get("mine")).text == "新的歌\n唱\n"
    assert (await corpora.get("other")).text == "旧的\n"  # the old text's file is still there


async def test_the_same_again_changes_nothing(corpora: Corpora, tmp_path: Path) -> None:
    corpus = make_corpus()
    first = await corpora.add(corpus), await corpora.list(), files(tmp_path)
    assert (await corpora.add(corpus), await corpora.list(), files(tmp_path)) == first


async def test_a_name_that_cannot_be_one_is_refused_and_nothing_is_kept(
    corpora: Corpora, tmp_path: Path
) -> None:
    for name in ("", BUNDLED, "a/b", "/", "../a", "x" * (MAX_NAME + 1), "歌" * (MAX_NAME + 1)):
        with pytest.raises(CorpusError, match="--name"):
            await corpora.add(make_corpus(name))
    assert names(await corpora.list()) == [BUNDLED]
    assert files(tmp_path) == {}


async def test_a_name_at_the_limit_is_kept(corpora: Corpora) -> None:
    for name in ("歌" * MAX_NAME, "Bundled", "a b.txt", "😀"):
        await corpora.add(make_corpus(name))
        assert (await corpora.get(name)).name == name


async def test_a_damaged_file_is_refused_and_named_and_adding_it_again_mends_it(
    corpora: Corpora, tmp_path: Path
) -> None:
    corpus = make_corpus()
    await corpora.add(corpus)
    (path,) = (tmp_path / "checkpoints").rglob("*.txt")
    content = path.read_bytes()
    for damaged in (
        content[:-4],
        content.replace("雨".encode(), "雪".encode(), 1),
        b"",
        b"\0" + content,
        None,
    ):
        path.unlink()
        if damaged is not None:
            path.write_bytes(damaged)
        with pytest.raises(CorpusError, match=path.name):
            await corpora.get(corpus.name)
        await corpora.add(corpus)
        assert await corpora.get(corpus.name) == corpus


TEXTS = st.text(alphabet="# \n\r\t\u200b\ufeff\x07词歌a", min_size=1, max_size=30)


@given(content=TEXTS)
@example(content="\u200b# 歌\n词\n")
@settings(
    max_examples=20,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
async def test_whatever_can_be_read_can_be_added_and_had_back(
    corpora: Corpora, tmp_path: Path, content: str
) -> None:
    given_file = tmp_path / "given.txt"
    given_file.write_bytes(content.encode())
    try:
        corpus = read_corpus(given_file)
    except CorpusUnreadable:
        return
    await corpora.add(corpus)
    had = await corpora.get("given")
    assert (had.name, had.text, had.sha256) == (corpus.name, corpus.text, corpus.sha256)


async def test_a_text_at_the_limit_in_gb18030_can_be_had_back(
    corpora: Corpora, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # A character has two bytes in GB18030 and three in UTF-8, which is what is kept.
    text = "分开的雨落下来\n不分开的人等着\n月光照进旧车站\n我把歌唱给你听\n"
    given_file = tmp_path / "given.txt"
    given_file.write_bytes(text.encode("gb18030"))
    monkeypatch.setattr(core.lyrics.corpus, "MAX_BYTES", given_file.stat().st_size)
    corpus = read_corpus(given_file)
    assert corpus.text == text
    await corpora.add(corpus)
    assert (await corpora.get("given")).text == text


async def test_texts_added_at_once_under_their_own_names_are_all_kept(
    corpora: Corpora, tmp_path: Path
) -> None:
    made = [make_corpus(f"n{n}", f"第{n}首\n") for n in range(12)]
    await asyncio.gather(*(corpora.add(corpus) for corpus in made))
    for corpus in made:
        assert await corpora.get(corpus.name) == corpus
    assert sorted(files(tmp_path)) == sorted(f"{corpus.sha256}.txt" for corpus in made)


async def test_one_text_added_by_many_at_once_is_kept(corpora: Corpora, tmp_path: Path) -> None:
    made = [Corpus(f"n{n}", "分开\n" * 1_000) for n in range(12)]
    await asyncio.gather(*(corpora.add(corpus) for corpus in made))
    for corpus in made:
        assert await corpora.get(corpus.name) == corpus
    assert list(files(tmp_path)) == [f"{made[0].sha256}.txt"]


async def test_what_is_kept_has_no_name_and_is_read_by_its_sha256(corpora: Corpora) -> None:
    for corpus in (read_bundled(), make_corpus()):
        await corpora.keep(corpus)
        read = await corpora.read(corpus.name, corpus.sha256)
        assert (read.name, read.text, read.sha256) == (corpus.name, corpus.text, corpus.sha256)
    assert names(await corpora.list()) == [BUNDLED]


async def test_what_was_never_kept_or_is_damaged_cannot_be_read(
    corpora: Corpora, tmp_path: Path
) -> None:
    corpus = make_corpus()
    with pytest.raises(CorpusError, match=f"{corpus.sha256}.txt"):
        await corpora.read(corpus.name, corpus.sha256)
    await corpora.keep(corpus)
    (path,) = (tmp_path / "checkpoints").rglob("*.txt")
    path.write_bytes(path.read_bytes()[:-4])
    with pytest.raises(CorpusError, match="damaged"):
        await corpora.read(corpus.name, corpus.sha256)


async def test_a_corpus_in_an_object_store_is_read_elsewhere(
    store: Store, bucket: str, clock: Clock
) -> None:
    corpus = make_corpus()
    await Corpora(store, Files(f"{bucket}/prefix"), clock).add(corpus)
    elsewhere = Corpora(store, Files(f"{bucket}/prefix"), clock)
    assert await elsewhere.get(corpus.name) == corpus
    Files(f"{bucket}/prefix").remove(f"corpora/{corpus.sha256}.txt")
    with pytest.raises(CorpusError, match=r"s3://.*Add corpus"):
        await elsewhere.get(corpus.name)


async def test_a_place_that_cannot_be_written_keeps_no_corpus(
    corpora: Corpora, tmp_path: Path
) -> None:
    (tmp_path / "checkpoints").write_text("a file where a folder should be")
    with pytest.raises(StoreError, match="LYRICBOT_CHECKPOINTS"):
        await corpora.add(make_corpus())
    assert names(await corpora.list()) == [BUNDLED]
