"""The command line: one module for each group of commands, each with `register(app)`.

`app` lists them, `settings_options` holds the options they share, `output` prints, and `errors` turns what went wrong
into words and exit codes. A command imports what it needs when it runs, so that help is quick. Neighbours: `run` starts
`daemon.app`; the commands for a running daemon go through `daemon.client`.
"""

from daemon.cli.app import paperd


def main() -> None:
    """Run the command line and end the process with its exit code."""
    paperd(prog_name="paperd")
