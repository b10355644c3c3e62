"""Numbering characters."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.lyrics.vocabulary import PIECE, Vocabulary


@given(text=st.text(), has_unknown=st.booleans())
@settings(max_examples=60, deadline=None)
def test_decoding_what_was_encoded_gives_the_text_back(text: str, has_unknown: bool) -> None:
    vocabulary = Vocabulary.of(text, has_unknown=has_unknown)
    indices = vocabulary.encode(text)
    assert vocabulary.decode(indices) == text
    assert len(vocabulary) == len(set(text)) + has_unknown
    assert set(indices) == set(range(len(set(text))))


@given(text=st.text(), data=st.data())
@settings(max_examples=40, deadline=None)
def test_the_order_of_a_text_does_not_change_the_numbering(text: str, data: st.DataObject) -> None:
    shuffled = "".join(data.draw(st.permutations(list(text))))
    assert Vocabulary.of(text) == Vocabulary.of(shuffled + text)


def test_characters_are_numbered_in_their_sorted_order() -> None:
    vocabulary = Vocabulary.of("开分\n 开a")
    assert vocabulary.characters == "\n a分开"
    assert vocabulary.encode("开\n分") == [4, 0, 3]


def test_what_it_does_not_hold_is_read_as_the_mark_which_comes_last() -> None:
    vocabulary = Vocabulary.of("分开")
    assert len(vocabulary) == 3
    assert vocabulary.unknown == 2
    assert vocabulary.encode("分🎵开") == [0, 2, 1]


def test_without_a_mark_what_it_does_not_hold_is_an_error() -> None:
    vocabulary = Vocabulary.of("分开", has_unknown=False)
    assert len(vocabulary) == 2
    assert vocabulary.unknown is None
    with pytest.raises(KeyError):
        vocabulary.encode("分🎵开")


def test_the_mark_cannot_be_written() -> None:
    with pytest.raises(IndexError):
        Vocabulary.of("分开").decode([0, 2])


def test_it_holds_its_characters_and_nothing_else() -> None:
    vocabulary = Vocabulary.of("分开")
    assert "分" in vocabulary
    assert "🎵" not in vocabulary
    assert "分开" not in vocabulary
    assert 0 not in vocabulary
    assert "" not in vocabulary


@given(text=st.text(), other=st.text(), has_unknown=st.booleans())
@settings(max_examples=80, deadline=None)
def test_an_array_holds_what_a_list_holds(text: str, other: str, has_unknown: bool) -> None:
    vocabulary = Vocabulary.of(text, has_unknown=has_unknown)
    if has_unknown or set(other) <= set(text):
        assert vocabulary.encode_array(other).tolist() == vocabulary.encode(other)
    else:
        with pytest.raises(KeyError):
            vocabulary.encode_array(other)


def test_a_long_text_is_encoded_piece_by_piece() -> None:
    text = "".join(chr(0x4E00 + i % 3001) for i in range(2 * PIECE + 7))
    vocabulary = Vocabulary.of(text[:2000])
    array = vocabulary.encode_array(text)
    assert array.dtype.itemsize == 4
    assert array.tolist() == vocabulary.encode(text)
