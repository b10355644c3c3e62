"""Jobs, the workers that do them, the messages that show them; which activations rolled back."""

import sqlalchemy as sa
from alembic import op

revision = "m002"
down_revision = "m001"

ACTIVE = "status IN ('queued', 'running')"


def upgrade() -> None:
    op.add_column(
        "activations",
        sa.Column("rolled_back", sa.Boolean(), server_default=sa.false(), nullable=False),
    )
    op.create_table(
        "jobs",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("corpus_name", sa.String(length=64), nullable=False),
        sa.Column("corpus_sha256", sa.String(length=64), nullable=False),
        sa.Column("recipe", sa.JSON(), nullable=False),
        sa.Column("num_pairs", sa.Integer(), nullable=False),
        sa.Column("seed", sa.BigInteger(), nullable=False),
        sa.Column("asked_by", sa.BigInteger(), nullable=True),
        sa.Column("asked_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("status", sa.String(length=9), nullable=False),
        sa.Column("attempt", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("fruitless", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("epochs", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("worker", sa.String(length=128), nullable=True),
        sa.Column("progress", sa.JSON(), nullable=True),
        sa.Column("seen_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("release", sa.Integer(), nullable=True),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.CheckConstraint(
            "status IN ('queued', 'running', 'published', 'failed', 'cancelled')",
            name=op.f("ck_jobs_status_known"),
        ),
        sa.CheckConstraint(
            "(status = 'published') = (release IS NOT NULL)",
            name=op.f("ck_jobs_published_has_release"),
        ),
        sa.ForeignKeyConstraint(["release"], ["releases.number"], name=op.f("fk_jobs_release")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_jobs")),
        sa.UniqueConstraint("release", name=op.f("uq_jobs_release")),
    )
    op.create_index(
        "uq_jobs_one_active",
        "jobs",
        ["corpus_name"],
        unique=True,
        sqlite_where=sa.text(ACTIVE),
        postgresql_where=sa.text(ACTIVE),
    )
    op.create_table(
        "workers",
        sa.Column("name", sa.String(length=128), nullable=False),
        sa.Column("host", sa.String(length=128), nullable=False),
        sa.Column("pid", sa.Integer(), nullable=False),
        sa.Column("device", sa.String(length=64), nullable=False),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("seen_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_workers")),
    )
    op.create_table(
        "watches",
        sa.Column("room", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("post", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("topic", sa.BigInteger(), nullable=True),
        sa.Column("job_id", sa.Integer(), nullable=False),
        sa.Column("account", sa.BigInteger(), nullable=False),
        sa.Column("language", sa.String(length=16), nullable=False),
        sa.Column("told", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("held_by", sa.String(length=64), nullable=True),
        sa.Column("held_until", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["job_id"], ["jobs.id"], name=op.f("fk_watches_job_id")),
        sa.PrimaryKeyConstraint("room", "post", name=op.f("pk_watches")),
    )
    op.create_index("ix_watches_job_id", "watches", ["job_id"])


def downgrade() -> None:
    op.drop_table("watches")
    op.drop_table("workers")
    op.drop_table("jobs")
    with op.batch_alter_table("activations", schema=None) as batch_op:
        batch_op.drop_column("rolled_back")
