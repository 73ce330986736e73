"""Every fault, in words, in one message."""

from collections.abc import Mapping
from datetime import date
from pathlib import Path

import pytest

from daemon.domain.errors import ConfigError, ForbiddenError
from daemon.domain.timeframe import Timeframe
from daemon.settings.faults import section_at
from daemon.settings.loading import load_settings
from daemon.settings.model import Settings
from daemon.settings.strategies import StrategySettings

STRATEGY = "{id: a, symbols: [SPY], timeframes: [1m, 1h], capital: 5000"


def faults(
    tmp_path: Path,
    text: str | bytes,
    environ: Mapping[str, str] | None = None,
    overrides: Mapping[str, object] | None = None,
) -> tuple[str, ...]:
    path = tmp_path / "x.yaml"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.raises(ConfigError) as caught:
        load_settings(path, overrides or {}, environ or {}, validate_strategy=refuse_zero, is_trading_day=is_weekday)
    return caught.value.faults


def refuse_zero(kind: str, parameters: Mapping[str, object], timeframes: tuple[Timeframe, ...]) -> list[str]:
    if kind != "sma_cross":
        return [f"type: {kind!r} … is no known strategy; use sma_cross"]
    wrong = [f"parameters.{name}: must be > 0, was 0" for name, value in parameters.items() if value == 0]
    return wrong + (["timeframes: needs two"] if "pair" in parameters and len(timeframes) < 2 else [])


def is_weekday(exchange: str, day: date) -> bool:
    if exchange != "XNYS":
        raise ValueError(f"calendar {exchange!r} is unknown: use an ISO 10383 code such as XNYS")
    if day.year > 2035:
        raise LookupError(f"{day} is beyond the calendar")
    return day.weekday() < 5


