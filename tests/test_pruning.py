"""What nobody was shown is deleted; what anybody saw is kept."""

import random
from datetime import timedelta
from pathlib import Path

from conftest import Clock
from factories import make_pair
from sqlalchemy import func, select

from core.arena.boards import Boards, Place
from core.arena.contest import Contest
from core.arena.files import Files
from core.arena.pruning import KEPT_FOR, prune_duels
from core.arena.releases import Releases
from core.arena.schema import duels, lyrics
from core.arena.store import Store

LASTS = timedelta(hours=24)


async def test_what_nobody_was_shown_goes_and_what_anybody_saw_stays(
    store: Store, tmp_path: Path, clock: Clock
) -> None:
    releases = Releases(store, Files(tmp_path / "checkpoints"), clock)
    chance = random.Random(7)
    contest = Contest(store, releases, duel_lasts=LASTS, chance=chance, clock=clock)
    await releases.publish([make_pair()])
    ids = [(await contest.open_duel(1, "分开", inline=True)).id for _ in range(6)]
    ids.append((await contest.open_duel(1, "分开", room=5)).id)
    await contest.vote(2, ids[0], 1)
    await contest.encore(2, ids[1])
    await contest.like(2, ids[2])
    await contest.shown(ids[3], room=7, post=1)
    await Boards(store, clock).put(ids[4], Place(inline="x"), language="en")
    clock.advance(LASTS + KEPT_FOR)
    assert await prune_duels(store, clock()) == 0
    clock.advance(timedelta(seconds=1))
    assert await prune_duels(store, clock()) == 1
    async with store.read() as connection:
        kept = (await connection.scalars(select(duels.c.id).order_by(duels.c.id))).all()
        num_lyrics = await connection.scalar(select(func.count()).select_from(lyrics))
    assert kept == ids[:5] + ids[6:]
    assert num_lyrics == 2 * len(kept)
