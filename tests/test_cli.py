"""The command line, run as people run it."""

import json
import os
import re
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
import torch
from factories import TEXT, make_checkpoint, make_pair

from bot.services import open_services
from core.arena.releases import Release
from core.lyrics.checkpoint import Checkpoint
from core.rnn.device import choose_products, num_cores
from core.settings import load_settings

LYRICBOT = [sys.executable, "-c", "from bot.cli import main; main()"]


# The default recipe, of a network that soon knows more than how frequent each character is.
QUICKLY = """
from dataclasses import replace
from core.lyrics import recipe
network = recipe.Network(cell="gru", num_hiddens=64, num_embed=64, tied=True, start="scaled")
recipe.RECIPES["default"] = replace(
    recipe.DEFAULT, network=network, batch_size=8, noise=0.0, warmup=0, average=0.0, num_epochs=3
)
"""


def run(*arguments: str, stdin: str = "", **settings: str) -> subprocess.CompletedProcess[str]:
    environment = os.environ | {f"LYRICBOT_{k}": v for k, v in settings.items()}
    return subprocess.run(
        [*LYRICBOT, *arguments],
        input=stdin,
        capture_output=True,
        text=True,
        env=environment,
        timeout=900,
    )


def ran(*arguments: str, stdin: str = "") -> str:
    done = run(*arguments, stdin=stdin)
    assert done.returncode == 0, done.stderr
    return done.stdout


def unwrapped(chat: str) -> str:
    """Without what a line is wrapped by."""
    return re.sub(r"[│\s]", "", chat)


def refused(*arguments: str) -> str:
    """What is said on stderr: one message, no traceback."""
    done = run(*arguments)
    assert done.returncode == 1, done.stdout
    assert done.stderr.startswith("lyricbot: ")
    assert "Traceback" not in done.stderr
    return done.stderr


async def current() -> Release:
    async with open_services(load_settings()) as services:
        release = await services.releases.current()
    assert release is not None
    return release


async def publish() -> None:
    async with open_services(load_settings()) as services:
        await services.releases.publish([make_pair()])


@pytest.fixture
def lyrics() -> str:
    Path("mine.txt").write_text(TEXT, encoding="gb18030")
    return "mine.txt"


def test_the_demo_trains_publishes_and_chats_through_a_pipe() -> None:
    done = subprocess.run(
        [sys.executable, "-c", f"{QUICKLY}\nfrom bot.cli import main; main()", "demo"],
        input="/write 分开\n1\n3\n/stats\n",
        capture_output=True,
        text=True,
        timeout=900,
    )
    assert done.returncode == 0, done.stderr
    chat = unwrapped(done.stdout)
    assert "Publishedasrelease1" in chat
    assert "哪一首更好？" in chat
    assert "你选了1" in chat
    assert "记下了：你能唱。" in chat
    assert "全部1票" in chat


async def test_a_second_demo_trains_no_more_and_remembers_the_votes() -> None:
    await publish()
    assert "全部1票" in unwrapped(ran("demo", stdin="/write 分开\n2\n/stats"))
    again = unwrapped(ran("demo", stdin="/stats\n/write 月光\n2\n/stats\n"))
    assert "Training" not in again
    assert "全部1票" in again
    assert "全部2票" in again


async def test_the_demo_keeps_a_picture_of_the_chat() -> None:
    await publish()
    ran("demo", "--svg", "duel.svg", stdin="/write 分开\n1\n")
    picture = Path("duel.svg").read_text()
    assert picture.startswith("<svg")
    assert "我能唱" in picture


async def test_the_demo_survives_what_telegram_would_not_send() -> None:
    await publish()
    chat = ran("demo", stdin=f"\n   \n{'长' * 5000}\n/write 分开\n9\n👍\n")
    assert "4096" in chat
    assert "谢谢喜欢" in chat


async def test_train_publishes_a_release_and_prints_a_table(lyrics: str) -> None:
    said = ran("train", "--corpus", lyrics, "--epochs", "1", "--pairs", "2", "--seed", "3")
    assert "Published as release 1" in said
    assert said.count("consecutive") >= 2
    release = await current()
    assert release.corpus_name == "mine"
    assert [pair.seed for pair in release.pairs] == [3, 4]
    assert all(pair.random.held_out is not None for pair in release.pairs)


