"""What /stats costs with many votes stored: nothing is counted again."""

import asyncio
import random
import tempfile
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import Table, insert

from bench.rows import Row
from bot.rendering import standings_message
from bot.texts import texts_for
from core.arena.files import Files
from core.arena.migrate import upgrade
from core.arena.releases import Releases
from core.arena.schema import activations, duels, lyrics, models, pairs, people, releases, votes
from core.arena.standings import recount_all, standings
from core.arena.store import Store

MANY = 1_000_000
A_DUEL, A_PERSON = 5, 30  # votes
WITHIN = 20.0  # ms
CHUNK = 10_000
NOON = datetime(2026, 1, 2, 12, tzinfo=UTC)
Values = dict[str, Any]


def standing(*, small: bool = False) -> list[Row]:
    """How long the text of /stats takes, with few votes and with many; and counting them anew."""
    many = 50_000 if small else MANY
    few_ms, _ = asyncio.run(_measured(many // 100))
    many_ms, anew = asyncio.run(_measured(many))
    work = "the text of /stats"
    return [
        Row(work, f"{many // 100:,} votes", few_ms, "ms"),
        Row(work, f"{many:,} votes", many_ms, "ms", wanted=WITHIN),
        Row("sums made anew", f"{many:,} votes", many / anew, "votes/s"),
    ]


async def _measured(many: int) -> tuple[float, float]:
    """Milliseconds of the text, and seconds of a recount."""
    with tempfile.TemporaryDirectory() as folder:
        url = f"sqlite+aiosqlite:///{folder}/app.sqlite"
        await upgrade(url)
        store = Store(url)
        try:
            for table, rows in _history(many):
                await store.run(lambda connection: connection.execute(insert(table), rows))
            now = NOON + timedelta(days=400)
            began = time.perf_counter()
            await recount_all(store, now)
            anew = time.perf_counter() - began
            known = Releases(store, Files(str(Path(folder) / "checkpoints")), lambda: now)
            took = []
            for _ in range(100):
                began = time.perf_counter()
                found = await standings(store, await known.current(), now)
                standings_message(found, texts_for("zh"))
                took.append(time.perf_counter() - began)
        finally:
            await store.close()
    return 1_000 * sorted(took)[len(took) // 2], anew


def _history(many: int) -> Iterator[tuple[Table, list[Values]]]:
    """A release, and votes over a year."""
    chance = random.Random(1)
    num_duels, num_people = many // A_DUEL, many // A_PERSON
    yield (
        releases,
        [
            {
                "number": 1,
                "corpus_name": "made up",
                "corpus_sha256": "0",
                "recipe_name": "default",
                "recipe_hash": "0",
                "published_at": NOON,
            }
        ],
    )
    yield activations, [{"release": 1, "at": NOON}]
    yield pairs, [{"id": n, "release": 1, "number": n, "seed": n, "updates": 1} for n in (1, 2)]
    yield (
        models,
        [
            {"id": 2 * n + m, "pair_id": n, "sampler": s, "file_sha256": "0", "perplexity": 5.0}
            for n in (1, 2)
            for m, s in enumerate(("random", "consecutive"))
        ],
    )
    seen = {"first_seen": NOON}
    for some in _chunks(num_people):
        yield people, [{"id": n, "account": n, **seen} for n in some]
    lyric = {"prefix": "分开", "text": "分开", "seed": 1, "decoding": {}, "written_at": NOON}
    for some in _chunks(2 * num_duels):
        yield lyrics, [{"id": n, "model_id": 2 + n % 2, **lyric} for n in some]
    year = timedelta(days=365) / num_duels
    for some in _chunks(num_duels):
        yield (
            duels,
            [
                {
                    **{"id": n, "pair_id": 1 + n % 2, "asker_id": 1 + n % num_people},
                    **{"lyric_1_id": 2 * n - 1, "lyric_2_id": 2 * n},
                    "sampler_1": chance.choice(("random", "consecutive")),
                    "opened_at": NOON + n * year,
                    "closes_at": NOON + n * year + timedelta(days=1),
                }
                for n in some
            ],
        )
    for some in _chunks(num_duels):
        yield (
            votes,
            [
                {
                    "duel_id": n,
                    "person_id": person,
                    "choice": chance.choice((0, 1, 1, 1, 2, 2)),
                    "cast_at": NOON + n * year + timedelta(minutes=1),
                }
                for n in some
                for person in chance.sample(range(1, num_people + 1), A_DUEL)
            ],
        )


def _chunks(many: int) -> Iterator[range]:
    for begin in range(1, many + 1, CHUNK):
        yield range(begin, min(begin + CHUNK, many + 1))
