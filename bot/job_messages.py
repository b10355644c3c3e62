"""Turns jobs and releases into messages. All text from models and people is escaped here."""

from collections.abc import Sequence
from html import escape

from bot.rendering import in_script
from bot.texts import Texts
from core.arena.corpora import CorpusEntry
from core.arena.releases import Release
from core.lyrics.recipe import SAMPLERS, Sampler
from core.retrain.jobs import Job
from core.retrain.progress import Progress
from core.retrain.workers import WorkerInfo

BAR = 12  # blocks
SHOWN_REASON = 900  # characters
SHORT_REASON = 80  # in a list


def job_message(job: Job, texts: Texts, *, waits_for_worker: bool = False) -> str:
    """A job as it stands, in HTML."""
    lines = [
        texts.job_title.format(
            job=job.id,
            corpus=escape(job.corpus_name),
            recipe=escape(job.recipe_name),
            pairs=job.num_pairs,
        )
    ]
    match job.status:
        case "queued":
            lines.append(texts.job_waits_for_worker if waits_for_worker else texts.job_queued)
        case "running":
            lines += _running(job, texts)
        case "published":
            lines.append(texts.job_published.format(number=job.release))
            lines += _figures(job.progress, texts)
        case "failed":
            lines.append(texts.job_failed.format(reason=_reason(job, SHOWN_REASON)))
        case "cancelled":
            lines.append(texts.job_is_cancelled)
    return "\n".join(lines)


def comparison_message(new: Release, old: Release | None, texts: Texts) -> str:
    """A release's figures beside those of the one before it, as a table in HTML."""
    columns = [one for one in (old, new) if one is not None]
    rows = [["", *(texts.release_column.format(number=one.number) for one in columns)]]
    for sampler in SAMPLERS:
        name = texts.sampler(sampler)
        for label, figure, form in (
            (texts.held_out_of, _held_out, ".4g"),
            (texts.training_of, _in_training, ".4g"),
            (texts.original_of, _originality, ".0%"),
        ):
            values = [figure(one, sampler) for one in columns]
            if any(value is not None for value in values):
                cells = ["–" if value is None else format(value, form) for value in values]
                rows.append([label.format(sampler=name), *cells])
    rows.append([texts.pairs_of, *(str(len(one.pairs)) for one in columns)])
    rows.append([texts.recipe_of, *(one.recipe_name for one in columns)])
    rows.append([texts.corpus_of, *(one.corpus_name for one in columns)])
    body = "\n".join("  ".join(cell for cell in row).rstrip() for row in _aligned(rows))
    title = texts.figures_alone if old is None else texts.comparison
    return f"{title}\n<pre>{escape(body)}</pre>"


def jobs_message(jobs: Sequence[Job], workers: Sequence[WorkerInfo], texts: Texts) -> str:
    """The latest jobs, a line each, and the workers."""
    lines = [_line(job, texts) for job in jobs] or [texts.no_jobs]
    lines.append("")
    lines += [
        texts.worker_line.format(name=escape(one.name), device=escape(one.device))
        for one in workers
    ] or [texts.no_workers]
    return "\n".join(lines)


def releases_message(releases: Sequence[Release], texts: Texts) -> str:
    """The latest releases, a line each, the newest first."""
    if not releases:
        return texts.no_releases
    lines = []
    for one in releases:
        figures = " / ".join(
            f"{value:.4g}"
            for sampler in SAMPLERS
            if (value := _held_out(one, sampler) or _in_training(one, sampler)) is not None
        )
        lines.append(
            texts.release_line.format(
                mark="▶" if one.is_current else "·",
                number=one.number,
                corpus=escape(one.corpus_name),
                recipe=escape(one.recipe_name),
                figures=figures,
                when=f"{one.published_at:%Y-%m-%d %H:%M}",
            )
        )
    return "\n".join([texts.releases_title, *lines, "", texts.releases_hint])


def corpus_message(entry: CorpusEntry, encoding: str, texts: Texts) -> str:
    """What was found in a corpus, and how to train on it."""
    return texts.corpus_added.format(
        name=escape(entry.name),
        encoding=escape(encoding),
        lines=f"{entry.lines:,}",
        characters=f"{entry.characters:,}",
        distinct=f"{entry.distinct:,}",
        frequent=escape(" ".join(entry.most_frequent[:5])),
        comments=f"{entry.dropped.comments:,}",
        controls=f"{entry.dropped.controls:,}",
    )


def _running(job: Job, texts: Texts) -> list[str]:
    progress = job.progress
    if progress is None or progress.stage == "preparing":
        return [texts.job_preparing]
    if progress.stage == "judging":
        return [texts.job_judging, *_figures(progress, texts)]
    if progress.stage == "publishing":
        return [texts.job_publishing, *_figures(progress, texts)]
    share = progress.epoch / progress.num_epochs if progress.num_epochs else 0.0
    full = round(share * BAR)
    lines = [
        f"{'▓' * full}{'░' * (BAR - full)} {share:.0%}",
        texts.job_epoch.format(
            epoch=progress.epoch, epochs=progress.num_epochs, device=escape(progress.device)
        ),
        *_figures(progress, texts),
    ]
    if progress.seconds_left is not None:
        lines.append(texts.job_left.format(time=_duration(progress.seconds_left)))
    for sampler, text in progress.samples.items():
        shown = in_script(text, traditional=texts.language == "zh-hant")
        lines += ["", f"<i>{texts.sampler(sampler)}</i>", escape(shown)]
    return lines


def _figures(progress: Progress | None, texts: Texts) -> list[str]:
    if progress is None:
        return []
    lines = []
    for label, values in (
        (texts.job_perplexity, progress.perplexity),
        (texts.job_held_out, progress.held_out),
    ):
        known = {s: value for s in SAMPLERS if (value := values.get(s)) is not None}
        if known:
            parts = [f"{texts.sampler(s)} {value:.4g}" for s, value in known.items()]
            lines.append(label.format(figures=texts.comma.join(parts)))
    return lines


def _line(job: Job, texts: Texts) -> str:
    states = {
        "queued": texts.state_queued,
        "running": texts.state_running,
        "published": texts.state_published.format(number=job.release),
        "failed": texts.state_failed.format(reason=_reason(job, SHORT_REASON)),
        "cancelled": texts.state_cancelled,
    }
    return texts.job_line.format(
        job=job.id,
        corpus=escape(job.corpus_name),
        recipe=escape(job.recipe_name),
        state=states[job.status],
    )


def _reason(job: Job, most: int) -> str:
    reason = job.reason or ""
    return escape(reason if len(reason) <= most else f"{reason[: most - 1].rstrip()}…")


def _held_out(release: Release, sampler: Sampler) -> float | None:
    return release.pairs[0].model(sampler).held_out


def _in_training(release: Release, sampler: Sampler) -> float | None:
    return release.pairs[0].model(sampler).perplexity


def _originality(release: Release, sampler: Sampler) -> float | None:
    measures = release.pairs[0].model(sampler).measures
    return None if measures is None or measures.in_6 is None else 1 - measures.in_6.value


def _aligned(rows: Sequence[Sequence[str]]) -> list[list[str]]:
    """Cells padded to columns; a Chinese character is two cells wide in a <pre>."""
    from rich.cells import cell_len

    widths = [max(cell_len(row[i]) for row in rows) for i in range(len(rows[0]))]
    return [
        [cell + " " * (width - cell_len(cell)) for cell, width in zip(row, widths, strict=True)]
        for row in rows
    ]


def _duration(seconds: float) -> str:
    minutes, rest = divmod(max(0, round(seconds)), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"
