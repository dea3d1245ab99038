"""The command line. Each verb reads what it needs, asks a room, and prints for people or as JSON.

One module here for each group of verbs; they import the rooms when they run, so that help is quick. Exit
codes: 0 fine, 1 findings, 2 usage, 3 unreachable; `run` also 74 (disk) and 78 (configuration), after the
latter of which a restart cannot help.
"""

from __future__ import annotations

import typer

from foretell.cli import files, history, running
from foretell.cli.devices import devices
from foretell.cli.reports import reports
from foretell.cli.rules import rules
from foretell.cli.tickets import explain, tickets

app = typer.Typer(
    name="foretell",
    help="Opens a maintenance ticket before owners notice. / 在业主察觉之前派出工单。",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.command()(running.run)
app.command()(files.check)
app.command("test")(files.run_tests)
app.add_typer(rules, name="rules")
app.command()(explain)
app.add_typer(tickets, name="tickets")
app.add_typer(reports, name="report")
app.add_typer(devices, name="devices")
app.command()(history.replay)
app.command()(history.rejects)
app.command()(running.demo)
app.command()(files.schema)
app.command()(running.version)


def main() -> None:
    """The console script."""
    app()
