"""The tables. What happened is stored when it happens, and the rules are kept by the database."""

from datetime import UTC, datetime

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    DateTime,
    Dialect,
    Float,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    String,
    Table,
    Text,
    TypeDecorator,
    UniqueConstraint,
    false,
    text,
)


class UtcDateTime(TypeDecorator[datetime]):
    """A moment, always in UTC and always aware: SQLite would hand it back naive."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """To UTC."""
        return None if value is None else value.astimezone(UTC)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Aware again."""
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


# BIGINT does not count up by itself on SQLite.
BigKey = BigInteger().with_variant(Integer, "sqlite")
SAMPLER = String(11)


def _one_of_samplers(column: str) -> CheckConstraint:
    return CheckConstraint(f"{column} IN ('random', 'consecutive')", name=f"{column}_known")


metadata = MetaData(
    naming_convention={
        "ix": "ix_%(column_0_label)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)

people = Table(
    "people",
    metadata,
    Column("id", BigKey, primary_key=True),
    Column("account", BigInteger, nullable=False, unique=True),  # the chat platform's numeric id
    Column("first_seen", UtcDateTime, nullable=False),
)

corpora = Table(
    "corpora",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("name", String(64), nullable=False, unique=True),
    Column("sha256", String(64), nullable=False),
    Column("lines", Integer, nullable=False),
    Column("characters", Integer, nullable=False),
    Column("distinct_characters", Integer, nullable=False),
    Column("most_frequent", String(16), nullable=False),  # one after the other
    Column("dropped_comments", Integer, nullable=False),
    Column("dropped_controls", Integer, nullable=False),
    Column("added_at", UtcDateTime, nullable=False),
)

# The primary key is the release's number.
releases = Table(
    "releases",
    metadata,
    Column("number", Integer, primary_key=True),
    Column("corpus_name", String(64), nullable=False),
    Column("corpus_sha256", String(64), nullable=False),
    Column("recipe_name", String(64), nullable=False),
    Column("recipe_hash", String(12), nullable=False),
    Column("published_at", UtcDateTime, nullable=False),
)

# Which release is current: the one activated last. What was current before is never overwritten;
# a row that rolled back says so, so that the next one goes back further.
activations = Table(
    "activations",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("release", ForeignKey("releases.number"), nullable=False),
    Column("at", UtcDateTime, nullable=False),
    Column("rolled_back", Boolean, nullable=False, server_default=false()),
)

pairs = Table(
    "pairs",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("release", ForeignKey("releases.number"), nullable=False),
    Column("number", Integer, nullable=False),  # from 1 within its release
    Column("seed", BigInteger, nullable=False),
    Column("updates", Integer, nullable=False),
    UniqueConstraint("release", "number"),
)

models = Table(
    "models",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("pair_id", ForeignKey("pairs.id"), nullable=False),
    Column("sampler", SAMPLER, nullable=False),
    Column("file_sha256", String(64), nullable=False),  # and the name it lies under
    Column("perplexity", Float, nullable=False),
    Column("held_out_perplexity", Float),
    Column("measures", JSON(none_as_null=True)),  # of what it writes; NULL: nothing was measured
    UniqueConstraint("pair_id", "sampler"),
    _one_of_samplers("sampler"),
)

lyrics = Table(
    "lyrics",
    metadata,
    Column("id", BigKey, primary_key=True),
    Column("model_id", ForeignKey("models.id"), nullable=False),
    Column("prefix", String(50), nullable=False),
    Column("text", Text, nullable=False),
    Column("seed", BigInteger, nullable=False),
    Column("decoding", JSON, nullable=False),
    Column("copied", JSON(none_as_null=True)),  # how much of it; NULL: the corpus was not known
    Column("written_at", UtcDateTime, nullable=False),
)

duels = Table(
    "duels",
    metadata,
    Column("id", BigKey, primary_key=True),
    Column("pair_id", ForeignKey("pairs.id"), nullable=False, index=True),
    Column("asker_id", ForeignKey("people.id"), nullable=False),
    Column("lyric_1_id", ForeignKey("lyrics.id"), nullable=False),
    Column("lyric_2_id", ForeignKey("lyrics.id"), nullable=False),
    Column("sampler_1", SAMPLER, nullable=False),  # who stands on side 1; the other on side 2
    # Whoever was shown the duel has its key: what names a duel without it is forged.
    Column("key", String(16), nullable=False, server_default=text("''")),
    Column("room", BigInteger, index=True),  # where it was asked for
    Column("opened_at", UtcDateTime, nullable=False, index=True),
    Column("closes_at", UtcDateTime, nullable=False),
    CheckConstraint("lyric_1_id <> lyric_2_id", name="two_lyrics"),
    _one_of_samplers("sampler_1"),
)

# Where a duel was shown: a room (a chat) and a post (a message in it).
showings = Table(
    "showings",
    metadata,
    Column("room", BigInteger, primary_key=True, autoincrement=False),
    Column("post", BigInteger, primary_key=True, autoincrement=False),
    Column("duel_id", ForeignKey("duels.id"), nullable=False, index=True),
    Column("shown_at", UtcDateTime, nullable=False),
)

# A duel's message that many people see: how many voted is kept up to date, and once the duel is
# closed it shows the result. Either a post in a room, or a message sent in inline mode.
boards = Table(
    "boards",
    metadata,
    Column("id", BigKey, primary_key=True),
    Column("duel_id", ForeignKey("duels.id"), nullable=False, index=True),
    Column("room", BigInteger),
    Column("post", BigInteger),
    Column("inline", String(128), unique=True),
    Column("language", String(16), nullable=False),
    Column("traditional", Boolean, nullable=False, server_default=false()),
    Column("voters", Integer, nullable=False, server_default=text("0")),  # as it shows
    Column("free_at", UtcDateTime, nullable=False),  # no edit before
    Column("due_at", UtcDateTime, index=True),  # of its next edit; NULL: it shows the result
    UniqueConstraint("room", "post"),
    CheckConstraint("(room IS NULL) = (post IS NULL)", name="post_in_room"),
    CheckConstraint("(room IS NULL) <> (inline IS NULL)", name="one_place"),
)

# What a room (a chat; a person's own has their account's number) has chosen; NULL: nothing yet.
rooms = Table(
    "rooms",
    metadata,
    Column("room", BigInteger, primary_key=True, autoincrement=False),
    Column("language", String(16)),
    Column("traditional", Boolean),  # the characters of lyrics
    Column("news", Boolean, nullable=False, server_default=false()),  # wants announcements
)

# Updates that were taken and not yet handled: a number and a text, and which bot has them in hand.
inbox = Table(
    "inbox",
    metadata,
    Column("number", BigInteger, primary_key=True, autoincrement=False),
    Column("text", Text, nullable=False),
    Column("taken_at", UtcDateTime, nullable=False),
    Column("held_by", String(64), nullable=False),
    Column("held_until", UtcDateTime, nullable=False, index=True),
)

# The numbers of those that were handled lately: what is delivered twice is handled once.
handled = Table(
    "handled",
    metadata,
    Column("number", BigInteger, primary_key=True, autoincrement=False),
    Column("at", UtcDateTime, nullable=False, index=True),
)

# How often something was done within a stretch of time, for limits and for /admin.
tallies = Table(
    "tallies",
    metadata,
    Column("kind", String(16), primary_key=True),
    Column("who", BigInteger, primary_key=True, autoincrement=False),  # an account, a room, or 0
    Column("begins", BigInteger, primary_key=True, autoincrement=False),  # seconds since 1970
    Column("times", Integer, nullable=False),
    Index("ix_tallies_begins", "begins"),
)

bans = Table(
    "bans",
    metadata,
    Column("account", BigInteger, primary_key=True, autoincrement=False),
    Column("banned_by", BigInteger, nullable=False),
    Column("at", UtcDateTime, nullable=False),
)

announcements = Table(
    "announcements",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("text", Text, nullable=False),
    Column("written_by", BigInteger, nullable=False),
    Column("at", UtcDateTime, nullable=False),
    Column("room", BigInteger),  # where it was asked whether to send it,
    Column("post", BigInteger),  # and in which message: one question, one announcement
    UniqueConstraint("room", "post"),
)

# An announcement on its way to a room.
deliveries = Table(
    "deliveries",
    metadata,
    Column("announcement_id", ForeignKey("announcements.id"), primary_key=True),
    Column("room", BigInteger, primary_key=True, autoincrement=False),
    Column("due_at", UtcDateTime, index=True),  # NULL: it is over
    Column("arrived", Boolean, nullable=False, server_default=false()),
)

# A person's first answer in a duel, the one that counts. There is never a second row for the two.
votes = Table(
    "votes",
    metadata,
    Column("id", BigKey, primary_key=True),
    Column("duel_id", ForeignKey("duels.id"), nullable=False),
    Column("person_id", ForeignKey("people.id"), nullable=False),
    Column("choice", Integer, nullable=False),
    Column("cast_at", UtcDateTime, nullable=False, index=True),
    # Of the verdict: its person was forgotten under another number not long before.
    Column("left_out", Boolean, nullable=False, server_default=false()),
    UniqueConstraint("duel_id", "person_id"),
    CheckConstraint("choice IN (0, 1, 2)", name="choice_known"),
    Index("ix_votes_person_id", "person_id", "id"),
)

# What a person changed their vote to, kept beside it.
vote_changes = Table(
    "vote_changes",
    metadata,
    Column("id", BigKey, primary_key=True),
    Column("vote_id", ForeignKey("votes.id"), nullable=False),
    Column("choice", Integer, nullable=False),
    Column("changed_at", UtcDateTime, nullable=False),
    CheckConstraint("choice IN (0, 1, 2)", name="choice_known"),
    Index("ix_vote_changes_vote_id", "vote_id"),
)

# What /stats shows and the verdict is made of, kept by the transaction of each vote and never
# counted again; `lyricbot stats --recount` makes it anew of the votes.
release_sums = Table(
    "release_sums",
    metadata,
    Column("release", ForeignKey("releases.number"), primary_key=True),
    Column("sums", JSON, nullable=False),
)

# How they stood after the last vote of each hour: what the picture is drawn of.
past_sums = Table(
    "past_sums",
    metadata,
    Column("release", ForeignKey("releases.number"), primary_key=True),
    Column("hour", UtcDateTime, primary_key=True),
    Column("sums", JSON, nullable=False),
)

pair_sums = Table(
    "pair_sums",
    metadata,
    Column("pair_id", ForeignKey("pairs.id"), primary_key=True),
    Column("votes", Integer, nullable=False),  # that count towards the verdict
    Column("wins", Integer, nullable=False),  # of these, for random
    Column("leader", SAMPLER),  # once there are enough
    Column("led_at", BigInteger),  # the number of the vote that decided
)

duel_sums = Table(
    "duel_sums",
    metadata,
    Column("duel_id", ForeignKey("duels.id"), primary_key=True),
    Column("votes", Integer, nullable=False),
    Column("wins", Integer, nullable=False),
    Column("counted", Boolean, nullable=False),
    Column("newcomers", Integer, nullable=False),
)

person_sums = Table(
    "person_sums",
    metadata,
    Column("release", ForeignKey("releases.number"), primary_key=True),
    Column("person_id", ForeignKey("people.id"), primary_key=True),
    Column("votes", Integer, nullable=False),
    Column("wins", Integer, nullable=False),
    Column("lefts", Integer, nullable=False),
    Column("counted", Integer, nullable=False),
    Column("counted_wins", Integer, nullable=False),
    Column("first_counted", BigInteger),  # the number of their first counted vote
    Column("first_counted_at", UtcDateTime),
    Column("settled", Boolean, nullable=False),
    Index("ix_person_sums_person_id", "person_id"),
    Index("ix_person_sums_waiting", "release", "settled", "first_counted"),
)

# One retrain, from asked to published, failed or cancelled.
ACTIVE = "status IN ('queued', 'running')"
jobs = Table(
    "jobs",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("corpus_name", String(64), nullable=False),
    Column("corpus_sha256", String(64), nullable=False),
    Column("recipe", JSON, nullable=False),  # every setting, whatever a worker's version has
    Column("num_pairs", Integer, nullable=False),
    Column("seed", BigInteger, nullable=False),  # of the first pair
    Column("asked_by", BigInteger),  # the chat platform's numeric id; NULL: nobody in particular
    Column("asked_at", UtcDateTime, nullable=False),
    Column("status", String(9), nullable=False),
    # A worker that takes the job up counts one attempt more: what an earlier one wants is refused.
    Column("attempt", Integer, nullable=False, server_default=text("0")),
    Column("fruitless", Integer, nullable=False, server_default=text("0")),  # since `epochs` grew
    Column("epochs", Integer, nullable=False, server_default=text("0")),  # that a save holds
    Column("worker", String(128)),
    Column("progress", JSON),
    Column("seen_at", UtcDateTime),  # when its worker last said that it works on it
    Column("started_at", UtcDateTime),
    Column("ended_at", UtcDateTime),
    Column("release", ForeignKey("releases.number"), unique=True),
    Column("reason", Text),  # of a failure
    CheckConstraint(
        "status IN ('queued', 'running', 'published', 'failed', 'cancelled')", name="status_known"
    ),
    CheckConstraint(
        "(status = 'published') = (release IS NOT NULL)", name="published_has_release"
    ),
    Index(
        "uq_jobs_one_active",
        "corpus_name",
        unique=True,
        sqlite_where=text(ACTIVE),
        postgresql_where=text(ACTIVE),
    ),
)

# The workers there are or were, and when each was last alive.
workers = Table(
    "workers",
    metadata,
    Column("name", String(128), primary_key=True),
    Column("host", String(128), nullable=False),
    Column("pid", Integer, nullable=False),
    Column("device", String(64), nullable=False),
    Column("started_at", UtcDateTime, nullable=False),
    Column("seen_at", UtcDateTime, nullable=False),
)

# A message that shows a job's progress, and is followed by what came of it.
watches = Table(
    "watches",
    metadata,
    Column("room", BigInteger, primary_key=True, autoincrement=False),
    Column("post", BigInteger, primary_key=True, autoincrement=False),
    Column("topic", BigInteger),
    Column("job_id", ForeignKey("jobs.id"), nullable=False),
    Column("account", BigInteger, nullable=False),  # who asked
    Column("language", String(16), nullable=False),
    Column("told", Integer, nullable=False, server_default=text("0")),  # how much of the end
    # One of several bots edits it: who holds it, and until when.
    Column("held_by", String(64)),
    Column("held_until", UtcDateTime),
    Index("ix_watches_job_id", "job_id"),
)


def _mark(name: str) -> Table:
    return Table(
        name,
        metadata,
        Column("duel_id", ForeignKey("duels.id"), primary_key=True),
        Column("person_id", ForeignKey("people.id"), primary_key=True),
        Column("at", UtcDateTime, nullable=False),
    )


encores = _mark("encores")  # 3: I could sing it
likes = _mark("likes")  # 👍
