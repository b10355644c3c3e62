"""The export: enough to redo the standings, and nothing that leads to a person."""

import csv
import json
import random
import sys
from collections import Counter
from collections.abc import AsyncIterator
from dataclasses import astuple, fields, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from conftest import Clock
from sqlalchemy import Table, insert

from core.arena import export
from core.arena.contest import Contest
from core.arena.export import COLUMNS, Format, Row, rows, write
from core.arena.files import Files
from core.arena.releases import Releases
from core.arena.schema import (
    activations,
    duels,
    encores,
    likes,
    lyrics,
    models,
    pairs,
    people,
    releases,
    vote_changes,
    votes,
)
from core.arena.standings import recount_all
from core.arena.store import Store
from core.arena.sums import Standing
from core.errors import LyricbotError

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
SALT = b"of the sea"
ACCOUNT = 7_700_000_000  # of the first person; the others follow
TEXT, ROOM = "一句谁也没唱过的歌", -8_800_000_000
NUM_PEOPLE, NUM_DUELS = 12, 20
Values = dict[str, Any]

RELEASE: Values = {"corpus_name": "小", "corpus_sha256": "0", "recipe_hash": "0"}
LYRIC: Values = {"prefix": TEXT, "text": TEXT, "seed": 1, "decoding": {}, "written_at": NOON}
ROW = Row(
    kind="vote",
    at=NOON,
    duel=1,
    release=2,
    pair=3,
    pair_seed=2**40,
    corpus="小",
    corpus_sha256="a" * 64,
    recipe="default",
    recipe_hash="b" * 12,
    asked_at=NOON - timedelta(microseconds=1),
    closes_at=NOON + timedelta(hours=1),
    sampler_1="random",
    sampler_2="consecutive",
    choice=1,
    chosen="random",
    person="0" * 16,
    left_out=False,
    asker="1" * 16,
)


def history() -> list[tuple[Table, list[Values]]]:
    """Two releases of two pairs each, and a year of answers, drawn by chance."""
    chance = random.Random(20260102)
    minute = timedelta(minutes=1)
    ids = range(1, 5)
    cast = [
        {"duel_id": d, "person_id": p, "choice": chance.choice([0, 1, 1, 2])}
        for d in range(1, NUM_DUELS + 1)
        for p in range(1, NUM_PEOPLE + 1)
        if chance.random() < 0.6
    ]
    chance.shuffle(cast)
    return [
        (
            people,
            [{"id": n + 1, "account": ACCOUNT + n, "first_seen": NOON} for n in range(NUM_PEOPLE)],
        ),
        (
            releases,
            [
                {"number": n, "recipe_name": f"recipe {n}", "published_at": NOON, **RELEASE}
                for n in (1, 2)
            ],
        ),
        (activations, [{"release": n, "at": NOON} for n in (1, 2)]),
        (
            pairs,
            [
                {
                    "id": n,
                    "release": (n + 1) // 2,
                    "number": 2 - n % 2,
                    "seed": 2**40 + n,
                    "updates": 1,
                }
                for n in ids
            ],
        ),
        (
            models,
            [
                {"pair_id": n, "sampler": sampler, "file_sha256": "0", "perplexity": 5.0}
                for n in ids
                for sampler in ("random", "consecutive")
            ],
        ),
        (
            lyrics,
            [{"id": n, "model_id": n % 8 + 1, **LYRIC} for n in range(1, 2 * NUM_DUELS + 1)],
        ),
        (
            duels,
            [
                {
                    "id": n,
                    "pair_id": chance.choice(ids),
                    "asker_id": chance.randint(1, NUM_PEOPLE),
                    "lyric_1_id": 2 * n - 1,
                    "lyric_2_id": 2 * n,
                    "sampler_1": chance.choice(["random", "consecutive"]),
                    "room": ROOM,
                    "opened_at": NOON + n * minute,
                    "closes_at": NOON + n * minute + timedelta(days=1),
                }
                for n in range(1, NUM_DUELS + 1)
            ],
        ),
        (
            votes,
            [
                {"id": n, "cast_at": NOON + n * minute, **vote}
                for n, vote in enumerate(cast, start=1)
            ],
        ),
        (
            vote_changes,
            [
                {"vote_id": n, "choice": (cast[n - 1]["choice"] + 1) % 3, "changed_at": NOON}
                for n in range(1, len(cast), 5)
            ],
        ),
        *[
            (
                table,
                [
                    {"duel_id": d, "person_id": p, "at": NOON}
                    for d in range(1, NUM_DUELS + 1)
                    for p in range(1, NUM_PEOPLE + 1)
                    if chance.random() < 0.2
                ],
            )
            for table in (encores, likes)
        ],
    ]


