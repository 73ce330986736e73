"""One command trades a whole day: what it prints, what it keeps, and that it adds up to the cent."""

from collections import Counter, defaultdict
from decimal import Decimal
from fractions import Fraction

import orjson
import pytest

from tests.system.books import Account, Books, moment_us, signed
from tests.system.programs import Play, Plays

BARS_A_SYMBOL = {"1m": 390, "5m": 78, "15m": 26, "1h": 7, "4h": 2}
SYMBOLS = ("IWM", "QQQ", "SPY")
CAPITAL = Decimal(50_000)
MARKET_STAGES = {"bar_to_received", "sent_to_acknowledged", "sent_to_first_fill", "sent_to_last_fill"}
HOST_STAGES = {
    "received_to_decided", "decided_to_journaled", "journaled_to_sent", "received_to_sent", "sent_to_acknowledged",
    "sent_to_filled",
}  # fmt: skip


@pytest.fixture(scope="module")
def day(plays: Plays) -> Play:
    return plays("seed-7", "--days", 1, "--speed", "max", "--seed", 7)


@pytest.fixture(scope="module")
def books(day: Play) -> Books:
    day.summary()
    return Books(day.state)


def test_it_ends_by_itself_and_prints_one_json_object(day: Play) -> None:
    summary = day.summary()
    assert orjson.loads(day.finished.out) == summary  # nothing before it, nothing after it
    assert summary["days"] == 1
    assert summary["bars"] == {label: count * len(SYMBOLS) for label, count in BARS_A_SYMBOL.items()}
    assert summary["errors"] == 0
    assert summary["speed"] > 60
    for family, stages in (("market", MARKET_STAGES), ("host", HOST_STAGES)):
        assert set(summary["latency"][family]) == stages
        for stage in summary["latency"][family].values():
            assert 0 <= stage["p50"] <= stage["p99"]
    assert set(summary["slippage_bps"]) == {"p50", "mean"}
    assert summary["orders"] > 0
    assert summary["fills"] >= summary["orders"] - summary["decisions_by_outcome"].get("REFUSED", 0) > 0
    assert len(summary["content_hash"]) == 64


def test_log_names_no_fault(day: Play) -> None:
    lines = [orjson.loads(line) for line in day.finished.err.splitlines()]
    assert [line for line in lines if line["level"] in {"error", "critical"}] == []


def test_every_bar_is_there_exactly_once(books: Books) -> None:
    assert books.bar_counts() == {(name, label): n for name in SYMBOLS for label, n in BARS_A_SYMBOL.items()}
    bars = books.rows("bar")
    assert len({(bar["instrument"], bar["timeframe"], bar["end"]) for bar in bars}) == len(bars)
    series = defaultdict(list)
    for bar in bars:
        series[bar["instrument"], bar["timeframe"]].append(bar)
    for rows in series.values():
        assert [row["start"] for row in rows[1:]] == [row["end"] for row in rows[:-1]]  # ascending, without a hole
        assert rows[0]["start"] == 1_772_461_800  # 2026-03-02 09:30 in New York
        assert rows[-1]["end"] == 1_772_485_200  # and 16:00
    assert books.rows("gap") == []
    assert books.rows("bar_revision") == []


def test_longer_bars_are_made_of_the_minutes(books: Books) -> None:
    minutes = {(bar["instrument"], bar["end"]): bar for bar in books.rows("bar", "timeframe = '1m'")}
    for bar in books.rows("bar", "timeframe != '1m'"):
        parts = [minutes[bar["instrument"], end] for end in range(bar["start"] + 60, bar["end"] + 60, 60)]
        assert bar["open"] == parts[0]["open"]
        assert bar["close"] == parts[-1]["close"]
        assert bar["high"] == max(part["high"] for part in parts)
        assert bar["low"] == min(part["low"] for part in parts)
        assert bar["volume"] == sum(part["volume"] for part in parts)
        assert bar["trades"] == sum(part["trades"] for part in parts)


