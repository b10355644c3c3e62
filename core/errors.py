"""What can go wrong, in one tree. Every message says what to do next.

LyricbotError
├── SettingsError          a wrong value in the environment or .env
├── CorpusError            a text that cannot be learned from
│   ├── CorpusUnreadable   not there, not text, too large
│   ├── CorpusTooShort     fewer characters than one minibatch needs
│   └── CorpusUnknown      no corpus of that name
├── RecipeUnknown          no recipe of that name
├── TrainerMissing         torch is not installed here
├── OutOfMemory            the models do not fit the device
├── Unsound                what was trained may not go live
├── RetrainError
│   ├── JobRunning         the corpus has a job already
│   ├── JobUnknown         no job of that number
│   ├── JobOver            it has ended already
│   ├── JobUnnamed         none runs, or several do
│   ├── Superseded         another attempt, or an admin, has taken the job from this one
│   └── EngineError        the engine's database cannot be used
├── CheckpointError        a model file that is damaged or foreign
├── StoreError             LYRICBOT_CHECKPOINTS cannot be used as it is
│   └── FileMissing        it can, and has nothing under that name
├── WritingError           the process that writes does not answer
├── DecodingError          a way of writing that the model cannot keep to
├── FormError              a form that no lyric can have
│   ├── FormImpossible     too few or too many lines or characters
│   ├── FormUnmet          these models cannot write so
│   └── AcrosticImpossible the models know not all of its characters
├── PrefixError            a prefix that no lyric can begin with
│   ├── PrefixEmpty
│   ├── PrefixTooLong
│   ├── PrefixUnknown      the model knows none of its characters
│   └── PrefixBanned       it holds a word of the operator's list
├── ContestError
│   ├── NoRelease          nothing has been trained and published yet
│   ├── ReleaseUnknown     no release of that number
│   ├── NothingBefore      no release was current before this one
│   ├── AlreadyWriting     this person's last duel is still being written
│   ├── LimitReached       enough for now (core/arena/limits.py)
│   ├── NothingClean       whatever was written held a banned word
│   ├── DuelUnknown
│   └── NotTheirDuel       only who asked for a duel may close it
├── DatabaseError
│   ├── DatabaseTooNew     the schema was written by a newer version
│   └── DatabaseReplaced   a backup was restored over what was being worked with
└── BackupError            a backup that cannot be made, or a file that cannot be restored
"""

from collections.abc import Mapping, Sequence
from typing import ClassVar, Literal


class LyricbotError(Exception):
    """The root: its text is meant for people and says what to do."""

    repeats_people: ClassVar[bool] = False  # what they wrote, which is not for a log


class SettingsError(LyricbotError):
    """One or more settings are wrong; the text names all of them."""


class CorpusError(LyricbotError):
    """A text that cannot be learned from."""

    repeats_people = True


class CorpusUnreadable(CorpusError):
    """The file is missing, is not text, or is too large."""


class CorpusTooShort(CorpusError):
    """The corpus leaves `characters` to learn from, and `recipe` needs `need`: `why`."""

    def __init__(self, name: str, characters: int, recipe: str, need: int, why: str) -> None:
        super().__init__(
            f"Corpus {name} leaves {characters} characters to learn from; recipe {recipe} "
            f"needs {need} ({why}). Give a longer text."
        )
        self.name = name
        self.characters = characters
        self.recipe = recipe
        self.need = need


class CorpusUnknown(CorpusError):
    """There is no corpus of that name; there are `names`."""

    def __init__(self, name: str, names: Sequence[str]) -> None:
        super().__init__(
            f"There is no corpus {name!r}. There are: {', '.join(names)}. "
            f"Add one: lyricbot corpus add FILE"
        )
        self.name = name
        self.names = tuple(names)


class RecipeUnknown(LyricbotError):
    """There is no recipe of that name; there are `names`."""

    repeats_people = True

    def __init__(self, name: str, names: Sequence[str]) -> None:
        super().__init__(f"There is no recipe {name!r}. There are: {', '.join(names)}.")
        self.name = name
        self.names = tuple(names)


class TrainerMissing(LyricbotError):
    """Training was asked for where torch is not installed."""


class OutOfMemory(LyricbotError):
    """The models do not fit into the device's memory."""


class Unsound(LyricbotError):
    """What was trained may not go live; the text says why."""


class RetrainError(LyricbotError):
    """Something about a job that is refused."""


class JobRunning(RetrainError):
    """The corpus has a job already: that of number `job`."""

    repeats_people = True

    def __init__(self, corpus: str, job: int) -> None:
        super().__init__(f"Corpus {corpus} is being learned from already: job {job}.")
        self.job = job


class JobUnknown(RetrainError):
    """There is no job of that number."""

    def __init__(self, job: int) -> None:
        super().__init__(f"There is no job {job}.")
        self.job = job


class JobOver(RetrainError):
    """The job of that number has ended already, as `status` says."""

    def __init__(self, job: int, status: str) -> None:
        super().__init__(f"Job {job} is over already: {status}.")
        self.job = job
        self.status = status


