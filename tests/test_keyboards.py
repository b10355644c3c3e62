import pytest
from hypothesis import given
from hypothesis import strategies as st
from telegram.constants import InlineKeyboardButtonLimit

from bot.keyboards import Press, duel_keyboard
from bot.texts import texts_for
from core.arena.duel import Duel

ANSWERS = ("0", "1", "2", "3", "like")


@given(st.integers(0, 10**18 - 1), st.sampled_from(ANSWERS))
def test_a_press_is_read_back_and_fits_a_button(duel_id: int, answer: str) -> None:
    press = Press(duel_id, answer)  # type: ignore[arg-type]
    assert Press.parse(press.data) == press
    assert len(press.data.encode()) <= InlineKeyboardButtonLimit.MAX_CALLBACK_DATA


@given(st.text(max_size=64))
def test_what_is_not_ours_is_not_read(data: str) -> None:
    press = Press.parse(data)
    assert press is None or press.data == data or int(data.split(":")[1]) == press.duel_id


@pytest.mark.parametrize("data", ["v:1:4", "v:1", "v:１:1", "V:1:1", "v:1:1 ", "v:1:1\n"])
def test_near_misses_are_not_read(data: str) -> None:
    assert Press.parse(data) is None


def test_a_keyboard_has_every_answer_once() -> None:
    keyboard = duel_keyboard(Duel(5, "", "", ""), texts_for("zh")).inline_keyboard
    presses = [Press.parse(str(b.callback_data)) for row in keyboard for b in row]
    assert sorted(press.answer for press in presses if press) == sorted(ANSWERS)
    assert {press.duel_id for press in presses if press} == {5}
