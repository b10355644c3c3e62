"""Why something that an admin wanted was refused, in the admin's language.

Of errors that seldom happen only English is spoken, by the error itself.
"""

from collections.abc import Sequence

from bot.texts import Texts
from core.errors import (
    CorpusTooShort,
    CorpusUnknown,
    JobOver,
    JobUnknown,
    JobUnnamed,
    LyricbotError,
    NothingBefore,
    RecipeUnknown,
    ReleaseUnknown,
)

MOST_NAMED = 64  # characters of what somebody named: no name here has more
MOST_LISTED = 20  # names: a message has room for so many, however long


def reason(refused: LyricbotError, texts: Texts) -> str:
    """A sentence, plain."""
    match refused:
        case ReleaseUnknown(numbers=()):
            return texts.reason_no_release
        case ReleaseUnknown(number=number, numbers=numbers):
            return texts.reason_release_unknown.format(
                number=number, numbers=texts.comma.join(map(str, numbers))
            )
        case NothingBefore():
            return texts.reason_nothing_before
        case JobUnknown(job=job):
            return texts.reason_job_unknown.format(job=job)
        case JobOver(job=job, status="cancelled"):
            return texts.reason_job_over.format(job=job, state=texts.state_cancelled)
        case JobOver(job=job):
            return texts.reason_job_over.format(job=job, state=texts.state_ended)
        case JobUnnamed(jobs=()):
            return texts.reason_no_job
        case JobUnnamed(jobs=jobs):
            return texts.reason_which_job.format(jobs=texts.comma.join(map(str, jobs)))
        case CorpusUnknown(name=name, names=names):
            return texts.reason_corpus_unknown.format(**_named(name, names, texts))
        case CorpusTooShort(name=name, characters=characters, recipe=recipe, need=need):
            return texts.reason_corpus_short.format(
                name=name, characters=characters, recipe=recipe, need=need
            )
        case RecipeUnknown(name=name, names=names):
            return texts.reason_recipe_unknown.format(**_named(name, names, texts))
        case _:
            return str(refused)


def _named(name: str, names: Sequence[str], texts: Texts) -> dict[str, str]:
    listed = [*names[:MOST_LISTED], *("…" for _ in names[MOST_LISTED : MOST_LISTED + 1])]
    return {"name": name[:MOST_NAMED], "names": texts.comma.join(listed)}
