"""The command that tries everything the daemon will need, and says cause and cure for what fails."""

import asyncio
import os
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from daemon.cli.errors import UNAVAILABLE
from daemon.cli.output import JsonOption, print_facts, print_json
from daemon.cli.panels import SET_UP
from daemon.cli.settings_options import ConfigOption, StateOption, loaded, state_of

if TYPE_CHECKING:
    from daemon.adapters.ib.diagnose import Diagnosis
    from daemon.settings.loading import LoadedSettings
    from daemon.settings.model import Settings

ModeOption = Annotated[
    str | None, typer.Option("--mode", metavar="MODE", help="paper or ibkr_paper, instead of what is configured.")
]
HostOption = Annotated[str | None, typer.Option("--host", help="Try the gateway at this host.")]
PortOption = Annotated[int | None, typer.Option("--port", help="… and at this port.")]
ClientOption = Annotated[int | None, typer.Option("--client-id", help="… under this client id.")]

_SUMMARY_FIRST: Final = ("NetLiquidation", "TotalCashValue", "BuyingPower", "AvailableFunds", "GrossPositionValue")


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One thing that was tried."""

    ok: bool
    what: str
    cause: str = ""  # of the failure, or a detail of the success
    cure: str = ""


def register(app: typer.Typer) -> None:
    """Add the command to `app`."""
    app.command("test", rich_help_panel=SET_UP)(try_everything)


def try_everything(
    *,
    config: ConfigOption = None,
    state: StateOption = None,
    mode: ModeOption = None,
    host: HostOption = None,
    port: PortOption = None,
    client_id: ClientOption = None,
    as_json: JsonOption = False,
) -> None:
    """Try configuration, state directory, gateway, account, orders and market data, without trading.

    Naming a host, a port or a client id tries a gateway as mode ibkr_paper does. Exit code 69 if something fails.
    """
    names_gateway = any(option is not None for option in (host, port, client_id))
    found = loaded(
        config,
        {
            "mode": mode or ("ibkr_paper" if names_gateway else None),
            "ib.host": host,
            "ib.port": port,
            "ib.client_id": client_id,
        },
    )
    steps, summary = _tried(found, state_of(state))
    ok = all(step.ok for step in steps)
    if as_json:
        print_json(
            {"ok": ok, "mode": found.settings.mode, "steps": [asdict(step) for step in steps], "account": summary}
        )
    else:
        _print(steps, summary)
    if not ok:
        raise typer.Exit(UNAVAILABLE)


def _tried(found: "LoadedSettings", state: Path) -> tuple[list[Step], Mapping[str, str]]:
    settings = found.settings
    steps = [Step(ok=True, what="configuration", cause=f"{found.source} is valid, mode {settings.mode}"), _place(state)]
    if settings.mode == "paper":
        built_in = "the daemon starts its own gateway with a built-in market: there is no connection to try"
        return [*steps, Step(ok=True, what="connection", cause=built_in)], {}
    gateway_steps, summary = _gateway(settings)
    return [*steps, *gateway_steps], summary


def _place(state: Path) -> Step:
    """Look whether the state directory can be used, without making it."""
    existing = next(path for path in (state.absolute(), *state.absolute().parents) if path.exists())
    cure = "choose another --state directory, or make this one writable for the user who runs the daemon"
    if not existing.is_dir():
        return Step(ok=False, what="state directory", cause=f"{existing} is no directory", cure=cure)
    if not os.access(existing, os.W_OK | os.X_OK):
        return Step(ok=False, what="state directory", cause=f"{existing} may not be written to", cure=cure)
    will = "" if existing == state.absolute() else " will be made"
    return Step(ok=True, what="state directory", cause=f"{state}{will}")


def _gateway(settings: "Settings") -> tuple[list[Step], Mapping[str, str]]:
    found = asyncio.run(_diagnosed(settings))
    steps = [Step(ok=each.ok, what=each.what, cause=each.cause, cure=each.cure) for each in found.findings]
    return steps, found.summary


async def _diagnosed(settings: "Settings") -> "Diagnosis":
    # Imported with the loop running: the broker library looks for one when it is imported.
    from daemon.adapters.ib.diagnose import diagnose
    from daemon.adapters.ib.settings import IbSettings
    from daemon.runtime.clock import MarketClock

    ib = settings.ib
    target = IbSettings(host=ib.host, port=ib.port, client_id=ib.client_id, account=ib.account or "")
    return await diagnose(target, clock=MarketClock())


def _print(steps: Sequence[Step], summary: Mapping[str, str]) -> None:
    width = max(len(step.what) for step in steps)
    for step in steps:
        typer.echo(f"{'ok    ' if step.ok else 'FAILED'}  {step.what:<{width}}  {step.cause}")
        if step.cure and not step.ok:
            typer.echo(f"{'':8}{'':<{width}}  cure: {step.cure}")
    first = {name: summary[name] for name in _SUMMARY_FIRST if name in summary}
    if first:
        typer.echo()
        print_facts(first)
