"""Writing: one lyric, many lyrics, and a bot from its start to its first duel."""

import asyncio
import os
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path

import torch
from botapi_http import HttpBotApi
from factories import make_pair

from bench.reference import Article
from bench.rows import Row
from bot.botapi import BotApi
from bot.services import open_services
from core.lyrics.corpus import Corpus
from core.lyrics.decoding import Decoding
from core.lyrics.recipe import ARTICLE, DEFAULT
from core.lyrics.writer import Writer
from core.rnn.run import Entry
from core.rnn.train import train
from core.settings import load_settings

ARTICLE_START = replace(ARTICLE, num_epochs=1)
CHARACTERS = 50
TOKEN = "123456789:AAHdqTcvCH1vGWJxfSeofSAs0K5PALDsaw0"
LYRICBOT = [sys.executable, "-c", "from bot.cli import main; main()"]


def lyrics(corpus: Corpus, rate: float, repeats: int, many: int) -> list[Row]:
    """One lyric by the likeliest characters, and many by chance."""
    material = ARTICLE.prepare(corpus)
    indices = material.vocabulary.encode(material.train)
    size = len(material.vocabulary)
    article = Article(indices, size, is_random_iter=True, seed=0)
    (checkpoint,) = train(
        corpus, ARTICLE_START, [Entry("random", 0)], device=torch.device("cpu"), processes=1
    )
    writer = Writer(checkpoint)
    prefix = writer.read_prefix(material.train[:200].strip()[:2])
    prefix_indices = material.vocabulary.encode(prefix.text)
    argmax = Decoding(temperature=0.0, characters=CHARACTERS)
    theirs = mine = float("inf")
    for _ in range(10 * repeats):
        began = time.perf_counter()
        article.predict(prefix_indices, CHARACTERS)
        between = time.perf_counter()
        writer.write(prefix, seed=0, decoding=argmax)
        mine = min(mine, time.perf_counter() - between)
        theirs = min(theirs, between - began)
    work = f"one lyric of {CHARACTERS} characters, argmax"
    h = ARTICLE.network.num_hiddens
    # A step for every character read, the last written one left out; logits for each written.
    reads = CHARACTERS + len(prefix_indices) - 1
    numbers = h * (h * reads + size * CHARACTERS)
    weights = 4 * numbers
    note = f"reads {weights / mine / 1e9:.0f} GB/s of weights"
    rows = [
        Row(work, "article", 1e3 * theirs, "ms"),
        Row(work, "lyricbot", 1e3 * mine, "ms", note, theirs / mine, "article", 3.5),
    ]
    wild = Decoding(temperature=0.8, characters=CHARACTERS)
    least = float("inf")
    for _ in range(repeats):
        began = time.perf_counter()
        writer.write_many([prefix] * many, seeds=range(many), decoding=wild)
        least = min(least, time.perf_counter() - began)
    share = 100 * many * 2 * numbers / least / rate
    work = f"lyrics of {CHARACTERS} characters, many at once"
    note = f"temperature 0.8; {share:.0f} % of the float32 rate"
    rows.append(Row(work, "lyricbot", many / least, "lyrics/s", note, wanted=3_000))
    return rows


def keeping_off(corpus: Corpus, repeats: int) -> list[Row]:
    """What it costs a lyric that it neither copies nor repeats."""
    recipe = replace(DEFAULT, num_epochs=1)
    device = torch.device("cpu")
    (checkpoint,) = train(corpus, recipe, [Entry("random", 0)], device=device, processes=1)
    writer = Writer(checkpoint)
    prefix = writer.read_prefix(checkpoint.openings[0])
    ways = {
        "unguarded": replace(
            recipe.decoding, max_run=0, max_copied=1.0, max_repeat=0, frequency_penalty=0.0
        ),
        "lyricbot": recipe.decoding,
    }
    rows = []
    for many in (1, 64):
        least = dict.fromkeys(ways, float("inf"))  # of a character: lines are of other lengths
        for seed in range(10 * repeats):
            for name, way in ways.items():
                began = time.perf_counter()
                lyrics = writer.write_many(
                    [prefix] * many, seeds=range(seed, seed + many), decoding=way
                )
                took = time.perf_counter() - began
                longest = max(len(one.text) for one in lyrics)
                least[name] = min(least[name], took / longest)
        plain, mine = least.values()
        work = f"a step of {many} lyric{'s' * (many > 1)}, default"
        rows += [
            Row(work, "unguarded", 1e3 * plain, "ms"),
            Row(work, "lyricbot", 1e3 * mine, "ms", "", plain / mine, "unguarded", 1 / 1.5),
        ]
    return rows


def bot_start() -> list[Row]:
    """From the start of the process to its first duel in the chat."""
    before = Path.cwd()
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        try:
            seconds, megabytes, has_torch = asyncio.run(_bot_start())
        finally:
            os.chdir(before)
    work = "a bot from its start to its first duel"
    torch_too = "torch imported" if has_torch else "torch not imported"
    return [
        Row(work, "lyricbot", seconds, "s", torch_too, wanted=1.0),
        Row(work, "lyricbot", megabytes, "MB at most", wanted=140),
    ]


async def _bot_start() -> tuple[float, float, bool]:
    async with open_services(load_settings()) as services:
        await services.releases.publish([make_pair(recipe=ARTICLE)])
    api = BotApi(TOKEN)
    person = api.person(7, "A", language_code="zh")
    chat = api.private_chat(person)
    api.send(person, chat, "/write 分开")
    async with HttpBotApi(api) as url:
        environment = os.environ | {"LYRICBOT_TOKEN": TOKEN, "LYRICBOT_API_URL": url}
        began = time.perf_counter()
        process = await asyncio.create_subprocess_exec(
            *LYRICBOT, "bot", env=environment, stderr=asyncio.subprocess.DEVNULL
        )
        async with asyncio.timeout(60):
            while not any("reply_markup" in message for message in api.messages(chat)):
                await asyncio.sleep(0.005)
        seconds = time.perf_counter() - began
        process_files = Path(f"/proc/{process.pid}")
        status = (process_files / "status").read_text().splitlines()
        peak = next(line for line in status if line.startswith("VmHWM"))
        has_torch = "libtorch" in (process_files / "maps").read_text()
        process.kill()
        await process.wait()
    return seconds, int(peak.split()[1]) / 1024, has_torch