HISTORY = history()
OF = dict(HISTORY)


@pytest.fixture
async def full(store: Store) -> Store:
    async with store.write() as connection:
        for table, values in HISTORY:
            await connection.execute(insert(table), values)
    await recount_all(store, NOON)
    return store


async def all_of(store: Store, salt: bytes = SALT) -> list[Row]:
    return [row async for row in rows(store, salt)]


async def some(*given: Row) -> AsyncIterator[Row]:
    for row in given:
        yield row


# What is in it


async def test_the_standings_can_be_redone_from_the_csv_alone(
    full: Store, tmp_path: Path, clock: Clock
) -> None:
    file = tmp_path / "answers.csv"
    await write(rows(full, SALT), "csv", file)

    with file.open(encoding="utf-8", newline="") as opened:
        read = list(csv.DictReader(opened))

    def standing(of: list[dict[str, str]]) -> Standing:
        kinds = Counter(row["kind"] for row in of)
        cast = [row for row in of if row["kind"] == "vote"]
        won = Counter(row["chosen"] for row in cast)
        return Standing(
            won["random"],
            won["consecutive"],
            won[""],
            kinds["encore"],
            kinds["like"],
            len({row["person"] for row in cast}),
        )

    releases = Releases(full, Files(tmp_path / "checkpoints"), clock)
    contest = Contest(
        full, releases, duel_lasts=timedelta(days=1), chance=random.Random(1), clock=clock
    )
    counted = await contest.standings()
    assert counted.all_time == standing(read)
    assert counted.current == standing([row for row in read if row["release"] == "2"])
    assert min(astuple(counted.current)) > 0


async def test_votes_come_first_and_in_the_order_they_came(full: Store) -> None:
    exported = await all_of(full)
    kinds = [row.kind for row in exported]
    tables = {"vote": votes, "change": vote_changes, "encore": encores, "like": likes}
    assert kinds == [kind for kind, table in tables.items() for _ in OF[table]]
    moments = [row.at for row in exported if row.kind == "vote"]
    assert moments == sorted(moments)


async def test_a_row_says_what_was_dealt_and_what_was_answered(full: Store) -> None:
    exported = await all_of(full)
    of_duels = {duel["id"]: duel for duel in OF[duels]}
    for row, vote in zip(exported, OF[votes], strict=False):
        duel = of_duels[vote["duel_id"]]
        pair = OF[pairs][duel["pair_id"] - 1]
        assert (row.duel, row.choice, row.at) == (duel["id"], vote["choice"], vote["cast_at"])
        assert (row.release, row.pair) == (pair["release"], pair["number"])
        assert (row.pair_seed, row.recipe) == (pair["seed"], f"recipe {pair['release']}")
        assert (row.asked_at, row.closes_at) == (duel["opened_at"], duel["closes_at"])
        assert {row.sampler_1, row.sampler_2} == {"random", "consecutive"}
        assert row.sampler_1 == duel["sampler_1"]
        assert row.chosen == {0: "", 1: row.sampler_1, 2: row.sampler_2}[vote["choice"]]
    changes = [row for row in exported if row.kind == "change"]
    for row, change in zip(changes, OF[vote_changes], strict=True):
        vote = OF[votes][change["vote_id"] - 1]
        assert (row.duel, row.choice, row.at) == (vote["duel_id"], change["choice"], NOON)
    for row in exported:
        if row.kind in ("encore", "like"):
            assert (row.choice, row.chosen) == (None, "")