@pytest.mark.parametrize(
    ("text", "what", "why"),
    [
        (
            "mode: ibkr_papr",
            "mode: 'ibkr_papr'",
            "must be one of paper, ibkr_paper, alpaca_paper, live; did you mean ibkr_paper?",
        ),
        ("ib: {prot: 1}", "ib.prot: 1", "unknown key; did you mean port?"),
        ("port: 1", "port: 1", "unknown key; it belongs to ib.port"),
        ("control: {zzz: 1}", "control.zzz: 1", "unknown key; known here: socket"),
        ("\n\nib:\n  port: 70000", "ib.port: 70000", "must be ≤ 65535; the default is 4002 [x.yaml line 4]"),
        ("ib: {port: true}", "ib.port: true", "must be a number, not true or false; write digits"),
        ("ib: {port: 1.5}", "ib.port: 1.5", "must be a whole number; the default is 4002"),
        ("ib: {host: 5}", "ib.host: 5", "must be text; put it in quotes"),
        ("ib: {heartbeat_s: .nan}", "ib.heartbeat_s: nan", "must be a finite number; the default is 6"),
        ("ib: {backoff_s: [1, x]}", "ib.backoff_s[1]: 'x'", "must be a number"),
        ("ib: {backoff_s: []}", "ib.backoff_s: []", "must not be empty; name at least one"),
        ("ib: 5", "ib: 5", "must be a mapping; write one `key: value` a line below it"),
        (
            "market: {start: 2026-13-01}",
            "market.start: '2026-13-01'",
            "must be a date; write year-month-day, such as 2026-03-02",
        ),
        (
            "market: {start: 2026-03-01}",
            "market.start: 2026-03-01",
            "XNYS does not trade on that Sunday; choose a trading day",
        ),
        (
            "market: {start: 2040-03-01}",
            "market.start: 2040-03-01",
            "2040-03-01 is beyond the calendar; choose a day within it",
        ),
        ("market: {source: replay}", "market.data:", "is needed by source replay; name a directory of recorded data"),
        ("market: {data: /}", "market.data: /", "is not used by source synthetic; write source: replay, or remove it"),
        ("market: {source: replay, data: /none}", "market.data: /none", "is no directory; name one that exists"),
        ("market: {initial_cash: 0}", "market.initial_cash: 0", "must be > 0; the default is 100000"),
        (
            "market: {initial_cash: 99999}",
            "market.initial_cash: 99999",
            "is less than the capital of the enabled strategies, 100000; raise it or lower their capital",
        ),
        (
            "calendar: {exchange: XXXX}",
            "calendar.exchange: 'XXXX'",
            "calendar 'XXXX' is unknown: use an ISO 10383 code such as XNYS",
        ),
        (
            "combination: {weights: {5x: 1}}",
            "combination.weights.5x: '5x'",
            "timeframe '5x' is not understood: write a count and a unit s, m, h or d, such as 5m, 1h or 1d",
        ),
        (
            "journal: {url: 'mysql://me:hunter2@x'}",
            "journal.url: **********",
            "must be a database URL; begin it with sqlite:/// or postgresql:// or postgresql+psycopg://",
        ),
        (
            "api_token: abc",
            "api_token: **********",
            (
                "unknown key; known here: mode, instance, dry_run, ib, market, calendar, strategies, combination, "
                "limits, execution, reconciliation, monitors, journal, logs, control"
            ),
        ),
        ("mode: alpaca_paper", "mode: 'alpaca_paper'", "is not available in this version; use paper or ibkr_paper"),
        ("strategies: []", "strategies: []", "must not be empty; name at least one"),
        (
            f"strategies: [{STRATEGY}}}, {STRATEGY}}}]",
            "strategies[1].id: 'a'",
            "is the id of strategies[0] too; give each its own",
        ),
        (
            f"strategies: [{STRATEGY}, weights: {{2h: 1}}}}]",
            "strategies[0].weights.2h:",
            "is no timeframe of this strategy; add it to the strategy's timeframes or remove the weight",
        ),
        (
            f"strategies: [{STRATEGY}, weights: {{1m: 0, 1h: 0}}}}]",
            "strategies[0].weights:",
            "all weights of its timeframes are 0: it could never decide; give one of its timeframes a weight > 0",
        ),
        (
            f"strategies: [{STRATEGY}, position_fraction: 0.99}}]",
            "strategies[0].position_fraction: 0.99",
            "is above its own limits.position_fraction 0.95: every order would be refused; lower it",
        ),
        (
            f"strategies: [{STRATEGY}, parameters: {{fast: 0}}}}]",
            "strategies[0].parameters.fast:",
            "must be > 0, was 0",
        ),
        (f"strategies: [{STRATEGY}, type: foo}}]", "strategies[0].type: 'foo'", "is no known strategy; use sma_cross"),
        (
            "strategies: [{id: a, symbols: [SPY, SPY], timeframes: [1m], capital: 1}]",
            "strategies[0].symbols: 'SPY'",
            "is there 2 times; name it once",
        ),
        (
            "strategies: [{id: a, symbols: [SPY], timeframes: [60m, 1h], capital: 1}]",
            "strategies[0].timeframes: '1h'",
            "is there 2 times; name it once",
        ),
        (
            "strategies: [{id: a, symbols: [spy], timeframes: [1m], capital: 1}]",
            "strategies[0].symbols[0]: 'spy'",
            "must be an upper-case symbol; write SPY",
        ),
        (
            "strategies: [{id: a, symbols: [], timeframes: [1m], capital: 1}]",
            "strategies[0].symbols: []",
            "must not be empty; name at least one",
        ),
        ("strategies: [{id: a, symbols: [SPY], timeframes: [1m]}]", "strategies[0].capital:", "is required; add it"),
        ("strategies: [5]", "strategies[0]: 5", "must be a mapping; write one `key: value` a line below it"),
        (
            "limits: {account: {open_orders_per_symbol: 21}}",
            "limits.account.open_orders_per_symbol: 21",
            "is above open_orders 20, so it can never be reached; lower it or raise open_orders",
        ),
        (
            "limits: {account: {emergency_loss: 1999}}",
            "limits.account.emergency_loss: 1999",
            "is below daily_loss_value 2000: the emergency stop would come first; raise it",
        ),
        (
            "ib: {account: '${NONE}'}",
            "ib.account: '${NONE}'",
            "NONE is not in the environment; set it, put it in .env, or write ${NONE:-default}",
        ),
        (
            "ib: {host: 'a${b'}",
            "ib.host: 'a${b'",
            "has a ${ that names no variable; write ${NAME} or ${NAME:-default}, and $${ for a plain ${",
        ),
        ("ib: {port: 1}\nib: {port: 2}", "ib:", "is there twice; keep one; the first is in line 1 [x.yaml line 2]"),
        ("ib:\n  port: 1\n  port: 2", "ib.port:", "is there twice; keep one; the first is in line 2 [x.yaml line 3]"),
        ("ib: &a {x: *a}", "ib.x:", "contains itself; remove the alias"),
        ("ib: !!binary abcd", "ib: 'abcd'", "has the tag tag:yaml.org,2002:binary, which is not supported; remove it"),
    ],
)
def test_one_fault(tmp_path: Path, text: str, what: str, why: str) -> None:
    place = "" if why.endswith("]") else " [x.yaml line 1]"
    assert faults(tmp_path, text) == (f"{what} … {why}{place}",)


def test_a_file_that_is_no_mapping(tmp_path: Path) -> None:
    assert faults(tmp_path, "[1]") == ("x.yaml: … must be a mapping; write one `section:` a line, its keys below it",)


@pytest.mark.parametrize(
    ("text", "begin"),
    [
        ("ib:\n\tport: 1", "x.yaml: line 2, column 1 … is not YAML: "),
        ("ib: {port: 1", "x.yaml: line 1, column 13 … is not YAML: "),
        ("a: 1\n---\nb: 2", "x.yaml: line 2, column 1 … is not YAML: "),
        ("a: \x07", "x.yaml: … is not YAML: "),
        (b"\xff\xfe", "{path}: … byte 0 is not UTF-8"),
        ("[" * 5000, "x.yaml: … is nested too deeply"),
        ("ib: {host: " + "x" * (4 << 20) + "}", "{path}: … larger than 4 MiB"),
    ],
)
def test_what_is_no_yaml(tmp_path: Path, text: str | bytes, begin: str) -> None:
    (fault,) = faults(tmp_path, text)
    assert fault.startswith(begin.format(path=tmp_path / "x.yaml"))


