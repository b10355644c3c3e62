"""Duels with a key and a room, boards; rooms, the inbox, tallies, bans, announcements."""

import sqlalchemy as sa
from alembic import op

revision = "m003"
down_revision = "m002"

MOMENT = sa.DateTime(timezone=True)
BIG_KEY = sa.BigInteger().with_variant(sa.Integer(), "sqlite")

INDEXES = (
    *(("duels", "room"), ("duels", "opened_at")),
    *(("votes", "cast_at"), ("showings", "duel_id")),
)


def upgrade() -> None:
    op.add_column(
        "duels", sa.Column("key", sa.String(16), server_default=sa.text("''"), nullable=False)
    )
    op.add_column("duels", sa.Column("room", sa.BigInteger(), nullable=True))
    for table, column in INDEXES:
        op.create_index(f"ix_{table}_{column}", table, [column])
    op.create_table(
        "boards",
        sa.Column("id", BIG_KEY, nullable=False),
        sa.Column("duel_id", BIG_KEY, nullable=False),
        sa.Column("room", sa.BigInteger(), nullable=True),
        sa.Column("post", sa.BigInteger(), nullable=True),
        sa.Column("inline", sa.String(128), nullable=True),
        sa.Column("language", sa.String(16), nullable=False),
        sa.Column("traditional", sa.Boolean(), server_default=sa.false(), nullable=False),
        sa.Column("voters", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("free_at", MOMENT, nullable=False),
        sa.Column("due_at", MOMENT, nullable=True),
        sa.CheckConstraint("(room IS NULL) = (post IS NULL)", name=op.f("ck_boards_post_in_room")),
        sa.CheckConstraint("(room IS NULL) <> (inline IS NULL)", name=op.f("ck_boards_one_place")),
        sa.ForeignKeyConstraint(["duel_id"], ["duels.id"], name=op.f("fk_boards_duel_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_boards")),
        sa.UniqueConstraint("inline", name=op.f("uq_boards_inline")),
        sa.UniqueConstraint("room", "post", name=op.f("uq_boards_room_post")),
    )
    op.create_index("ix_boards_duel_id", "boards", ["duel_id"])
    op.create_index("ix_boards_due_at", "boards", ["due_at"])
    op.create_table(
        "rooms",
        sa.Column("room", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("language", sa.String(16), nullable=True),
        sa.Column("traditional", sa.Boolean(), nullable=True),
        sa.Column("news", sa.Boolean(), server_default=sa.false(), nullable=False),
        sa.PrimaryKeyConstraint("room", name=op.f("pk_rooms")),
    )
    op.create_table(
        "inbox",
        sa.Column("number", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("taken_at", MOMENT, nullable=False),
        sa.Column("held_by", sa.String(64), nullable=False),
        sa.Column("held_until", MOMENT, nullable=False),
        sa.PrimaryKeyConstraint("number", name=op.f("pk_inbox")),
    )
    op.create_index("ix_inbox_held_until", "inbox", ["held_until"])
    op.create_table(
        "handled",
        sa.Column("number", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("at", MOMENT, nullable=False),
        sa.PrimaryKeyConstraint("number", name=op.f("pk_handled")),
    )
    op.create_index("ix_handled_at", "handled", ["at"])
    op.create_table(
        "tallies",
        sa.Column("kind", sa.String(16), nullable=False),
        sa.Column("who", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("begins", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("times", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("kind", "who", "begins", name=op.f("pk_tallies")),
    )
    op.create_index("ix_tallies_begins", "tallies", ["begins"])
    op.create_table(
        "bans",
        sa.Column("account", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("banned_by", sa.BigInteger(), nullable=False),
        sa.Column("at", MOMENT, nullable=False),
        sa.PrimaryKeyConstraint("account", name=op.f("pk_bans")),
    )
    op.create_table(
        "announcements",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("written_by", sa.BigInteger(), nullable=False),
        sa.Column("at", MOMENT, nullable=False),
        sa.Column("room", sa.BigInteger(), nullable=True),
        sa.Column("post", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_announcements")),
        sa.UniqueConstraint("room", "post", name=op.f("uq_announcements_room_post")),
    )
    op.create_table(
        "deliveries",
        sa.Column("announcement_id", sa.Integer(), nullable=False),
        sa.Column("room", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("due_at", MOMENT, nullable=True),
        sa.Column("arrived", sa.Boolean(), server_default=sa.false(), nullable=False),
        sa.ForeignKeyConstraint(
            ["announcement_id"], ["announcements.id"], name=op.f("fk_deliveries_announcement_id")
        ),
        sa.PrimaryKeyConstraint("announcement_id", "room", name=op.f("pk_deliveries")),
    )
    op.create_index("ix_deliveries_due_at", "deliveries", ["due_at"])


def downgrade() -> None:
    for table in (
        *("deliveries", "announcements", "bans", "tallies"),
        *("handled", "inbox", "rooms", "boards"),
    ):
        op.drop_table(table)
    for table, column in INDEXES:
        op.drop_index(f"ix_{table}_{column}", table)
    with op.batch_alter_table("duels", schema=None) as batch_op:
        batch_op.drop_column("room")
        batch_op.drop_column("key")