async def test_a_person_is_one_pseudonym_that_another_salt_changes(full: Store) -> None:
    exported, salted = await all_of(full), await all_of(full, b"of the earth")
    people_of_votes = [vote["person_id"] for vote in OF[votes]]
    pseudonyms = dict(zip(people_of_votes, (row.person for row in exported), strict=False))
    for row, person in zip(exported, people_of_votes, strict=False):
        assert row.person == pseudonyms[person]
        assert row.asker == pseudonyms[OF[duels][row.duel - 1]["asker_id"]]
    assert len({*pseudonyms.values()}) == NUM_PEOPLE
    assert all(len(one) == 16 and int(one, 16) >= 0 for one in pseudonyms.values())
    assert not {row.person for row in exported} & {row.person for row in salted}
    assert [replace(row, person="", asker="") for row in exported] == [
        replace(row, person="", asker="") for row in salted
    ]


@pytest.mark.parametrize("format", ["csv", "jsonl", "parquet"])
async def test_neither_an_account_nor_a_room_nor_a_text_gets_out(
    full: Store, tmp_path: Path, format: Format
) -> None:
    file = tmp_path / "answers"
    await write(rows(full, SALT), format, file)
    written = file.read_bytes()
    assert TEXT.encode() not in written
    for number in (*range(ACCOUNT, ACCOUNT + NUM_PEOPLE), ROOM):
        assert str(number).encode() not in written
        assert number.to_bytes(8, "little", signed=True) not in written


@pytest.mark.parametrize("page", [1, 3, 7, len(OF[votes]), 10_000])
async def test_read_in_pages_of_any_size_nothing_is_lost_nor_twice(
    full: Store, monkeypatch: pytest.MonkeyPatch, page: int
) -> None:
    whole = await all_of(full)
    monkeypatch.setattr(export, "PAGE", page)
    assert await all_of(full) == whole


async def test_a_vote_that_comes_meanwhile_stays_out_with_its_changes(full: Store) -> None:
    exported = rows(full, SALT)
    first = await anext(exported)
    cast = {(vote["duel_id"], vote["person_id"]) for vote in OF[votes]}
    duel, person = next(
        (d, p) for d in range(1, 20) for p in range(1, NUM_PEOPLE) if (d, p) not in cast
    )
    async with full.write() as connection:
        answer = {"duel_id": duel, "person_id": person, "choice": 1, "cast_at": NOON}
        await connection.execute(insert(votes).values(id=9999, **answer))
        change = {"vote_id": 9999, "choice": 2, "changed_at": NOON}
        await connection.execute(insert(vote_changes).values(change))
    kinds = Counter([first.kind, *[row.kind async for row in exported]])
    assert (kinds["vote"], kinds["change"]) == (len(OF[votes]), len(OF[vote_changes]))


async def test_of_an_empty_database_there_are_no_rows(store: Store) -> None:
    assert await all_of(store) == []


# How it is written


def test_the_columns_are_these() -> None:
    assert ",".join(COLUMNS) == (
        "kind,at,duel,release,pair,pair_seed,corpus,corpus_sha256,recipe,recipe_hash,asked_at,closes_at,"
        "sampler_1,sampler_2,choice,chosen,person,left_out,asker"
    )


LIKE = replace(ROW, kind="like", choice=None, chosen="")


