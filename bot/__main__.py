"""`python -m bot …` is `neuvo …`."""

from bot.cli import app

app()