def test_train_prints_one_json_object_an_event(lyrics: str) -> None:
    done = run("train", "--corpus", lyrics, "--epochs", "2", "--json", DEVICE="cpu")
    events: list[dict[str, Any]] = [json.loads(line) for line in done.stdout.splitlines()]
    assert [event["event"] for event in events] == [
        "start",
        *["epoch"] * 4,
        *["trained"] * 2,
        "published",
    ]
    start, epochs, trained = events[0], events[1:5], events[5:7]
    products = choose_products(torch.device("cpu"), "fastest")
    assert start == {
        "event": "start",
        "device": "cpu",
        "processes": min(2, num_cores()),
        "threads": max(1, num_cores() // 2),
        "products": str(products.dtype).removeprefix("torch."),
        "why": products.why,
        "epochs_done": 0,
    }
    assert [(e["pair"], e["sampler"], e["epoch"], e["epochs"]) for e in epochs] == [
        (1, "random", 1, 2),
        (1, "consecutive", 1, 2),
        (1, "random", 2, 2),
        (1, "consecutive", 2, 2),
    ]
    assert all(e["perplexity"] > 1 and e["held_out"] > 1 and e["seconds"] > 0 for e in epochs)
    assert not any("samples" in e for e in epochs)  # the recipe reports every fifth
    assert [(e["pair"], e["sampler"]) for e in trained] == [(1, "random"), (1, "consecutive")]
    for one in trained:
        assert set(one["samples"]) == {"分开", "不分开"}
        (reached,) = (
            e for e in epochs if (e["sampler"], e["epoch"]) == (one["sampler"], one["epoch"])
        )
        assert (one["perplexity"], one["held_out"]) == (reached["perplexity"], reached["held_out"])
        assert one["updates"] > 0
    assert events[-1] == {"event": "published", "release": 1}


def test_samples_are_printed_with_the_epochs_that_are_reported(lyrics: str) -> None:
    said = ran("train", "--corpus", lyrics, "--epochs", "5", "--json", "--out", "models")
    epochs = [e for e in map(json.loads, said.splitlines()) if e["event"] == "epoch"]
    assert [e["epoch"] for e in epochs if "samples" in e] == [5, 5]
    assert set(epochs[-1]["samples"]) == {"分开", "不分开"}


def test_pairs_are_numbered_in_the_events_and_the_files_named_by_seed(lyrics: str) -> None:
    said = ran(
        "train", "--corpus", lyrics, "--epochs", "1", "--pairs", "2", "--seed", "5", "--json",
        "--out", "models",
    )  # fmt: skip
    events = [json.loads(line) for line in said.splitlines()]
    models = [(pair, sampler) for pair in (1, 2) for sampler in ("random", "consecutive")]
    for kind in ("epoch", "trained", "saved"):
        assert [(e["pair"], e["sampler"]) for e in events if e["event"] == kind] == models
    saved = [e["file"] for e in events if e["event"] == "saved"]
    assert saved == [
        f"models/mine-default-{4 + pair}-{sampler}.safetensors" for pair, sampler in models
    ]
    assert sorted(saved) == sorted(map(str, Path("models").iterdir()))
    for file, (pair, sampler) in zip(saved, models, strict=True):
        checkpoint = Checkpoint.load(Path(file))
        assert (checkpoint.seed, checkpoint.sampler) == (4 + pair, sampler)


def test_stats_are_for_people_or_for_machines() -> None:
    done = run("stats", "--json", "--explain")
    assert done.returncode == 2
    assert "not both" in done.stderr


def test_train_draws_the_curves_when_asked(lyrics: str) -> None:
    said = ran("train", "--corpus", lyrics, "--epochs", "2", "--out", "models",
               "--plot", "curves.png")  # fmt: skip
    assert "Drew curves.png" in said
    assert Path("curves.png").read_bytes().startswith(b"\x89PNG")
    done = run("train", "--corpus", lyrics, "--plot", "curves.jpg")
    assert done.returncode == 2
    assert ".png" in done.stderr


@pytest.mark.parametrize("sampler", ["random", "both"])
def test_train_with_out_writes_files_and_publishes_nothing(lyrics: str, sampler: str) -> None:
    said = ran(
        "train", "--corpus", lyrics, "--epochs", "1", "--sampler", sampler, "--out", "models"
    )
    files = sorted(Path("models").iterdir())
    assert len(files) == (2 if sampler == "both" else 1)
    for file in files:
        assert str(file) in said
        assert Checkpoint.load(file).corpus_name == "mine"
    assert not Path("data").exists()
    assert ran("write", "分开", "--model", str(files[-1]), "--seed", "1").count("分开") >= 1


def test_one_sampler_alone_is_never_published(lyrics: str) -> None:
    said = ran("train", "--corpus", lyrics, "--epochs", "1", "--sampler", "consecutive")
    assert "Saved checkpoints/unpublished/mine-default-0-consecutive.safetensors" in said
    assert not Path("data").exists()


def test_the_article_prints_its_prefixes_every_50_epochs(lyrics: str) -> None:
    Path("long.txt").write_text(TEXT)
    said = ran("train", "--corpus", "long.txt", "--recipe", "article", "--epochs", "50",
               "--sampler", "random")  # fmt: skip
    assert "epoch 50, perplexity" in said
    assert "分开 ▸ 分开" in said
    assert "不分开 ▸ 不分开" in said


async def test_write_says_the_same_for_the_same_seed_and_names_the_sampler() -> None:
    await publish()
    one = ran("write", "分开", "--seed", "5", "--lines", "3")
    assert one == ran("write", "分开", "--seed", "5", "--lines", "3")
    assert one != ran("write", "分开", "--seed", "6", "--lines", "3")
    assert "# random, seed 5" in one
    assert "# consecutive, seed 5" in one
    alone = ran("write", "分开", "--seed", "5", "--lines", "3", "--sampler", "random")
    assert one.startswith(alone)
    assert len(alone.strip().splitlines()) == 4


async def test_write_takes_forms_as_words_and_as_flags() -> None:
    await publish()
    words = ran("write", "分开 押韵 4x5", "--seed", "5")
    flags = ran("write", "分开", "--rhyme", "aa", "--form", "4x5", "--seed", "5")
    assert (
        words == flags == ran("write", "分开", "--rhyme", "押韵", "--form", "4x5", "--seed", "5")
    )
    assert "original " in words
    other = run("write", "分开", "--rhyme", "all")
    assert (other.returncode, "一韵到底" in other.stderr) == (2, True)
    first = ran("write", "--acrostic", "月光下", "--seed", "5", "--sampler", "random")
    assert [line[0] for line in first.splitlines()[1:4]] == ["月", "光", "下"]
    assert "2 to 20 lines" in refused("write", "分开", "--form", "0x7")
    assert run("write", "分开", "--form", "押韵 8x7").returncode == 2
    assert run("write", "--acrostic", "月光下", "--lines", "2").returncode == 2
    assert "no line can begin with it" in refused("write", "--acrostic", "龙月")


async def test_judge_measures_what_a_release_writes_and_keeps_it() -> None:
    await publish()
    said = ran("judge", "--n", "20", "--picture", "judge.png")
    assert all(word in said for word in ("random", "consecutive", "corpus", "in copied runs of 6"))
    assert Path("judge.png").read_bytes().startswith(b"\x89PNG")
    kept = (await current()).pairs[0].random.measures
    assert kept is not None
    measured = json.loads(ran("judge", "--n", "20", "--json"))
    assert (measured["release"], measured["lyrics"]) == (1, 20)
    assert measured["measures"]["random"] == kept.to_json()
    ran("judge", "--n", "2")  # which tells less than what is kept
    assert (await current()).pairs[0].random.measures == kept
    assert "no release 7" in refused("judge", "--release", "7")


async def test_write_refuses_what_no_lyric_can_begin_with() -> None:
    assert "lyricbot train" in refused("write", "分开")
    await publish()
    assert "50" in refused("write", "分" * 51)
    assert "分开" in refused("write", "😀")
    skipped = run("write", "分😀开")
    assert skipped.returncode == 0
    assert "😀" in skipped.stderr


def test_write_names_a_damaged_file() -> None:
    file = Path("model.safetensors")
    make_checkpoint().save(file)
    file.write_bytes(file.read_bytes()[:-9])
    assert "model.safetensors" in refused("write", "分开", "--model", str(file))


def test_a_corpus_is_checked_added_listed_and_learned_from(lyrics: str) -> None:
    checked = ran("corpus", "check", lyrics)
    assert "gb18030" in checked
    assert f"{len(TEXT):,}" in checked
    assert "added as 我的" in ran("corpus", "add", lyrics, "--name", "我的")
    listed = ran("corpus", "list")
    assert "bundled" in listed
    assert "我的" in listed
    assert "Published" in ran("train", "--corpus", "我的", "--epochs", "1")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["train", "--corpus", "nowhere"], "corpus add"),
        (["train", "--corpus", "nowhere.txt"], "no such file"),
        (["train", "--recipe", "cake"], "article"),
        (["corpus", "check", "nowhere.txt"], "no such file"),
    ],
)
def test_what_is_not_there_is_named_with_what_to_do(arguments: list[str], said: str) -> None:
    assert said in refused(*arguments)


