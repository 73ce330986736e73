"""Write docs/reference from the program itself: its commands and the JSON Schema of its configuration.

`make docs` writes the files. With --check it writes nothing and exits 1 if a file is out of date.
"""

import json
import subprocess
import sys
from pathlib import Path

REFERENCE = Path(__file__).parent / "reference"
CLI_NOTE = "<!-- Written by `make docs`; change the commands, not this file. -->\n\n"


def output_of(command: str, *arguments: str) -> str:
    """Return what a command of this venv prints, or end the program with what it complains about."""
    path = Path(sys.executable).with_name(command)
    done = subprocess.run([path, *arguments], capture_output=True, text=True, check=False)
    if done.returncode != 0:
        sys.exit(f"{command} {' '.join(arguments)} ended with {done.returncode}:\n{done.stderr}")
    return done.stdout


def command_reference() -> str:
    """Return every command's help as Markdown."""
    return CLI_NOTE + output_of("typer", "daemon.cli", "utils", "docs", "--name", "paperd").rstrip() + "\n"


def configuration_schema() -> str:
    """Return the JSON Schema of the configuration file."""
    return json.dumps(json.loads(output_of("paperd", "config", "schema")), indent=2) + "\n"


def main() -> None:
    """Write the files that differ from what they should hold, or only name them."""
    check = "--check" in sys.argv[1:]
    wanted = {"cli.md": command_reference(), "configuration.schema.json": configuration_schema()}
    REFERENCE.mkdir(exist_ok=True)
    stale = [
        name
        for name, text in wanted.items()
        if not (REFERENCE / name).exists() or (REFERENCE / name).read_text(encoding="utf-8") != text
    ]
    for name in stale:
        if not check:
            (REFERENCE / name).write_text(wanted[name], encoding="utf-8")
        print(f"docs/reference/{name} {'is out of date: run make docs' if check else 'written'}")
    sys.exit(1 if check and stale else 0)


if __name__ == "__main__":
    main()
