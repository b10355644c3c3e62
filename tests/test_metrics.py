"""/metrics of a bot that people use: what it counts, and what it does not tell."""

from botapi_http import HttpBotApi
from factories import make_pair
from processes import TOKEN, bot_process, until

from bot.botapi import BotApi
from bot.keyboards import Press
from bot.services import open_services
from core.settings import load_settings

ACCOUNT = 987654321


async def test_a_bot_counts_what_it_does_and_names_nobody() -> None:
    async with open_services(load_settings()) as services:
        await services.releases.publish([make_pair()])
    api = BotApi(TOKEN)
    anna = api.person(ACCOUNT, "Anna", language_code="zh")
    chat = api.private_chat(anna)
    async with HttpBotApi(api) as url, bot_process(url) as bot:
        api.send(anna, chat, "/write 分开")
        await until(lambda: len(api.messages(chat)) == 2)
        message = api.messages(chat)[-1]
        data = message["reply_markup"]["inline_keyboard"][0][0]["callback_data"]
        assert Press.parse(data)
        press = api.press(anna, chat, message["message_id"], data)
        await until(lambda: api.answer_to(press))
        api.send(anna, chat, "/write")
        await until(lambda: len(api.messages(chat)) == 4)
        counted = await bot.metrics()
        for line in (
            'lyricbot_updates_total{kind="callback_query"} 1.0',
            "lyricbot_duels_total 1.0",
            'lyricbot_answers_total{answer="1"} 1.0',
            'lyricbot_refusals_total{why="PrefixEmpty"} 1.0',
            'lyricbot_calls_total{method="sendMessage",outcome="ok"}',
            'lyricbot_update_seconds_bucket{kind="message"',
            "lyricbot_errors_total 0.0",
            "lyricbot_inbox ",
            "process_resident_memory_bytes",
        ):
            assert line in counted
        assert str(ACCOUNT) not in counted
        assert TOKEN not in counted
        assert "分开" not in counted
        await bot.stop()
