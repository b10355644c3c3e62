"""The command line. Each command imports what it needs when it runs, so that `--help` is quick."""

import asyncio
import logging
import os
import sys
import traceback
from collections.abc import Awaitable, Callable, Sequence
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

import typer

from core.errors import LyricbotError
from core.settings import Settings, load_settings

if TYPE_CHECKING:
    from bot.services import Services
    from bot.training_view import TrainingView
    from core.arena.archive import Contents
    from core.arena.backup import Backup
    from core.arena.files import Files
    from core.lyrics.checkpoint import Checkpoint
    from core.lyrics.corpus import Corpus, Dropped
    from core.lyrics.measure import Measures
    from core.lyrics.recipe import Sampler
    from core.lyrics.writer import Lyric, Writer

T = TypeVar("T")

app = typer.Typer(
    help="Two samplers, one recurrent network, and a blind contest: which writes better lyrics?",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
corpus_app = typer.Typer(help="The texts that can be learned from.", no_args_is_help=True)
db_app = typer.Typer(help="The database.", no_args_is_help=True)
app.add_typer(corpus_app, name="corpus")
releases_app = typer.Typer(help="The releases, and which one writes.", no_args_is_help=True)
app.add_typer(db_app, name="db")
app.add_typer(releases_app, name="releases")
export_app = typer.Typer(help="What others may count again.", no_args_is_help=True)
app.add_typer(export_app, name="export")


class SamplerName(StrEnum):
    """The samplers to train; both make a pair."""

    random = "random"
    consecutive = "consecutive"
    both = "both"


class ExportFormat(StrEnum):
    """What votes are written as."""

    csv = "csv"
    jsonl = "jsonl"
    parquet = "parquet"


def _png(file: Path | None) -> Path | None:
    if file is not None and file.suffix.lower() != ".png":
        raise typer.BadParameter(f"{file} should end in .png")
    return file


def main() -> None:
    """Run; what went wrong is one line (or a few) on stderr, and exit 1.

    What it makes is for the user who runs it alone, whatever the umask was.
    """
    os.umask(0o077)
    try:
        app()
    except (LyricbotError, OSError) as error:  # an OSError names its file and what ails it
        _fail(f"lyricbot: {error}")
    except Exception:  # a fault of ours
        _fail(traceback.format_exc())
    except KeyboardInterrupt:
        sys.exit(130)  # as the shell says it


def _fail(text: str) -> None:
    from bot.logs import redacted

    print(redacted(text).rstrip(), file=sys.stderr)
    sys.exit(1)


def with_services(settings: Settings, work: "Callable[[Services], Awaitable[T]]") -> T:
    """Open the services for one piece of work."""

    from bot.logs import set_up_logging

    # These commands say themselves what they did.
    set_up_logging(settings.secrets, level=logging.ERROR)

    async def run() -> T:
        from bot.services import open_services

        async with open_services(settings) as services:
            return await work(services)

    return asyncio.run(run())


@app.command()
def demo(
    svg: Annotated[Path | None, typer.Option(help="Keep the chat as a picture.")] = None,
) -> None:
    """Chat with the bot in the terminal, without a token. Trains first if nothing is trained."""
    from bot.console import chat
    from bot.logs import set_up_logging

    settings = load_settings()
    set_up_logging(settings.secrets, level=logging.ERROR)
    chat(settings, svg)


@app.command()
def bot() -> None:
    """Serve Telegram: by long polling, or by webhook where LYRICBOT_WEBHOOK_URL is set."""
    from bot.logs import set_up_logging
    from bot.serving import run_bot

    settings = load_settings()
    set_up_logging(settings.secrets)
    run_bot(settings)


@app.command()
def worker(
    with_parent: Annotated[bool, typer.Option(help="End when the input is closed.")] = False,
) -> None:
    """Train what is asked for by /retrain, on this host's GPU or CPU, until told to stop."""
    from bot.logs import set_up_logging
    from core.retrain.worker import run_worker

    settings = load_settings()
    set_up_logging(settings.secrets)
    run_worker(settings, with_parent=with_parent)


@app.command()
def retrain(
    corpus: Annotated[str, typer.Option(help="A corpus's name.")] = "bundled",
    recipe: Annotated[str, typer.Option(help="default, or article: the original's.")] = "default",
    pairs: Annotated[int, typer.Option(min=1, max=16, help="Pairs of models.")] = 1,
    seed: Annotated[int | None, typer.Option(min=0, max=2**31 - 1, help="Else drawn.")] = None,
    wait: Annotated[bool, typer.Option(help="Show progress, and end once published.")] = False,
) -> None:
    """Ask for a retrain, to be done by a worker, and published when it is sound."""
    from rich.console import Console

    from bot.job_view import follow

    async def ask(services: "Services") -> None:
        job = await services.retrains.ask(corpus=corpus, recipe=recipe, num_pairs=pairs, seed=seed)
        typer.echo(f"job {job.id} is queued")
        if not await services.workers.alive():
            typer.echo("no worker is running: start lyricbot bot, or lyricbot worker")
        if wait:
            await follow(services, job.id, Console())

    with_services(load_settings(), ask)


@app.command()
def stats(
    explain: Annotated[bool, typer.Option("--explain", help="Step by step.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="For machines.")] = False,
    recount: Annotated[
        bool, typer.Option("--recount", help="Make all sums anew of the votes first.")
    ] = False,
) -> None:
    """Show what the votes say: which sampler writes better lyrics."""
    from rich.console import Console

    from bot.stats_view import show_stats

    if explain and as_json:
        raise typer.BadParameter("--json has all there is. Give it or --explain, not both.")
    with_services(
        load_settings(),
        lambda services: show_stats(
            *(services, Console(markup=False, highlight=False)),
            explain=explain,
            as_json=as_json,
            anew=recount,
        ),
    )


@app.command()
def jobs() -> None:
    """List the latest jobs, and the workers there are."""
    from rich.console import Console

    from bot.job_view import show_jobs

    with_services(load_settings(), lambda services: show_jobs(services, Console(markup=False)))


@app.command()
def cancel(
    job: Annotated[int | None, typer.Argument(help="Its number; else the one there is.")] = None,
) -> None:
    """Cancel a job; what it has trained is removed."""
    cancelled = with_services(load_settings(), lambda services: services.retrains.cancel(job))
    typer.echo(f"job {cancelled.id} is cancelled")


@app.command()
def doctor() -> None:
    """Check what the bot and the worker need, and say what is missing."""
    from rich.console import Console

    from bot.doctor import examine

    if not asyncio.run(examine(load_settings(), Console())):
        raise typer.Exit(1)


@app.command()
def train(
    corpus: Annotated[str, typer.Option(help="A corpus's name, or a .txt or .zip.")] = "bundled",
    recipe: Annotated[str, typer.Option(help="default, or article: the original's.")] = "default",
    sampler: Annotated[SamplerName, typer.Option()] = SamplerName.both,
    pairs: Annotated[int, typer.Option(min=1, help="Pairs of models, of different seeds.")] = 1,
    epochs: Annotated[int | None, typer.Option(min=1, help="Not the recipe's number.")] = None,
    seed: Annotated[int, typer.Option(min=0, max=2**32 - 1)] = 0,
    out: Annotated[Path | None, typer.Option(help="Write files there; publish nothing.")] = None,
    plot: Annotated[
        Path | None, typer.Option(help="Draw the curves into that .png.", callback=_png)
    ] = None,
    fresh: Annotated[bool, typer.Option(help="Do not go on from an interrupted run.")] = False,
    json: Annotated[bool, typer.Option("--json", help="One JSON object an event.")] = False,
) -> None:
    """Train a pair of models, or several, and publish them as a release.

    Interrupted, the same command goes on from where it was, with the same result.
    """
    from rich.console import Console

    from bot.training_view import ConsoleView, JsonView
    from core.lyrics.recipe import SAMPLERS, recipe_named
    from core.retrain.trainer import Order, Saves, train_pairs

    settings = load_settings()
    samplers = tuple(s for s in SAMPLERS if sampler in (s, "both"))
    order = Order(
        corpus=_corpus(corpus, settings),
        recipe=recipe_named(recipe, num_epochs=epochs),
        samplers=samplers,
        num_pairs=pairs,
        seed=seed,
        device=settings.device,
    )
    publishes = out is None and sampler == SamplerName.both
    for folder in filter(None, (out, plot and plot.parent)):
        folder.mkdir(parents=True, exist_ok=True)
    if publishes:  # what is missing should be missed before the training, not after
        with_services(settings, lambda services: services.releases.current())
    saves = Saves(settings.on_this_machine / "unfinished")
    if fresh:
        saves.forget(order)
    view: TrainingView = JsonView(order) if json else ConsoleView(order, Console())
    with view.running():
        trained = train_pairs(
            order, saves=saves.of(order), on_start=view.start, on_epoch=view.epoch
        )
    view.done(trained)
    if publishes:
        publishing = [(pair[0], pair[1]) for pair in trained]
        release = with_services(settings, lambda services: services.releases.publish(publishing))
        saves.forget(order)
        view.published(release.number)
        _draw(trained, plot, view)
        return
    folder = out or settings.on_this_machine / "unpublished"
    for number, pair in enumerate(trained, 1):
        for one in pair:
            file = folder / f"{order.corpus.name}-{recipe}-{one.seed}-{one.sampler}.safetensors"
            one.save(file)
            view.saved(str(file), one.sampler, number)
    saves.forget(order)
    _draw(trained, plot, view)


@app.command()
def write(
    prefix: Annotated[
        str,
        typer.Argument(help="What it begins with; its form behind it: '分开 押韵 8x7'."),
    ] = "",
    sampler: Annotated[SamplerName, typer.Option()] = SamplerName.both,
    temperature: Annotated[float | None, typer.Option(min=0, max=10, help="0 is argmax.")] = None,
    top_k: Annotated[int | None, typer.Option(min=0, help="0 is all.")] = None,
    top_p: Annotated[float | None, typer.Option(min=0.01, max=1, help="1 is all.")] = None,
    seed: Annotated[int | None, typer.Option(min=0, help="The same seed, the same lyric.")] = None,
    lines: Annotated[int | None, typer.Option(min=1, max=100)] = None,
    rhyme: Annotated[
        str | None, typer.Option(help="aa (押韵), abab (交韵) or aaaa (一韵到底).")
    ] = None,
    acrostic: Annotated[str | None, typer.Option(help="What the lines begin with.")] = None,
    form: Annotated[str | None, typer.Option(help="Lines x characters, such as 8x7.")] = None,
    max_run: Annotated[int | None, typer.Option(min=0, help="May be copied; 0: any.")] = None,
    candidates: Annotated[int | None, typer.Option(min=1, max=64, help="Best of so many.")] = None,
    model: Annotated[Path | None, typer.Option(help="A model's file, not the release.")] = None,
) -> None:
    """Write lyrics with the current release, or with one model's file."""
    import random
    import secrets
    from dataclasses import replace

    from core.lyrics.checkpoint import Checkpoint
    from core.lyrics.form import WORDS, parse, parse_acrostic
    from core.lyrics.recipe import SAMPLERS
    from core.lyrics.writer import Writer

    if acrostic is not None and prefix:
        raise typer.BadParameter("an acrostic begins with its own first character")
    if lines is not None and not (acrostic is None and form is None):
        raise typer.BadParameter("leave --lines out: --acrostic and --form say how many there are")
    rest, sized = parse(f"x {form or ''}")
    if form is not None and (rest != "x" or sized.lines is None or sized.rhyme is not None):
        raise typer.BadParameter(f"--form {form!r} is not lines x characters, such as 8x7")
    if rhyme is not None and rhyme.lower() not in WORDS:
        raise typer.BadParameter(f"--rhyme {rhyme!r} is none of {', '.join(WORDS)}")
    typed, wanted = parse(prefix)
    if acrostic is not None:
        wanted = parse_acrostic(acrostic)
    if form is not None:
        lines_asked = None if wanted.acrostic else sized.lines
        wanted = replace(wanted, lines=lines_asked, length=sized.length)
    if rhyme is not None:
        wanted = replace(wanted, rhyme=WORDS[rhyme.lower()])
    if model is not None:
        writers = [Writer(Checkpoint.load(model))]
    else:
        names = [s for s in SAMPLERS if sampler in (s, "both")]
        writers = with_services(load_settings(), lambda services: _writers(services, names))
    seed = secrets.randbits(32) if seed is None else seed
    own = {"temperature": temperature, "top_k": top_k, "top_p": top_p, "max_run": max_run}
    own |= {"candidates": candidates}
    for writer in writers:
        decoding = wanted.apply(writer.checkpoint.recipe.decoding)
        writer.check(decoding)  # an acrostic's first character is no prefix that somebody typed
        read = writer.read_prefix(wanted.acrostic[:1] or typed)
        if read.skipped:
            typer.echo(f"never seen, left out: {' '.join(read.skipped)}", err=True)
        wanted.check(read.text)
        if lines is not None:
            decoding = replace(decoding, lines=lines, most_lines=0, characters=None)
        given: dict[str, Any] = {name: one for name, one in own.items() if one is not None}
        decoding = replace(decoding, **given).settled(random.Random(seed))  # noqa: S311 - no secret
        lyric = writer.write(read, seed=seed, decoding=decoding)
        typer.echo(f"# {writer.checkpoint.sampler}, seed {seed}{_originality(lyric)}")
        typer.echo(f"{lyric.text}\n")


def _originality(lyric: "Lyric") -> str:
    if lyric.copied is None:
        return ""
    said = f", original {lyric.copied.originality:.0%}, longest copied run {lyric.copied.longest}"
    return f"{said} ({lyric.copied.source})" if lyric.copied.longest else said


@app.command()
def judge(
    release: Annotated[int | None, typer.Option(min=1, help="Else the current one.")] = None,
    n: Annotated[int, typer.Option("--n", min=2, max=100_000, help="Lyrics a model.")] = 200,
    as_json: Annotated[bool, typer.Option("--json", help="For machines.")] = False,
    picture: Annotated[
        Path | None, typer.Option(callback=_png, help="Where to draw it, as PNG.")
    ] = None,
) -> None:
    """Measure what a release writes: copied, repeated, rhyming, and how long its lines are."""
    import json

    from rich.console import Console

    from bot.judge_view import judge_table
    from core.lyrics.measure import measure_corpus

    number, columns, text = with_services(
        load_settings(), lambda services: _judged(services, release, n)
    )
    if text is not None:
        columns.append(("corpus", measure_corpus(text)))
    if as_json:
        found = {name: one.to_json() for name, one in columns}
        typer.echo(json.dumps({"release": number, "lyrics": n, "measures": found}))
    else:
        typer.echo(f"release {number}, {n} lyrics a model; ± is half of the 95 % interval")
        Console().print(judge_table(columns))
    if picture is not None:
        from bot.pictures import draw_measures

        draw_measures(columns, picture)


@corpus_app.command("check")
def corpus_check(file: Path) -> None:
    """Count what a file holds."""
    from core.lyrics.corpus import read_corpus

    _show_corpus(read_corpus(file))


@corpus_app.command("add")
def corpus_add(file: Path, name: Annotated[str | None, typer.Option()] = None) -> None:
    """Keep a .txt, or a .zip that holds one, for training."""
    from core.lyrics.corpus import read_corpus

    corpus = read_corpus(file, name)
    _show_corpus(corpus)
    with_services(load_settings(), lambda services: services.corpora.add(corpus))
    typer.echo(f"added as {corpus.name}")


@corpus_app.command("list")
def corpus_list() -> None:
    """List the corpora there are."""
    from rich.console import Console
    from rich.table import Table

    table = Table(box=None, pad_edge=False)
    table.add_column("corpus")
    for heading in ("lines", "characters", "distinct"):
        table.add_column(heading, justify="right")
    for heading in ("most frequent", "dropped"):
        table.add_column(heading)
    for one in with_services(load_settings(), lambda services: services.corpora.list()):
        figures = (f"{n:,}" for n in (one.lines, one.characters, one.distinct))
        table.add_row(one.name, *figures, one.most_frequent[:5], _dropped(one.dropped))
    Console(markup=False).print(table)


@releases_app.command("list")
def releases_list() -> None:
    """List the latest releases."""
    from rich.console import Console

    from bot.job_view import show_releases

    with_services(load_settings(), lambda services: show_releases(services, Console(markup=False)))


@releases_app.command("use")
def releases_use(number: int) -> None:
    """Let a release write from now on."""
    used = with_services(load_settings(), lambda services: services.releases.use(number))
    typer.echo(f"release {used.number} is current")


@releases_app.command("rollback")
def releases_rollback() -> None:
    """Go back to the release that was current before; again, and it goes back further."""
    used = with_services(load_settings(), lambda services: services.releases.rollback())
    typer.echo(f"release {used.number} is current")


@export_app.command("votes")
def export_votes(
    format: Annotated[ExportFormat, typer.Option()] = ExportFormat.csv,
    out: Annotated[Path | None, typer.Option(help="A file; else the standard output.")] = None,
    salt: Annotated[
        str | None, typer.Option(help="The same salt, the same pseudonyms; else drawn anew.")
    ] = None,
) -> None:
    """Write every answer with all that the standings are made of, people as pseudonyms."""
    import secrets

    from core.arena.export import rows, write

    key = secrets.token_bytes(16) if salt is None else salt.encode()
    num_rows = with_services(
        load_settings(),
        lambda services: write(rows(services.store, key), format.value, out),
    )
    if out is not None:
        typer.echo(f"{num_rows:,} rows in {out}")


@app.command()
def backup(
    file: Annotated[Path, typer.Argument(help="A new file, such as backup.zip.")],
    force: Annotated[bool, typer.Option(help="Replace the file, if it is there.")] = False,
    files: Annotated[bool, typer.Option(help="Models and corpora too.")] = True,
) -> None:
    """Write all that cannot be made again into one file, while the bot runs."""
    from core.arena.files import Files

    settings = load_settings()
    place = Files(settings.checkpoints) if files else None
    made = asyncio.run(_back_up(settings, place, file, force=force))
    typer.echo(f"{file}: {_counted(made.contents)}, {file.stat().st_size:,} bytes")
    for name in made.missing:
        typer.echo(f"gone or damaged, left out: {name}", err=True)
    if made.missing:
        raise typer.Exit(1)


@app.command()
def restore(
    file: Annotated[Path, typer.Argument(help="What lyricbot backup wrote.")],
    replace: Annotated[bool, typer.Option(help="Even if votes are lost.")] = False,
) -> None:
    """Put what a backup holds in the place of all that is in the database; a bot may run."""
    from core.arena.restore import Restored
    from core.arena.restore import restore as restored_from

    settings = load_settings()

    async def work(services: "Services") -> Restored:
        restored = await restored_from(
            *(services.store, services.files, file, services.now()),
            scratch=settings.state,
            replace=replace,
        )
        await services.retrains.stop(restored.ended)
        return restored

    done = with_services(settings, work)
    typer.echo(f"restored as of {done.contents.made_at:%Y-%m-%d %H:%M} UTC: ", nl=False)
    typer.echo(_counted(done.contents))
    for job in done.ended:
        typer.echo(f"job {job} was unfinished and is ended")
    for name in done.missing:
        typer.echo(f"not there, and models are of no use without it: {name}", err=True)
    if done.missing:
        raise typer.Exit(1)


@db_app.command("upgrade")
def db_upgrade() -> None:
    """Bring the schema of the database, and of the jobs' database, up to date."""
    from core.arena.migrate import upgrade
    from core.retrain.engine import prepare

    settings = load_settings()
    asyncio.run(upgrade(settings.database_url))
    prepare(settings.engine_url)
    typer.echo("the databases are up to date")


async def _back_up(
    settings: Settings, place: "Files | None", file: Path, *, force: bool
) -> "Backup":
    """A backup needs no upgrade, and so none of the services."""
    from datetime import UTC, datetime

    from core.arena.backup import back_up
    from core.arena.store import Store

    store = Store(settings.database_url)
    try:
        return await back_up(store, place, file, datetime.now(UTC), force=force)
    finally:
        await store.close()


def _counted(contents: "Contents") -> str:
    return f"{contents.num_rows:,} rows, {len(contents.files):,} files"


def _corpus(name: str, settings: Settings) -> "Corpus":
    """The corpus of a file, or of a name."""
    from core.lyrics.corpus import BUNDLED, read_bundled, read_corpus

    if name == BUNDLED:
        return read_bundled()
    if Path(name).is_file() or Path(name).suffix in (".txt", ".zip"):
        return read_corpus(Path(name))
    return with_services(settings, lambda services: services.corpora.get(name))


async def _writers(services: "Services", samplers: "list[Sampler]") -> "list[Writer]":
    from core.errors import NoRelease

    release = await services.releases.current()
    if release is None:
        raise NoRelease
    return [await services.releases.writer(release.pairs[0].model(s)) for s in samplers]


async def _judged(
    services: "Services", number: int | None, num: int
) -> "tuple[int, list[tuple[str, Measures]], str | None]":
    """The release, what its models write (kept with it), and the corpus, if they carry it."""
    from core.errors import NoRelease
    from core.lyrics.measure import measure
    from core.lyrics.recipe import SAMPLERS

    releases = services.releases
    release = await (releases.current() if number is None else releases.get(number))
    if release is None:
        raise NoRelease
    columns, text = [], None
    for pair in release.pairs:
        for sampler in SAMPLERS:
            writer = await releases.writer(pair.model(sampler))
            found = await asyncio.to_thread(measure, writer, num)
            kept = pair.model(sampler).measures
            if kept is None or kept.num <= num:  # of fewer lyrics less is known
                await releases.keep_measures(pair.model(sampler), found)
            name = sampler if len(release.pairs) == 1 else f"{sampler} {pair.number}"
            columns.append((name, found))
            copies = writer.checkpoint.copies
            text = copies.text if copies is not None else text
    return release.number, columns, text


def _draw(
    trained: "Sequence[Sequence[Checkpoint]]", plot: Path | None, view: "TrainingView"
) -> None:
    if plot is not None:
        from bot.pictures import draw_curves

        draw_curves(trained, plot)
        view.drawn(str(plot))


def _show_corpus(corpus: "Corpus") -> None:
    counts = corpus.counts()
    typer.echo(f"{corpus.name}: found to be {corpus.encoding}, sha256 {corpus.sha256[:12]}")
    typer.echo(f"  lines                {counts.lines:>9,}")
    typer.echo(f"  characters           {counts.characters:>9,}")
    typer.echo(f"  distinct characters  {counts.distinct:>9,}")
    frequent = "  ".join(f"{character} {times:,}" for character, times in counts.most_frequent)
    typer.echo(f"  most frequent        {frequent}")
    typer.echo(f"  dropped              {_dropped(corpus.dropped)}")


def _dropped(dropped: "Dropped") -> str:
    return f"{dropped.comments:,} comments, {dropped.controls:,} controls"


if __name__ == "__main__":
    main()