async def test_csv_is_a_header_and_a_line_a_row(tmp_path: Path) -> None:
    file = tmp_path / "answers.csv"
    assert await write(some(ROW, LIKE), "csv", file) == 2
    of_duel = (
        "2026-01-01T12:00:00.000000+00:00,1,2,3,1099511627776,小,"
        f"{'a' * 64},default,{'b' * 12},"
        "2026-01-01T11:59:59.999999+00:00,2026-01-01T13:00:00.000000+00:00,random,consecutive"
    )
    people = f"{'0' * 16},False,{'1' * 16}"
    assert file.read_bytes().decode().split("\n") == [
        ",".join(COLUMNS),
        f"vote,{of_duel},1,random,{people}",
        f"like,{of_duel},,,{people}",
        "",
    ]


async def test_jsonl_is_an_object_a_line(tmp_path: Path) -> None:
    file = tmp_path / "answers.jsonl"
    assert await write(some(ROW, LIKE), "jsonl", file) == 2
    one, two = map(json.loads, file.read_text(encoding="utf-8").splitlines())
    assert [*one] == [*COLUMNS]
    assert (one["at"], one["choice"]) == ("2026-01-01T12:00:00.000000+00:00", 1)
    assert (two["kind"], two["choice"], two["chosen"]) == ("like", None, "")
    assert (two["corpus"], two["pair_seed"]) == ("小", 2**40)


@pytest.mark.parametrize("num_rows", [0, 1, 4, 5])
async def test_parquet_holds_the_rows_in_groups_with_moments_as_moments(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, num_rows: int
) -> None:
    parquet = pytest.importorskip("pyarrow.parquet")
    monkeypatch.setattr(export, "GROUP", 2)
    file = tmp_path / "answers.parquet"
    written = [replace(ROW, duel=n) for n in range(num_rows)]
    if written:
        written[-1] = LIKE
    assert await write(some(*written), "parquet", file) == num_rows
    read = parquet.ParquetFile(file)
    assert read.num_row_groups == (num_rows + 1) // 2
    types = {str(field.type) for field in read.schema_arrow}
    assert types == {"string", "int64", "bool", "timestamp[us, tz=UTC]"}
    assert [Row(**row) for row in read.read().to_pylist()] == written
    read.close()


@pytest.mark.parametrize("format", ["csv", "jsonl"])
async def test_without_a_file_it_goes_to_the_standard_output(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], format: Format
) -> None:
    file = tmp_path / "answers"
    await write(some(ROW, LIKE), format, file)
    assert await write(some(ROW, LIKE), format, None) == 2
    assert capsys.readouterr().out == file.read_text(encoding="utf-8")
    print("and what comes after")  # it is still open


async def test_parquet_wants_a_file() -> None:
    with pytest.raises(LyricbotError, match="name one"):
        await write(some(ROW), "parquet", None)


async def test_without_pyarrow_it_says_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(LyricbotError, match=r"pip install 'lyricbot\[parquet\]'"):
        await write(some(ROW), "parquet", tmp_path / "answers.parquet")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("format", ["csv", "jsonl", "parquet"])
async def test_a_file_is_replaced_only_by_a_whole_one(tmp_path: Path, format: Format) -> None:
    async def cut_short() -> AsyncIterator[Row]:
        yield ROW
        raise ConnectionError  # as a database does that is away

    file = tmp_path / "answers"
    file.write_text("of yesterday")
    with pytest.raises(ConnectionError):
        await write(cut_short(), format, file)
    assert file.read_text() == "of yesterday"
    assert [path.name for path in tmp_path.iterdir()] == ["answers"]
    await write(some(ROW), format, file)
    assert file.read_bytes() != b"of yesterday"
    assert [path.name for path in tmp_path.iterdir()] == ["answers"]


@pytest.mark.parametrize("format", ["csv", "jsonl", "parquet"])
async def test_a_file_that_cannot_be_written_is_named(tmp_path: Path, format: Format) -> None:
    with pytest.raises(LyricbotError, match="nowhere"):
        await write(some(ROW), format, tmp_path / "nowhere" / "answers")


def test_no_column_is_named_after_what_must_not_get_out() -> None:
    assert not {"account", "room", "text", "prefix"} & {field.name for field in fields(Row)}
