"""The sums behind the verdict, which were counted anew each time."""

import sqlalchemy as sa
from alembic import op

revision = "m005"
down_revision = "m004"


def upgrade() -> None:
    op.create_table(
        "release_sums",
        sa.Column("release", sa.Integer(), nullable=False),
        sa.Column("sums", sa.JSON(), nullable=False),
        sa.ForeignKeyConstraint(["release"], ["releases.number"], name="fk_release_sums_release"),
        sa.PrimaryKeyConstraint("release", name="pk_release_sums"),
    )
    op.create_table(
        "past_sums",
        sa.Column("release", sa.Integer(), nullable=False),
        sa.Column("hour", sa.DateTime(timezone=True), nullable=False),
        sa.Column("sums", sa.JSON(), nullable=False),
        sa.ForeignKeyConstraint(["release"], ["releases.number"], name="fk_past_sums_release"),
        sa.PrimaryKeyConstraint("release", "hour", name="pk_past_sums"),
    )
    op.create_table(
        "pair_sums",
        sa.Column("pair_id", sa.Integer(), nullable=False),
        sa.Column("votes", sa.Integer(), nullable=False),
        sa.Column("wins", sa.Integer(), nullable=False),
        sa.Column("leader", sa.String(length=11), nullable=True),
        sa.Column("led_at", sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(["pair_id"], ["pairs.id"], name="fk_pair_sums_pair_id"),
        sa.PrimaryKeyConstraint("pair_id", name="pk_pair_sums"),
    )
    big = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
    op.create_table(
        "duel_sums",
        sa.Column("duel_id", big, nullable=False),
        sa.Column("votes", sa.Integer(), nullable=False),
        sa.Column("wins", sa.Integer(), nullable=False),
        sa.Column("counted", sa.Boolean(), nullable=False),
        sa.Column("newcomers", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["duel_id"], ["duels.id"], name="fk_duel_sums_duel_id"),
        sa.PrimaryKeyConstraint("duel_id", name="pk_duel_sums"),
    )
    op.create_table(
        "person_sums",
        sa.Column("release", sa.Integer(), nullable=False),
        sa.Column("person_id", big, nullable=False),
        sa.Column("votes", sa.Integer(), nullable=False),
        sa.Column("wins", sa.Integer(), nullable=False),
        sa.Column("lefts", sa.Integer(), nullable=False),
        sa.Column("counted", sa.Integer(), nullable=False),
        sa.Column("counted_wins", sa.Integer(), nullable=False),
        sa.Column("first_counted", sa.BigInteger(), nullable=True),
        sa.Column("first_counted_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("settled", sa.Boolean(), nullable=False),
        sa.ForeignKeyConstraint(["release"], ["releases.number"], name="fk_person_sums_release"),
        sa.ForeignKeyConstraint(["person_id"], ["people.id"], name="fk_person_sums_person_id"),
        sa.PrimaryKeyConstraint("release", "person_id", name="pk_person_sums"),
    )
    op.create_index("ix_person_sums_person_id", "person_sums", ["person_id"])
    op.create_index(
        "ix_person_sums_waiting", "person_sums", ["release", "settled", "first_counted"]
    )
    op.add_column(
        "votes", sa.Column("left_out", sa.Boolean(), nullable=False, server_default=sa.false())
    )
    op.create_index("ix_votes_person_id", "votes", ["person_id", "id"])


def downgrade() -> None:
    op.drop_index("ix_votes_person_id", table_name="votes")
    op.drop_column("votes", "left_out")
    for table in ("person_sums", "duel_sums", "pair_sums", "past_sums", "release_sums"):
        op.drop_table(table)
