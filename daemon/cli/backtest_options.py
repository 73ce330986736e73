"""The options of `paperd backtest`, as the command line shows them."""

from pathlib import Path
from typing import Annotated, Final

import typer

DAYS: Final = 60  # of the synthetic market, which has no end
SPREAD_BPS: Final = 1.0
MEMORY_MB: Final = 512

_FILES: Final = "Files of bars"

Strategy = Annotated[str | None, typer.Option(help="Run only this strategy: its id, or a type to run by itself.")]
Symbols = Annotated[list[str] | None, typer.Option(help="Trade these symbols instead; give it once for each.")]
Timeframes = Annotated[str | None, typer.Option(help="Decide on these bars instead, such as 15m,1h,4h.")]
State = Annotated[
    Path | None, typer.Option(metavar="DIR", help="Run over the bars and quotes as this state directory saw them.")
]
Data = Annotated[Path | None, typer.Option(metavar="DIR", help="Run over the recorded days below this folder.")]
Csv = Annotated[
    list[str] | None,
    typer.Option(
        "--csv",
        metavar="[SYMBOL=]FILE",
        help="Run over a CSV file of bars; give it once for each symbol.",
        rich_help_panel=_FILES,
    ),
]
Parquet = Annotated[
    list[str] | None,
    typer.Option(
        "--bars",
        metavar="[SYMBOL=]FILE",
        help="Run over a Parquet file of bars; give it once for each symbol.",
        rich_help_panel=_FILES,
    ),
]
BarLength = Annotated[
    str | None,
    typer.Option(
        "--bar",
        metavar="LENGTH",
        help="Length of the files' bars, such as 1m.  [default: the most common distance of their times]",
        rich_help_panel=_FILES,
    ),
]
Timezone = Annotated[
    str | None,
    typer.Option(
        metavar="ZONE", help="Zone of times that have none, such as America/New_York.", rich_help_panel=_FILES
    ),
]
Stamps = Annotated[
    str, typer.Option(metavar="start|end", help="What a time in the files marks.", rich_help_panel=_FILES)
]
SpreadBps = Annotated[
    float,
    typer.Option(
        "--spread-bps",
        min=0,
        max=1000,
        help="Spread of the quotes made around the files' prices, 1 = 0.01 %; at least a tick, unless 0.",
        rich_help_panel=_FILES,
    ),
]
Fill = Annotated[
    str,
    typer.Option(
        "--fill",
        metavar="close|open",
        help="What orders meet: the close of the bar decided on, or the open of the next.",
        rich_help_panel=_FILES,
    ),
]
Start = Annotated[str | None, typer.Option(metavar="DATE", help="First trading day.")]
Days = Annotated[
    int | None, typer.Option(min=1, help=f"How many sessions; {DAYS} on the synthetic market, else all there are.")
]
Seed = Annotated[int | None, typer.Option(min=0, help="Seed of the synthetic market and of the latencies.")]
Record = Annotated[
    str,
    typer.Option(
        metavar="all|actionable",
        help="What the journal keeps. all: every bar, decision and valuation, as live. actionable: only those from "
        "which something could follow, the other decisions in decisions.parquet beside it; the same orders and fills, "
        "several times faster on long histories.",
    ),
]
Memory = Annotated[
    int,
    typer.Option(
        metavar="MB",
        min=1,
        help="What the run may take, about: files are read in batches that fit, and the page measures no more "
        "valuations than fit.",
    ),
]
Out = Annotated[
    Path | None,
    typer.Option(
        metavar="DIR", help="Where the journal and the page go.  [default: backtests/ in the state directory]"
    ),
]
Json = Annotated[bool, typer.Option("--json", help="Print the result as one JSON object.")]