def test_a_corpus_too_short_is_refused_with_the_number_needed() -> None:
    Path("short.txt").write_text("分开\n" * 10)
    # 32 rows of 35 steps and one more, wherever a pass begins in the first 35 characters.
    assert str(32 * 36 + 34) in refused("train", "--corpus", "short.txt")


def test_db_upgrade_makes_the_database() -> None:
    assert "up to date" in ran("db", "upgrade")
    assert Path("data/state/app.sqlite").is_file()
    assert "up to date" in ran("db", "upgrade")


EACH = """
import json, sys
from contextlib import redirect_stderr, redirect_stdout
from io import StringIO
from bot.cli import main
for arguments in sys.stdin.read().splitlines():
    sys.argv, code = ["lyricbot", *arguments.split()], 0
    with redirect_stdout(StringIO()) as out, redirect_stderr(StringIO()) as err:
        try:
            main()
        except SystemExit as exit:
            code = exit.code
    print(json.dumps([arguments, code, out.getvalue(), err.getvalue()]))
"""
NEED_THE_DATABASE = (
    *("bot", "worker", "demo", "train", "write 分开", "judge", "retrain", "jobs", "cancel"),
    *("corpus list", "corpus add my.txt", "releases list", "releases use 1", "releases rollback"),
    *("export votes", "backup new.zip", "restore made.zip", "db upgrade", "doctor"),
)


