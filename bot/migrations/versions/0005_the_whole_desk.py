"""One person's conversations, read and delivered, filters of the queue, ratings, blocks.

Revision ID: 0005
Revises: 0004
"""

import sqlalchemy as sa
from alembic import op

from bot.tables import Moment

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

COUNTS = ("delivered", "read", "read_at_desk")


def upgrade() -> None:
    op.add_column("conversations", sa.Column("person", sa.String(length=32), nullable=False, server_default=""))
    op.execute("UPDATE conversations SET person = id")
    op.create_index("ix_conversations_person", "conversations", ["person"])
    op.add_column("conversations", sa.Column("shares_history", sa.Boolean(), nullable=False, server_default=sa.false()))
    op.add_column("conversations", sa.Column("blocked_until", Moment(timezone=True), nullable=True))
    for name in COUNTS:
        op.add_column("conversations", sa.Column(name, sa.Integer(), nullable=False, server_default="0"))
    op.add_column("desk_sessions", sa.Column("only_language", sa.String(length=8), nullable=True))
    op.add_column("desk_sessions", sa.Column("only_topic", sa.String(length=40), nullable=True))
    op.create_table(
        "ratings",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("at", Moment(timezone=True), nullable=False),
        sa.Column("conversation_id", sa.String(length=32), nullable=False),
        sa.Column("advisor_id", sa.Integer(), nullable=False),
        sa.Column("score", sa.String(length=8), nullable=False),
        sa.Column("comment", sa.String(length=2000), nullable=True),
        sa.ForeignKeyConstraint(["conversation_id"], ["conversations.id"], ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["advisor_id"], ["advisors.id"]),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("ix_ratings_conversation_id", "ratings", ["conversation_id"])
    op.create_table(
        "blocks",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("at", Moment(timezone=True), nullable=False),
        sa.Column("conversation_id", sa.String(length=32), nullable=False),
        sa.Column("advisor_id", sa.Integer(), nullable=False),
        sa.Column("reason", sa.String(length=2000), nullable=False),
        sa.Column("until", Moment(timezone=True), nullable=False),
        sa.Column("lifted_by", sa.Integer(), nullable=True),
        sa.ForeignKeyConstraint(["conversation_id"], ["conversations.id"], ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["advisor_id"], ["advisors.id"]),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("ix_blocks_conversation_id", "blocks", ["conversation_id"])


def downgrade() -> None:
    op.drop_table("blocks")
    op.drop_table("ratings")
    op.drop_column("desk_sessions", "only_topic")
    op.drop_column("desk_sessions", "only_language")
    for name in (*COUNTS, "blocked_until", "shares_history"):
        op.drop_column("conversations", name)
    op.drop_index("ix_conversations_person", "conversations")
    op.drop_column("conversations", "person")
