"""`python -m commands` is `doorstep`."""

from commands.main import app

app()
