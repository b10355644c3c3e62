"""The terminal chat: the real Application and handlers, with Telegram played inside the process.

Reads from a keyboard or from a pipe. What is typed is sent as a message, unless it is the label of
a button (or the label's first word) under the latest message that has any: then that is pressed.
"""

import asyncio
import re
import sys
import threading
from contextlib import AsyncExitStack
from html import unescape
from pathlib import Path
from typing import Any

from rich.cells import cell_len
from rich.console import Console
from rich.panel import Panel
from rich.text import Text
from telegram import Update

from bot.app import App, build_application
from bot.background import in_background, kept_worker, starts_worker
from bot.botapi import BotApi, Call
from bot.job_view import follow
from bot.menus import set_menus
from bot.services import Services, open_services
from bot.watching import Watching
from core.errors import TrainerMissing
from core.settings import Settings

TOKEN = "1:played-in-the-terminal"  # noqa: S105 - opens nothing
WIDTH = 56
PERSON = 1  # the account of whoever sits here; an admin, since the machine is theirs
STYLES = {"bold": "bold", "italic": "italic", "code": "cyan"}


def chat(settings: Settings, svg: Path | None = None) -> None:
    """Chat until the input ends; keep the chat as a picture where `svg` says."""
    console = Console(record=svg is not None, width=WIDTH if svg else None, highlight=False)
    asyncio.run(_chat(settings, console))
    if svg:
        svg.write_text(_picture(console), encoding="utf-8")


async def _chat(settings: Settings, console: Console) -> None:
    settings = settings.model_copy(update={"admins": settings.admins | {PERSON}})
    async with open_services(settings) as services, AsyncExitStack() as closing:
        if starts_worker(services):
            await closing.enter_async_context(kept_worker(quietly=True))
        await _first_release(services, console)
        terminal = Terminal(services, console, echoes=console.record or not sys.stdin.isatty())
        async with terminal.application:
            await set_menus(terminal.application.bot)
            watching = Watching(services, terminal.application.bot, every=10.0)
            await closing.enter_async_context(in_background(services, watching.show))
            console.print(
                Text("/write 分开  ·  /stats  ·  /retrain  ·  /help  ·  Ctrl-D\n", style="dim")
            )
            lines: asyncio.Queue[str] = asyncio.Queue()
            read = asyncio.get_running_loop().call_soon_threadsafe
            wanted = threading.Semaphore()

            def keyboard() -> None:
                while wanted.acquire() and (line := _read_line(console)):
                    read(lines.put_nowait, line)
                read(lines.put_nowait, "")

            # A daemon, since a thread that waits for the keyboard would outlive Ctrl-C.
            threading.Thread(target=keyboard, daemon=True).start()
            while line := await lines.get():
                if line.strip():
                    await terminal.say(line.strip())
                wanted.release()


async def _first_release(services: Services, console: Console) -> None:
    """Have something to write with: train it, if nothing was ever published.

    Raises:
        TrainerMissing: where this host cannot, and nobody else is to.
        RetrainError: if it could not be trained.
    """
    if await services.releases.current() is not None:
        return
    if services.settings.worker == "own" and not starts_worker(services):
        raise TrainerMissing(
            "Nothing is trained yet, and torch is not here: pip install 'lyricbot[train]'"
        )
    active = await services.retrains.jobs.active()
    job = active[0] if active else await services.retrains.ask()
    console.print("Training the first two models; this takes a few minutes, once.")
    await follow(services, job.id, console)


def _picture(console: Console) -> str:
    """The recorded chat as SVG; rich counts a Chinese character as one cell wide, which is two."""

    def widen(match: re.Match[str]) -> str:
        text = unescape(match["text"])
        width = float(match["width"]) * cell_len(text) / len(text)
        return f'textLength="{width:g}"{match["rest"]}>{match["text"]}</text>'

    picture = console.export_svg(title="lyricbot")
    return re.sub(
        r'textLength="(?P<width>[\d.]+)"(?P<rest>[^>]*)>(?P<text>[^<]+)</text>', widen, picture
    )