@pytest.mark.parametrize(("name", "problem"), [("none.yaml", "no such file"), ("", "cannot be read: Is a directory")])
def test_a_file_that_is_not_there(tmp_path: Path, name: str, problem: str) -> None:
    with pytest.raises(ConfigError, match=problem):
        load_settings(tmp_path / name, {}, {})


def test_all_faults_come_together_each_with_its_place(tmp_path: Path) -> None:
    text = """
mode: papr
ib: {port: x, account: "${NONE}"}
strategies:
  - {id: a, symbols: [SPY], timeframes: [1m], capital: 200000, parameters: {fast: 0, pair: 1}, time_budget_ms: 0}
  - {id: b, symbols: [spy], timeframes: [1m], capital: 1}
  - {id: a, symbols: [SPY], timeframes: [1m], capital: 1, type: foo}
market: {start: 2026-03-01}
"""
    environ = {
        "PAPERD_MONITORS__HEALTH_S": "-1",
        "PAPERD_NONSENSE": "1",
        "PAPERD_IB__BACKOFF_S": "[1",
        "MAX_DAILY_LOSS_PCT": "3",
    }
    found = faults(tmp_path, text, environ, {"logs.level": "loud"})
    keys = [fault.split(":")[0] for fault in found]
    assert keys == [
        "ib.account", "PAPERD_IB__BACKOFF_S", "mode", "ib.port", "strategies[0].time_budget_ms",
        "strategies[1].symbols[0]", "limits.account.daily_loss_fraction", "monitors.health_s", "logs.level", "nonsense",
        "strategies[2].id", "market.initial_cash", "strategies[0].parameters.fast", "strategies[0].timeframes",
        "strategies[2].type", "market.start",
    ]  # fmt: skip
    places = {fault.split(":")[0]: fault.rpartition(" [")[2].rstrip("]") for fault in found}
    assert places["limits.account.daily_loss_fraction"] == "environment MAX_DAILY_LOSS_PCT"
    assert places["monitors.health_s"] == "environment PAPERD_MONITORS__HEALTH_S"
    assert places["logs.level"] == "command line"
    assert places["strategies[2].type"] == "x.yaml line 7"


def test_a_faulty_env_file_names_the_line(tmp_path: Path) -> None:
    env_file = tmp_path / ".env"
    env_file.write_text("A=1\n=nothing\n", encoding="utf-8")
    with pytest.raises(ConfigError, match=r"line 2 … is no NAME=value"):
        load_settings(None, {}, {}, env_file=env_file)


def test_long_values_are_cut_and_secrets_inside_them_masked(tmp_path: Path) -> None:
    (fault,) = faults(tmp_path, f"zzz: {{smtp_password: hunter2hunter2, text: {'x' * 100}}}")
    assert "hunter2" not in fault
    assert "…" in fault.partition(" … ")[0]


ODD_VALUES: tuple[object, ...] = (
    None, True, 0, -1, 1 << 70, 0.5, 1e308, float("nan"), "", " ", "x", "1", "\ud800", [], [None], [1, "a"], {},
    {"a": 1}, {"0": {}}, [[]], [{}], b"x",
)  # fmt: skip


@pytest.mark.parametrize("value", ODD_VALUES, ids=repr)
def test_no_value_of_any_key_leads_to_anything_but_settings_or_faults(value: object) -> None:
    for key in (key for section in ("", *Settings.model_fields) for key in _keys(section)):
        refusal = _refusal({key: value})
        assert all(" … " in fault for fault in refusal if fault.startswith(key))


@pytest.mark.parametrize("value", ODD_VALUES, ids=repr)
def test_nor_does_any_value_in_a_strategy(value: object) -> None:
    whole = {"id": "a", "symbols": ["SPY"], "timeframes": ["1m"], "capital": 5, "limits": {"daily_trades": 5}}
    for name in (*StrategySettings.model_fields, "limits.daily_trades", "weights.1m"):
        outer, _, inner = name.partition(".")
        strategy = whole | {outer: {inner: value} if inner else value}
        assert all(
            fault.startswith(("strategies[0]", "market.initial_cash")) for fault in _refusal({"strategies": [strategy]})
        )


def _refusal(overrides: Mapping[str, object]) -> tuple[str, ...]:
    try:
        load_settings(None, overrides, {}, validate_strategy=refuse_zero, is_trading_day=is_weekday)
    except ConfigError as error:
        return error.faults
    except ForbiddenError:
        return ()
    return ()


def _keys(section: str) -> list[str]:
    model = section_at((section,)) if section else Settings
    return [f"{section}.{name}".lstrip(".") for name in model.model_fields] if model else []
