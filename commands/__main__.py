"""`python -m commands` is `doorstep`."""

from commands.main import app

app(prog_name="doorstep")
