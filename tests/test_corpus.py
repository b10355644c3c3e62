"""Reading a text of lyrics from real files, good and bad."""

import hashlib
import os
import struct
import zipfile
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.errors import CorpusUnreadable
from core.lyrics import corpus as module
from core.lyrics.corpus import Corpus, Counts, Dropped, read_bundled, read_corpus

LYRICS = "分开的雨落下来\n不分开的人等着\n月光照进旧车站\n我把歌唱给你听\n"
LOCAL, CENTRAL = b"PK\x03\x04", b"PK\x01\x02"  # the signatures of a member's two headers


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("corpora")


def read(raw: bytes, path: Path) -> Corpus:
    path.write_bytes(raw)
    return read_corpus(path)


def zipped(path: Path, *members: tuple[str, bytes], how: int = zipfile.ZIP_DEFLATED) -> Path:
    with zipfile.ZipFile(path, "w", how) as archive:
        for name, content in members:
            archive.writestr(zipfile.ZipInfo(name), content, how)
    return path


def refusal(path: Path) -> str:
    """Why `path` is refused; it names the file."""
    with pytest.raises(CorpusUnreadable) as caught:
        read_corpus(path)
    assert path.name in str(caught.value)
    return str(caught.value)


# Encodings


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "gb18030"])
def test_a_text_reads_the_same_in_each_encoding(tmp_path: Path, encoding: str) -> None:
    read_back = read(LYRICS.encode(encoding), tmp_path / "song.txt")
    assert read_back.text == LYRICS
    assert read_back.encoding == ("gb18030" if encoding == "gb18030" else "utf_8")
    assert read_back.dropped == Dropped(0, 0)


@pytest.mark.parametrize(
    "text",
    [
        "分开的雨落下来不分开的人等着月光照进旧车站",
        "吉野家写作𠮷野家的时候店长说那是他祖父的名字",
        "一碗面要五€ 我们坐在街角等着雨停下来再回家去",
        "我说 baby 别走 你说 goodbye 雨落下来 OK 就这样",
        "離開那天風吹亂頭髮\n我把歌聲藏進了口袋\n妳說話還發燙",
        # Quotation marks around a short line; a Latin word right behind the first character.
        "「分开」，说了三遍；「不分开」，一遍都没有说……",
        "要boss 下班别磨蹭 撒腿跑门后的我 早听出你钥匙的调",
    ],
)
def test_a_short_gb18030_text_is_read_as_it_is(tmp_path: Path, text: str) -> None:
    assert len(text) >= 20
    assert read(text.encode("gb18030"), tmp_path / "short.txt").text == text


def test_every_bundled_song_survives_gb18030_and_so_do_its_pieces(tmp_path: Path) -> None:
    for song in read_bundled().text.split("\n\n"):
        for piece in (song, "\n".join(song.split("\n")[:4])):
            assert read(piece.encode("gb18030"), tmp_path / "song.txt").text == piece


def test_a_gb18030_text_with_a_byte_order_mark_loses_its_first_comment_too(tmp_path: Path) -> None:
    text = "\ufeff# 歌名\n" + LYRICS
    assert read(text.encode("gb18030"), tmp_path / "song.txt").text == LYRICS


@pytest.mark.parametrize(
    "raw",
    [
        bytes(range(256)) * 20,
        b"\x89PNG\r\n\x1a\n" + bytes(range(1, 256)) * 20,
        LYRICS.encode("utf-16"),
        LYRICS.encode()[:-2],  # cut in the middle of a character
        LYRICS.encode()[:40] + b"\xff" + LYRICS.encode()[40:],
        LYRICS.encode("gb18030") + b"\xff\xff",
    ],
    ids=["every byte", "an image", "utf-16", "cut utf-8", "damaged utf-8", "damaged gb18030"],
)
def test_what_is_not_text_is_refused_by_name(tmp_path: Path, raw: bytes) -> None:
    (tmp_path / "odd.txt").write_bytes(raw)
    assert "neither UTF-8 nor GB18030" in refusal(tmp_path / "odd.txt")


@pytest.mark.parametrize("raw", [b"", b"\xef\xbb\xbf", b"\n \t\r\n", b"# only a title\n"])
def test_a_file_without_text_is_refused_by_name(tmp_path: Path, raw: bytes) -> None:
    (tmp_path / "empty.txt").write_bytes(raw)
    assert "no text" in refusal(tmp_path / "empty.txt")


def test_a_missing_file_and_a_folder_are_refused_by_name(tmp_path: Path) -> None:
    assert "no such file" in refusal(tmp_path / "missing.txt")
    (tmp_path / "folder.txt").mkdir()
    assert "no such file" in refusal(tmp_path / "folder.txt")


def test_a_file_that_may_not_be_read_is_refused_by_name(tmp_path: Path) -> None:
    path = tmp_path / "secret.txt"
    path.write_text(LYRICS, encoding="utf-8")
    path.chmod(0)
    if os.access(path, os.R_OK):
        pytest.skip("this user may read every file")
    refusal(path)