def test_every_bar_is_decided_on_by_every_strategy_that_wants_it(day: Play, books: Books) -> None:
    wanted = {"trend": ("5m", "15m", "1h", "4h"), "pulse": ("1m",)}
    expected = {
        (strategy, bar["instrument"], label, bar["end"])
        for strategy, labels in wanted.items()
        for label in labels
        for bar in books.rows("bar", f"timeframe = '{label}'")
    }
    decisions = books.rows("decision")
    made = Counter((d["strategy"], d["instrument"], d["timeframe"], d["bar_end"]) for d in decisions)
    assert made == Counter(expected)
    summary = day.summary()
    assert summary["decisions"] == len(decisions) == len(expected)
    assert summary["decisions_by_outcome"] == Counter(decision["outcome"] for decision in decisions)


def test_fills_and_commissions_are_those_of_the_gateway(day: Play, books: Books) -> None:
    names, numbers = ("exec_id", "order_ref", "instrument", "side"), ("quantity", "price")
    fills = [
        (*(fill[name] for name in names), *(Decimal(fill[name]) for name in numbers), moment_us(fill["executed_at"]))
        for fill in books.rows("fill")
    ]
    # the protocol tells the time of an execution in whole seconds
    theirs = [
        (e.exec_id, e.order_ref, e.symbol, e.side, e.quantity, e.price, e.at_us // 1_000_000 * 1_000_000)
        for e in books.executions()
    ]
    assert fills == theirs
    commissions = {row["exec_id"]: Decimal(row["amount"]) for row in books.rows("commission")}
    assert commissions == {e.exec_id: e.commission for e in books.executions()}
    summary = day.summary()
    assert Decimal(summary["commission"]) == sum(commissions.values())
    assert summary["fills"] == len(fills)
    assert summary["orders"] == len(books.rows("intent")) == len(books.gateway_orders())


def test_positions_and_cash_are_those_of_the_gateway(books: Books) -> None:
    assert books.positions() == books.gateway_positions()
    marked: Counter[str] = Counter()
    for strategy in ("trend", "pulse"):
        for name in SYMBOLS:
            rows = books.rows("position", f"strategy = '{strategy}' AND instrument = '{name}'")
            marked[name] += Decimal(rows[-1]["quantity"]) if rows else Decimal(0)  # type: ignore[assignment]
    assert {name: held for name, held in marked.items() if held} == books.gateway_positions()
    spent = sum((signed(fill) * Decimal(fill["price"]) for fill in books.rows("fill")), Decimal(0))
    paid = sum((Decimal(row["amount"]) for row in books.rows("commission")), Decimal(0))
    assert books.gateway_cash() == 2 * CAPITAL - spent - paid


@pytest.mark.parametrize("strategy", ["trend", "pulse"])
def test_equity_is_capital_and_gains_less_commission(books: Books, strategy: str) -> None:
    last = books.rows("equity", f"strategy = '{strategy}'")[-1]
    fills = books.rows("fill", f"strategy = '{strategy}'")
    paid = books.rows("commission", f"strategy = '{strategy}'")
    commission = sum((Decimal(row["amount"]) for row in paid), Decimal(0))
    account = Account.of(CAPITAL, fills, commission)
    prices = {row["instrument"]: Decimal(row["price"]) for row in books.rows("position", f"strategy = '{strategy}'")}
    assert Decimal(last["commission"]) == commission
    assert Fraction(Decimal(last["cash"])) == account.cash
    assert Fraction(Decimal(last["market_value"])) == account.market_value(prices)
    assert Decimal(last["equity"]) == Decimal(last["cash"]) + Decimal(last["market_value"])
    cent = Fraction(1, 10**9)  # an average price need not end
    assert abs(Fraction(Decimal(last["realized_pnl"])) - account.realized) < cent
    assert abs(Fraction(Decimal(last["unrealized_pnl"])) - account.unrealized(prices)) < cent
    whole = CAPITAL + Decimal(last["realized_pnl"]) + Decimal(last["unrealized_pnl"]) - commission
    assert abs(Decimal(last["equity"]) - whole) < Decimal("1e-9")


def test_equity_of_the_account_is_the_sum_of_the_strategies(day: Play, books: Books) -> None:
    by_time: dict[str, dict[str, Decimal]] = defaultdict(dict)
    for row in books.rows("equity"):
        by_time[row["at"]][row["strategy"]] = Decimal(row["equity"])
    assert len(by_time) >= 390
    for values in by_time.values():
        assert values["*"] == values["trend"] + values["pulse"]
    last = by_time[max(by_time)]["*"]
    summary = day.summary()
    assert Decimal(summary["equity"]) == last
    assert Decimal(summary["pnl"]) == last - 2 * CAPITAL


def test_all_about_an_order_is_written_before_its_first_fill(books: Books) -> None:
    first_fill: dict[str, int] = {}
    for fill in books.rows("fill"):
        first_fill.setdefault(fill["order_ref"], fill["seq"])
    intents = books.rows("intent")
    assert set(first_fill) <= {intent["order_ref"] for intent in intents}
    for table, where in (
        ("intent", "1"), ("risk_check", "1"), ("arrival_quote", "1"), ("order_ref", "1"),
        ("order_event", "state = 'SENDING' AND source = 'journal'"),
    ):  # fmt: skip
        written: dict[str, int] = {}
        for row in books.rows(table, where):
            written.setdefault(row["order_ref"], row["seq"])
        for ref, seq in first_fill.items():
            assert written[ref] < seq, table
    checks = {row["order_ref"]: orjson.loads(row["checks"]) for row in books.rows("risk_check", "passed = 1")}
    for intent in intents:
        assert len({control for control, *_ in checks[intent["order_ref"]]}) >= 10
        assert all(passed for *_, passed in checks[intent["order_ref"]])
    decisions = {row["decision_id"]: row for row in books.rows("decision")}
    for intent in intents:
        assert decisions[intent["decision_id"]]["order_ref"] == intent["order_ref"]
        assert decisions[intent["decision_id"]]["outcome"] == "ORDER"


def test_every_fill_is_within_the_arrival_quote_and_the_intent(books: Books) -> None:
    intents = {row["order_ref"]: row for row in books.rows("intent")}
    filled: Counter[str] = Counter()
    for fill in books.rows("fill"):
        intent = intents[fill["order_ref"]]
        assert (fill["side"], fill["instrument"]) == (intent["side"], intent["instrument"])
        filled[fill["order_ref"]] += Decimal(fill["quantity"])  # type: ignore[assignment]
    assert all(Decimal(quantity) <= Decimal(intents[ref]["quantity"]) for ref, quantity in filled.items())
    for quote in books.rows("arrival_quote"):
        assert 0 < Decimal(quote["bid"]) < Decimal(quote["ask"])
        assert Decimal(quote["mid"]) == (Decimal(quote["bid"]) + Decimal(quote["ask"])) / 2


def test_day_is_reported(day: Play) -> None:
    day.summary()
    reports = day.state / "reports"
    assert sorted(path.name for path in reports.iterdir()) == ["2026-03-02.html", "2026-03-02.json"]
    orjson.loads((reports / "2026-03-02.json").read_bytes())
    page = (reports / "2026-03-02.html").read_text()
    assert "2026-03-02" in page
    assert all(name in page for name in ("SPY", "trend", "pulse"))


def test_trade_lines_are_marked_as_paper(day: Play) -> None:
    day.summary()
    lines = [orjson.loads(line) for line in (day.state / "logs" / "paper.log").read_bytes().splitlines()]
    assert {line["event"] for line in lines} >= {"order.sent", "order.filled"}
    assert {line["trading"] for line in lines} == {"PAPER"}
