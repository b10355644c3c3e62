"""How much of each lyric was copied from the corpus; what was measured of each model."""

import sqlalchemy as sa
from alembic import op

revision = "m004"
down_revision = "m003"


def upgrade() -> None:
    op.add_column("lyrics", sa.Column("copied", sa.JSON(), nullable=True))
    op.add_column("models", sa.Column("measures", sa.JSON(), nullable=True))


def downgrade() -> None:
    with op.batch_alter_table("models", schema=None) as batch_op:
        batch_op.drop_column("measures")
    with op.batch_alter_table("lyrics", schema=None) as batch_op:
        batch_op.drop_column("copied")