# What is kept and what is dropped


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_every_line_end_becomes_a_newline(tmp_path: Path, end: str) -> None:
    raw = LYRICS.replace("\n", end).encode()
    assert read(raw, tmp_path / "song.txt") == Corpus("song", LYRICS)


def test_comment_lines_are_dropped_and_counted(tmp_path: Path) -> None:
    raw = "# 歌名\r\n# mood: 夜晚\n分开 # 不是注\n#也不是\n # 也不是\n# 注\n不分开".encode()
    read_back = read(raw, tmp_path / "song.txt")
    assert read_back.text == "分开 # 不是注\n#也不是\n # 也不是\n不分开"
    assert read_back.dropped == Dropped(comments=3)


@pytest.mark.parametrize(
    "character",
    list("\x07\x0b\x0c\x1b\x7f\x85\xad\u200b\u200d\u200e\u202e\u2060\ufeff"),
    ids=ascii,
)
def test_control_and_zero_width_characters_are_dropped_and_counted(
    tmp_path: Path, character: str
) -> None:
    raw = f"分{character}开\t的{character}{character}\u3000雨 🎵\n".encode()
    read_back = read(raw, tmp_path / "song.txt")
    assert read_back.text == "分开\t的\u3000雨 🎵\n"
    assert read_back.dropped == Dropped(controls=3)


@given(
    text=st.text("分开不的雨é aZ#,，。「🎵𠮷€\n\t\u3000\u2028", min_size=1),
    encoding=st.sampled_from(["utf-8", "utf-8-sig"]),
)
@settings(max_examples=60, deadline=None)
def test_a_clean_text_comes_through_character_by_character(
    folder: Path, text: str, encoding: str
) -> None:
    text = "雨" + text.replace("# ", "")
    read_back = read(text.encode(encoding), folder / "clean.txt")
    assert read_back.text == text
    assert read_back.dropped == Dropped(0, 0)
    counts = read_back.counts(most=3)
    assert counts.lines == len(text.removesuffix("\n").split("\n"))
    assert counts.characters == sum(1 for _ in text)
    assert counts.distinct == len({*text})
    times = Counter(c for c in text if c not in " \n\t\u3000\u2028")
    assert [n for _, n in counts.most_frequent] == sorted(times.values(), reverse=True)[:3]
    assert all(times[c] == n for c, n in counts.most_frequent)


def test_counts_are_exact() -> None:
    text = "分开 分开\n\n分的\u3000 的\n"
    assert Corpus("x", text).counts(most=2) == Counts(3, 13, 6, (("分", 3), ("开", 2)))
    assert Corpus("x", "分").counts() == Counts(1, 1, 1, (("分", 1),))
    assert Corpus("x", "").counts() == Counts(0, 0, 0, ())


def test_the_sha256_is_that_of_the_text_whatever_its_file_was(tmp_path: Path) -> None:
    one = read(LYRICS.encode(), tmp_path / "one.txt")
    two = read(("# 歌\r\n" + LYRICS.replace("\n", "\r\n")).encode("gb18030"), tmp_path / "two.txt")
    assert one.sha256 == two.sha256 == hashlib.sha256(LYRICS.encode("utf-8")).hexdigest()
    # Written down: it must not change from one version to the next.
    assert one.sha256 == "823e9625ac8ced4822512462c60ae060429152c133d4298f74d9473183fe46b6"
    assert Corpus("x", LYRICS + " ").sha256 != one.sha256


def test_openings_are_the_most_frequent_two_characters_that_begin_a_line() -> None:
    text = "我们走\n分开吧\n我们跑\n分开\n分开呢\n分开了\nOK走吧\n一 起走\n「我们」\n不见的\n"
    assert Corpus("x", text).openings() == ("分开", "我们", "不见")
    assert Corpus("x", text).openings(most=1) == ("分开",)
    # A line that ends with its opening says nothing of how lines go on.
    assert Corpus("x", "不见\n不见\n分开吧\n").openings() == ("分开",)
    assert Corpus("x", "OK\n").openings() == ()


def test_a_corpus_is_named_after_its_file_unless_told_otherwise(tmp_path: Path) -> None:
    path = tmp_path / "周.歌词.txt"
    path.write_text(LYRICS, encoding="utf-8")
    assert read_corpus(path).name == "周"
    assert read_corpus(path, "mine").name == "mine"
    assert read_corpus(zipped(tmp_path / "jay.txt.zip", ("a.txt", LYRICS.encode()))).name == "jay"


# Zip files


