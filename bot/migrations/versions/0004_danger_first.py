"""When somebody spoke of an emergency or a crisis: such a conversation goes to the top of the queue.

Revision ID: 0004
Revises: 0003
"""

import sqlalchemy as sa
from alembic import op

from bot.tables import Moment

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("conversations", sa.Column("urgent_at", Moment(timezone=True), nullable=True))


def downgrade() -> None:
    op.drop_column("conversations", "urgent_at")
