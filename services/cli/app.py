"""The command line: every command by its name."""

from __future__ import annotations

import typer

from .commands.demo import demo
from .commands.down import down
from .commands.migrate import migrate
from .commands.notice import notice
from .commands.restart import restart
from .commands.run import run
from .commands.status import status
from .commands.token import token
from .commands.up import up

app = typer.Typer(
    name="mesh",
    help="A mesh of services for AI agents: run it on this machine, and talk to it.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)
for command in (up, down, status, restart, run, token, migrate, demo):
    app.command()(command)
app.add_typer(notice, name="notice")