def _read_line(console: Console) -> str:
    """The next line with its end; empty when there is no more."""
    if not sys.stdin.isatty():
        return sys.stdin.readline()
    try:
        return console.input("[bold green]> [/]") + "\n"
    except EOFError:
        return ""


class Terminal:
    """One person's private chat with the bot."""

    def __init__(self, services: Services, console: Console, *, echoes: bool) -> None:
        self._console = console
        self._echoes = echoes
        self._api = BotApi(TOKEN)
        self._api.on_call = self._show
        self._person = self._api.person(PERSON, "我", language_code="zh-hans")
        self._chat = self._api.private_chat(self._person)
        self._texts: dict[int, str] = {}  # as last shown, by message
        self._alert = ""  # the last answer to a button
        self.application: App = build_application(
            TOKEN, "https://api.telegram.org", services, self._api
        )

    async def say(self, line: str) -> None:
        """Send a line, or press the button it names; the answer is shown when this returns."""
        if self._echoes:
            self._console.print(Text(f"> {line}", style="bold green"))
        data = self._button(line)
        try:
            if data:
                update = self._api.press(self._person, self._chat, *data)
            else:
                update = self._api.send(self._person, self._chat, line) or {}
        except ValueError as refusal:  # what a Telegram client would not let through
            self._console.print(Text(f"{refusal}", style="red"))
            return
        await self.application.process_update(Update.de_json(update, self.application.bot))

    def _button(self, line: str) -> tuple[int, str] | None:
        """The message and the data of the button that `line` names."""
        for message in reversed(self._api.messages(self._chat)):
            rows = message.get("reply_markup", {}).get("inline_keyboard", [])
            for button in (one for row in rows for one in row):
                data = button.get("callback_data")
                if data and line in (button["text"], button["text"].split()[0]):
                    return message["message_id"], data
            if rows:
                return None
        return None

    def _show(self, call: Call, result: Any) -> None:
        match call.method:
            case "sendMessage":
                self._texts[result["message_id"]] = result["text"]
                self._console.print(Panel(_styled(result), width=WIDTH, border_style="cyan"))
                self._show_buttons(result)
            case "editMessageText":
                known = self._texts.get(result["message_id"], "") + self._alert
                self._texts[result["message_id"]] = result["text"]
                # An edit is shown by what it says anew.
                lines = [line for line in result["text"].splitlines() if line not in known]
                for line in [" · ".join(lines)] if lines and lines[0][0] in "▓░" else lines:
                    self._console.print(Text(f"✎ {line}", style="yellow"))
            case "sendPhoto":
                self._console.print(Text("🖼", style="yellow"))
                caption = {
                    "text": result["caption"],
                    "entities": result.get("caption_entities", []),
                }
                self._console.print(Panel(_styled(caption), width=WIDTH, border_style="cyan"))
            case "answerCallbackQuery":
                self._alert = call.parameters.get("text", "")
                self._console.print(Text(self._alert, style="magenta"))
            case "setMessageReaction":
                self._console.print(Text("✍", style="magenta"))

    def _show_buttons(self, message: dict[str, Any]) -> None:
        for row in message.get("reply_markup", {}).get("inline_keyboard", []):
            labels = "  ".join(f"[{button['text']}]" for button in row)
            self._console.print(Text(f"  {labels}", style="bold"))


def _styled(message: dict[str, Any]) -> Text:
    """A message's text with its entities, whose offsets count UTF-16 units."""
    raw = message["text"].encode("utf-16-le")
    text = Text(message["text"])

    def at(units: int) -> int:
        return len(raw[: 2 * units].decode("utf-16-le"))

    for entity in message.get("entities", []):
        if style := STYLES.get(entity["type"]):
            text.stylize(style, at(entity["offset"]), at(entity["offset"] + entity["length"]))
    return text
