"""People, corpora, releases with their pairs of models, lyrics, duels, votes, encores, likes."""

import sqlalchemy as sa
from alembic import op

revision = "m001"
down_revision = None


def upgrade() -> None:
    op.create_table(
        "corpora",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(length=64), nullable=False),
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.Column("lines", sa.Integer(), nullable=False),
        sa.Column("characters", sa.Integer(), nullable=False),
        sa.Column("distinct_characters", sa.Integer(), nullable=False),
        sa.Column("most_frequent", sa.String(length=16), nullable=False),
        sa.Column("dropped_comments", sa.Integer(), nullable=False),
        sa.Column("dropped_controls", sa.Integer(), nullable=False),
        sa.Column("added_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_corpora")),
        sa.UniqueConstraint("name", name=op.f("uq_corpora_name")),
    )
    op.create_table(
        "people",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("account", sa.BigInteger(), nullable=False),
        sa.Column("first_seen", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_people")),
        sa.UniqueConstraint("account", name=op.f("uq_people_account")),
    )
    op.create_table(
        "releases",
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("corpus_name", sa.String(length=64), nullable=False),
        sa.Column("corpus_sha256", sa.String(length=64), nullable=False),
        sa.Column("recipe_name", sa.String(length=64), nullable=False),
        sa.Column("recipe_hash", sa.String(length=12), nullable=False),
        sa.Column("published_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("number", name=op.f("pk_releases")),
    )
    op.create_table(
        "activations",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("release", sa.Integer(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["release"], ["releases.number"], name=op.f("fk_activations_release")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_activations")),
    )
    op.create_table(
        "pairs",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("release", sa.Integer(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("seed", sa.BigInteger(), nullable=False),
        sa.Column("updates", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["release"], ["releases.number"], name=op.f("fk_pairs_release")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_pairs")),
        sa.UniqueConstraint("release", "number", name=op.f("uq_pairs_release_number")),
    )
    op.create_table(
        "models",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("pair_id", sa.Integer(), nullable=False),
        sa.Column("sampler", sa.String(length=11), nullable=False),
        sa.Column("file_sha256", sa.String(length=64), nullable=False),
        sa.Column("perplexity", sa.Float(), nullable=False),
        sa.Column("held_out_perplexity", sa.Float(), nullable=True),
        sa.CheckConstraint(
            "sampler IN ('random', 'consecutive')", name=op.f("ck_models_sampler_known")
        ),
        sa.ForeignKeyConstraint(["pair_id"], ["pairs.id"], name=op.f("fk_models_pair_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_models")),
        sa.UniqueConstraint("pair_id", "sampler", name=op.f("uq_models_pair_id_sampler")),
    )
    op.create_table(
        "lyrics",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("model_id", sa.Integer(), nullable=False),
        sa.Column("prefix", sa.String(length=50), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("seed", sa.BigInteger(), nullable=False),
        sa.Column("decoding", sa.JSON(), nullable=False),
        sa.Column("written_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["model_id"], ["models.id"], name=op.f("fk_lyrics_model_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_lyrics")),
    )
    op.create_table(
        "duels",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("pair_id", sa.Integer(), nullable=False),
        sa.Column(
            "asker_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False
        ),
        sa.Column(
            "lyric_1_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False
        ),
        sa.Column(
            "lyric_2_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False
        ),
        sa.Column("sampler_1", sa.String(length=11), nullable=False),
        sa.Column("opened_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("closes_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint(
            "sampler_1 IN ('random', 'consecutive')", name=op.f("ck_duels_sampler_1_known")
        ),
        sa.CheckConstraint("lyric_1_id <> lyric_2_id", name=op.f("ck_duels_two_lyrics")),
        sa.ForeignKeyConstraint(["asker_id"], ["people.id"], name=op.f("fk_duels_asker_id")),
        sa.ForeignKeyConstraint(["lyric_1_id"], ["lyrics.id"], name=op.f("fk_duels_lyric_1_id")),
        sa.ForeignKeyConstraint(["lyric_2_id"], ["lyrics.id"], name=op.f("fk_duels_lyric_2_id")),
        sa.ForeignKeyConstraint(["pair_id"], ["pairs.id"], name=op.f("fk_duels_pair_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_duels")),
    )
    with op.batch_alter_table("duels", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_duels_pair_id"), ["pair_id"], unique=False)

    op.create_table(
        "encores",
        sa.Column("duel_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column(
            "person_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False
        ),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["duel_id"], ["duels.id"], name=op.f("fk_encores_duel_id")),
        sa.ForeignKeyConstraint(["person_id"], ["people.id"], name=op.f("fk_encores_person_id")),
        sa.PrimaryKeyConstraint("duel_id", "person_id", name=op.f("pk_encores")),
    )
    op.create_table(
        "likes",
        sa.Column("duel_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column(
            "person_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False
        ),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["duel_id"], ["duels.id"], name=op.f("fk_likes_duel_id")),
        sa.ForeignKeyConstraint(["person_id"], ["people.id"], name=op.f("fk_likes_person_id")),
        sa.PrimaryKeyConstraint("duel_id", "person_id", name=op.f("pk_likes")),
    )
    op.create_table(
        "showings",
        sa.Column("room", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("post", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("duel_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("shown_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["duel_id"], ["duels.id"], name=op.f("fk_showings_duel_id")),
        sa.PrimaryKeyConstraint("room", "post", name=op.f("pk_showings")),
    )
    op.create_table(
        "votes",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("duel_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column(
            "person_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False
        ),
        sa.Column("choice", sa.Integer(), nullable=False),
        sa.Column("cast_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("choice IN (0, 1, 2)", name=op.f("ck_votes_choice_known")),
        sa.ForeignKeyConstraint(["duel_id"], ["duels.id"], name=op.f("fk_votes_duel_id")),
        sa.ForeignKeyConstraint(["person_id"], ["people.id"], name=op.f("fk_votes_person_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_votes")),
        sa.UniqueConstraint("duel_id", "person_id", name=op.f("uq_votes_duel_id_person_id")),
    )
    op.create_table(
        "vote_changes",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("vote_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("choice", sa.Integer(), nullable=False),
        sa.Column("changed_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("choice IN (0, 1, 2)", name=op.f("ck_vote_changes_choice_known")),
        sa.ForeignKeyConstraint(["vote_id"], ["votes.id"], name=op.f("fk_vote_changes_vote_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_vote_changes")),
    )
    with op.batch_alter_table("vote_changes", schema=None) as batch_op:
        batch_op.create_index("ix_vote_changes_vote_id", ["vote_id"], unique=False)


def downgrade() -> None:
    with op.batch_alter_table("vote_changes", schema=None) as batch_op:
        batch_op.drop_index("ix_vote_changes_vote_id")

    op.drop_table("vote_changes")
    op.drop_table("votes")
    op.drop_table("showings")
    op.drop_table("likes")
    op.drop_table("encores")
    with op.batch_alter_table("duels", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_duels_pair_id"))

    op.drop_table("duels")
    op.drop_table("lyrics")
    op.drop_table("models")
    op.drop_table("pairs")
    op.drop_table("activations")
    op.drop_table("releases")
    op.drop_table("people")
    op.drop_table("corpora")