def test_whatever_needs_the_database_refuses_one_of_a_newer_version_with_a_line() -> None:
    Path("my.txt").write_text(TEXT)
    ran("corpus", "add", "my.txt")  # so that there is something to back up
    ran("backup", "made.zip")
    with closing(sqlite3.connect("data/state/app.sqlite")) as connection, connection:
        connection.execute("UPDATE alembic_version SET version_num = 'm999'")
    kept = Path("data/state/app.sqlite").read_bytes()
    done = subprocess.run(
        [sys.executable, "-c", EACH],
        input="\n".join(NEED_THE_DATABASE),
        capture_output=True,
        text=True,
        env=os.environ | {"LYRICBOT_TOKEN": "123:abc", "LYRICBOT_API_URL": "http://127.0.0.1:1"},
        timeout=300,
    )
    ended = [json.loads(line) for line in done.stdout.splitlines()]
    assert [arguments for arguments, *_ in ended] == [*NEED_THE_DATABASE], done.stderr
    line = "The database was written by a newer version of lyricbot. Install that version"
    for arguments, code, out, err in ended:
        assert code == 1, arguments
        if arguments == "doctor":  # which says all that it finds
            assert f"✗ database     {line}" in out
        else:
            assert err.startswith(f"lyricbot: {line}"), arguments
            assert err.count("\n") == 1, arguments
    assert Path("data/state/app.sqlite").read_bytes() == kept
    assert not Path("new.zip").exists()


@pytest.mark.parametrize(
    "url", ["sqlite:////dev/null/app.sqlite", "postgresql://me:secret@127.0.0.1:1/app"]
)
def test_a_database_that_cannot_be_opened_is_named_without_its_password(url: str) -> None:
    done = run("db", "upgrade", DATABASE_URL=url)
    assert done.returncode == 1
    assert done.stderr.startswith("lyricbot: The database ")
    assert "LYRICBOT_DATABASE_URL" in done.stderr
    assert "Traceback" not in done.stderr
    assert "secret" not in done.stderr


def test_a_folder_that_cannot_be_written_to_is_named(lyrics: str) -> None:
    assert "/dev/null" in refused(
        "train", "--corpus", lyrics, "--epochs", "1", "--out", "/dev/null/x"
    )


def test_wrong_settings_are_one_message() -> None:
    done = run("db", "upgrade", DEVICE="gpu", ADMINS="x")
    assert done.returncode == 1
    assert "LYRICBOT_DEVICE" in done.stderr
    assert "LYRICBOT_ADMINS" in done.stderr
    assert "Traceback" not in done.stderr


def test_help_names_every_command() -> None:
    said = ran("--help")
    assert all(name in said for name in ("demo", "bot", "train", "write", "corpus", "db"))


async def test_votes_are_exported_with_the_same_pseudonyms_under_the_same_salt() -> None:
    async with open_services(load_settings()) as services:
        await services.releases.publish([make_pair()])
        duel = await services.contest.open_duel(12345, "分开")
        await services.contest.vote(67890, duel.id, 1)
    shown = ran("export", "votes", "--salt", "pepper")
    assert shown.splitlines()[0].startswith("kind,at,duel,release")
    assert len(shown.splitlines()) == 2
    assert "12345" not in shown
    assert "67890" not in shown
    assert ran("export", "votes", "--salt", "pepper") == shown
    assert ran("export", "votes") != shown
    said = ran("export", "votes", "--format", "parquet", "--out", "votes.parquet")
    assert "1 rows" in said
    assert Path("votes.parquet").read_bytes().startswith(b"PAR1")
    assert "name one" in refused("export", "votes", "--format", "parquet")