class JobUnnamed(RetrainError):
    """It must be said which of the `jobs` is meant; there may be none."""

    def __init__(self, jobs: Sequence[int]) -> None:
        which = f"There are several: say which of {', '.join(map(str, jobs))}."
        super().__init__(which if jobs else "There is no job to cancel.")
        self.jobs = tuple(jobs)


class Superseded(RetrainError):
    """The job is over, or another attempt has taken it: whoever meets this stops at once."""


class EngineError(RetrainError):
    """The engine's database cannot be used."""


class CheckpointError(LyricbotError):
    """A model file that is damaged or was not written by this project."""


class StoreError(LyricbotError):
    """The place of models and corpora cannot be reached, read or written."""


class FileMissing(StoreError):
    """The place has nothing under that name."""


class WritingError(LyricbotError):
    """The process that writes has ended, or stands still."""


class DecodingError(LyricbotError):
    """A way of writing that the model cannot keep to: it `lacks` lines, or rhymes."""

    def __init__(self, message: str, *, lacks: Literal["lines", "rhymes"] = "lines") -> None:
        super().__init__(message)
        self.lacks = lacks


class FormError(LyricbotError):
    """A form that no lyric can have."""


class FormImpossible(FormError):
    """There are `wanted` of `what`: see HAS."""

    HAS: Mapping[str, str] = {
        "lines": "A lyric has {} to {} lines, not {}.",
        "characters": "A line has {} to {} characters, not {}.",
        "acrostic": "An acrostic has {} to {} characters, not {} (punctuation and emoji aside).",
        "prefix": "A prefix in a line of that length has {} to {} characters, not {}.",
    }

    def __init__(self, what: str, wanted: int, least: int, most: int) -> None:
        super().__init__(self.HAS[what].format(least, most, wanted))
        self.what = what
        self.wanted = wanted
        self.least = least
        self.most = most


class FormUnmet(FormError):
    """The current models cannot write in that form: they `lack` lines, or rhymes."""

    def __init__(self, lack: Literal["lines", "rhymes"]) -> None:
        super().__init__(f"The current models learned no {lack}: ask for no form.")
        self.lack = lack


class AcrosticImpossible(FormError):
    """The models never saw these characters of an acrostic."""

    repeats_people = True

    def __init__(self, characters: str) -> None:
        super().__init__(
            f"The models never saw {' '.join(characters)}: no line can begin with it. "
            f"Try other characters."
        )
        self.characters = characters


class PrefixError(LyricbotError):
    """A prefix that no lyric can begin with."""


class PrefixEmpty(PrefixError):
    """Nothing but white space was given."""


class PrefixTooLong(PrefixError):
    """The prefix has `length` characters, more than `limit`."""

    def __init__(self, length: int, limit: int) -> None:
        super().__init__(f"A prefix has at most {limit} characters; this one has {length}.")
        self.length = length
        self.limit = limit


class PrefixUnknown(PrefixError):
    """The model never saw any character of the prefix; `suggestions` would work."""

    repeats_people = True

    def __init__(self, characters: str, suggestions: tuple[str, ...]) -> None:
        hint = f" Try {' or '.join(suggestions)}." if suggestions else ""
        super().__init__(f"The model never saw {' '.join(characters)}.{hint}")
        self.characters = characters
        self.suggestions = suggestions


class PrefixBanned(PrefixError):
    """The prefix holds a word of the operator's list."""

    def __init__(self) -> None:
        super().__init__("That beginning is not allowed here. Choose another.")


class ContestError(LyricbotError):
    """Something that the contest refuses."""


class NoRelease(ContestError):
    """Nothing has been published yet."""

    def __init__(self) -> None:
        super().__init__("There is no release yet. Run: lyricbot train")


class ReleaseUnknown(ContestError):
    """There is no release of that number."""

    def __init__(self, number: int, numbers: Sequence[int]) -> None:
        there_are = f"There are: {', '.join(map(str, numbers))}." if numbers else "There is none."
        super().__init__(f"There is no release {number}. {there_are}")
        self.number = number
        self.numbers = tuple(numbers)


class NothingBefore(ContestError):
    """No release was current before the current one."""

    def __init__(self) -> None:
        super().__init__("There is no release to go back to: none was current before this one.")


class AlreadyWriting(ContestError):
    """This person's last duel is still being written."""

    def __init__(self) -> None:
        super().__init__("Your last duel is still being written.")


class DuelUnknown(ContestError):
    """There is no duel of that number."""

    def __init__(self, duel: int) -> None:
        super().__init__(f"There is no duel {duel}.")


class NotTheirDuel(ContestError):
    """Only who asked for a duel may close it."""

    def __init__(self) -> None:
        super().__init__("Only who asked for this duel may close it.")


class NothingClean(ContestError):
    """Whatever was written held a banned word."""

    def __init__(self) -> None:
        super().__init__("Nothing fit to show could be written for that beginning. Try another.")


class DatabaseError(LyricbotError):
    """The database cannot be used as it is."""


class DatabaseTooNew(DatabaseError):
    """The schema was written by a newer version of lyricbot."""


class DatabaseReplaced(DatabaseError):
    """A backup was restored over what was being worked with."""

    def __init__(self) -> None:
        super().__init__("The database was replaced meanwhile. Ask again.")


class BackupError(LyricbotError):
    """A backup that cannot be made, or a file that cannot be restored."""
