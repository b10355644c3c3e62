"""Jobs, workers and releases in the terminal."""

import asyncio

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
)
from rich.table import Table
from rich.text import Text

from bot.background import TEND_EVERY, every
from bot.services import Services
from core.arena.store import persistently
from core.background import running
from core.errors import RetrainError
from core.lyrics.recipe import SAMPLERS, Sampler
from core.retrain.jobs import Job

EVERY = 0.5  # seconds


async def follow(services: Services, number: int, console: Console) -> Job:
    """Show a job until it is over.

    Raises:
        RetrainError: if it was not published; the text says why.
    """
    bars = Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[figures]}"),
        TimeElapsedColumn(),
        console=console,
    )
    bar = bars.add_task("queued", total=None, figures="")
    shown: dict[Sampler, str] = {}

    async def read() -> Job:
        return await persistently(lambda: services.retrains.jobs.get(number))

    # Where no bot runs, nobody else would see that a worker is gone.
    async with running(every(TEND_EVERY, services.retrains.tend)):
        with bars:
            while (job := await read()).active:
                _show(job, bars, bar, shown)
                await asyncio.sleep(EVERY)
            bars.update(bar, description=job.status, figures=figures(job))
    if job.status != "published":
        raise RetrainError(f"Job {number} {job.status}: {job.reason or 'by an admin'}")
    console.print(f"Published as release [b]{job.release}[/b]; it is live.")
    return job


def _show(job: Job, bars: Progress, bar: TaskID, shown: dict[Sampler, str]) -> None:
    """Move the bar; print what the models write, where `shown` has not yet been."""
    progress = job.progress
    if progress is None:
        return
    stage = progress.stage if job.status == "running" else "queued"
    bars.update(
        bar,
        description=f"{stage} on {progress.device}" if progress.device else stage,
        total=progress.num_epochs or None,
        completed=progress.epoch,
        figures=figures(job),
    )
    for sampler, text in progress.samples.items():
        if shown.get(sampler) != text:
            shown[sampler] = text
            line = Text(f"  {sampler} ▸ ", style="dim")
            bars.print(line.append(text.replace("\n", " / "), style="not dim"), soft_wrap=True)


def figures(job: Job) -> str:
    """The last known perplexities of both samplers."""
    progress = job.progress
    if progress is None:
        return ""
    of = progress.held_out if any(progress.held_out.values()) else progress.perplexity
    parts = [f"{s} {value:.4g}" for s in SAMPLERS if (value := of.get(s)) is not None]
    kind = "held out" if of is progress.held_out else "perplexity"
    return f"{kind}: {', '.join(parts)}" if parts else ""


async def show_jobs(services: Services, console: Console) -> None:
    """The latest jobs, and the workers that are alive."""
    table = Table(
        "job", "corpus", "recipe", "pairs", "seed", "status", "", box=None, pad_edge=False
    )
    for job in await services.retrains.jobs.list():
        what = {
            "published": f"release {job.release}",
            "failed": job.reason or "",
            "running": f"{job.worker}, {figures(job)}",
        }.get(job.status, "")
        table.add_row(
            *(str(job.id), job.corpus_name, job.recipe_name, str(job.num_pairs), str(job.seed)),
            *(job.status, what),
        )
    console.print(table)
    workers = await services.workers.alive()
    for one in workers:
        console.print(f"worker {one.name} on {one.device}, process {one.pid} of {one.host}")
    if not workers:
        console.print("no worker is running: start lyricbot bot, or lyricbot worker")


async def show_releases(services: Services, console: Console) -> None:
    """The latest releases, the newest first."""
    table = Table(
        *("release", "corpus", "recipe", "pairs", "published", *SAMPLERS, ""),
        box=None,
        pad_edge=False,
    )
    for release in await services.releases.list():
        models = [release.pairs[0].model(sampler) for sampler in SAMPLERS]
        table.add_row(
            *(str(release.number), release.corpus_name, release.recipe_name),
            *(str(len(release.pairs)), f"{release.published_at:%Y-%m-%d %H:%M}"),
            *(f"{one.perplexity if one.held_out is None else one.held_out:.4g}" for one in models),
            "current" if release.is_current else "",
        )
    console.print(table)