@pytest.mark.parametrize("how", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
def test_a_zip_that_holds_one_txt_reads_as_that_txt(tmp_path: Path, how: int) -> None:
    path = zipped(
        tmp_path / "song.zip",
        ("read me.md", b"not this"),
        ("folder/歌.TXT", LYRICS.encode("gb18030")),
        ("__MACOSX/folder/._歌.txt", b"\0\5\26\7"),
        how=how,
    )
    assert read_corpus(path) == Corpus("song", LYRICS, "gb18030")


@pytest.mark.parametrize("how", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_a_zip_of_a_seldom_kind_is_refused_by_name(tmp_path: Path, how: int) -> None:
    path = zipped(tmp_path / "song.zip", ("a.txt", LYRICS.encode()), how=how)
    assert "seldom used" in refusal(path)


def test_a_zip_is_known_by_its_content_not_its_name(tmp_path: Path) -> None:
    assert read_corpus(zipped(tmp_path / "song.txt", ("a.txt", LYRICS.encode()))).text == LYRICS


@pytest.mark.parametrize("names", [(), ("a.md",), ("__MACOSX/a.txt",), ("a.txt", "b/c.txt")])
def test_a_zip_without_exactly_one_txt_is_refused_with_their_number(
    tmp_path: Path, names: tuple[str, ...]
) -> None:
    path = zipped(tmp_path / "song.zip", *((name, LYRICS.encode()) for name in names))
    assert f"holds {2 if len(names) == 2 else 0} .txt files" in refusal(path)


def test_a_zip_of_a_binary_file_or_of_an_empty_one_is_refused(tmp_path: Path) -> None:
    assert "neither" in refusal(zipped(tmp_path / "binary.zip", ("a.txt", bytes(range(256)))))
    assert "no text" in refusal(zipped(tmp_path / "empty.zip", ("a.txt", b"")))


def test_a_truncated_zip_is_refused_by_name(tmp_path: Path) -> None:
    path = zipped(tmp_path / "song.zip", ("歌.txt", LYRICS.encode() * 20))
    whole = path.read_bytes()
    for length in (0, 30, 45, len(whole) // 2, len(whole) - 22, len(whole) - 1):
        path.write_bytes(whole[:length])
        refusal(path)
    for gap in (1, 10, len(whole) // 3):  # its end is there, its middle is not
        path.write_bytes(whole[:50] + whole[50 + gap :])
        refusal(path)


def test_an_encrypted_zip_is_refused_by_name(tmp_path: Path) -> None:
    path = zipped(tmp_path / "song.zip", ("a.txt", LYRICS.encode()))
    raw = bytearray(path.read_bytes())
    raw[raw.index(LOCAL) + 6] |= 1
    raw[raw.index(CENTRAL) + 8] |= 1
    path.write_bytes(raw)
    assert "password" in refusal(path)


@pytest.mark.parametrize("how", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
def test_no_flipped_byte_of_a_zip_is_met_with_another_error(tmp_path: Path, how: int) -> None:
    path = zipped(tmp_path / "song.zip", ("a.txt", LYRICS.encode()), how=how)
    whole = path.read_bytes()
    refused = 0
    for i in range(len(whole)):
        damaged = bytearray(whole)
        damaged[i] ^= 0xFF
        path.write_bytes(damaged)
        try:
            assert read_corpus(path).text == LYRICS, i  # a date, a name: nothing that counts
        except CorpusUnreadable:
            refused += 1
    assert refused > len(LYRICS.encode()) // 3


def test_a_zip_with_a_damaged_name_is_refused_by_name(tmp_path: Path) -> None:
    path = zipped(tmp_path / "song.zip", ("歌.txt", LYRICS.encode()))
    path.write_bytes(path.read_bytes().replace("歌.txt".encode(), b"\xff\xfe\xfd.txt"))
    refusal(path)


def test_a_text_of_just_the_largest_size_is_read_and_one_byte_more_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    raw = LYRICS.encode()
    plain, archive = tmp_path / "song.txt", zipped(tmp_path / "song.zip", ("a.txt", raw))
    plain.write_bytes(raw)
    monkeypatch.setattr(module, "MAX_BYTES", len(raw))
    assert read_corpus(plain).text == read_corpus(archive).text == LYRICS
    monkeypatch.setattr(module, "MAX_BYTES", len(raw) - 1)
    assert "larger" in refusal(plain)
    assert "larger" in refusal(archive)


@pytest.mark.parametrize("claimed", [10, None, 2**31], ids=["too small", "true", "too large"])
def test_a_zip_bomb_is_refused_whatever_size_it_claims(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, claimed: int | None
) -> None:
    path = zipped(tmp_path / "bomb.zip", ("a.txt", b"la " * 2**20))
    assert path.stat().st_size < 20_000
    if claimed is not None:
        raw = bytearray(path.read_bytes())
        struct.pack_into("<I", raw, raw.index(LOCAL) + 22, claimed)
        struct.pack_into("<I", raw, raw.index(CENTRAL) + 24, claimed)
        path.write_bytes(raw)
    monkeypatch.setattr(module, "MAX_BYTES", 2**20)
    why = refusal(path)
    assert claimed == 10 or "larger than 1 MiB" in why
