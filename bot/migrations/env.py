"""Alembic's environment: online only, with a synchronous driver."""

from alembic import context
from sqlalchemy import create_engine
from sqlalchemy.engine import make_url

from bot.tables import Base

DRIVERS = {"postgres": "postgresql+psycopg", "postgresql": "postgresql+psycopg"}


def run() -> None:
    """Run the migrations that are due."""
    parsed = make_url(context.config.attributes["url"])
    engine = create_engine(parsed.set(drivername=DRIVERS.get(parsed.drivername, parsed.drivername)))
    with engine.begin() as connection:
        context.configure(connection=connection, target_metadata=Base.metadata, render_as_batch=True)
        context.run_migrations()
    engine.dispose()


run()
