"""Judges a world after its end: the gateway's ledger is the truth, the journal must tell the same.

The invariants are those of the reliability matrix: A durable intent before bytes, B at most one broker order for each
intent, C each execution once and none lost, D positions and ledgers agree, E no opening order before the daemon is in
step, F bounded queue, G no order against a person's word; and three of the simulation's own: J no row of the journal is
missing or altered, R the daemon recovers, S nothing fails that nobody foresaw. `conduct` judges the rest of F and G,
and H.
"""

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from itertools import pairwise
from typing import Final, Protocol

from daemon.gateway.ledger import ExecutionRow
from daemon.simulation.books import Books, Row, is_confirmed, signed, stem
from daemon.simulation.setting import CAPITAL
from daemon.simulation.settlement import settled
from daemon.simulation.wire import Correction
from daemon.simulation.witness import Sent
from daemon.simulation.world import Trouble

INBOX_LIMIT: Final = 20_000  # events; a world has two instruments
_ZERO: Final = Decimal(0)
_GATEWAY_STATES: Final = {"Filled": frozenset({"FILLED"}), "Cancelled": frozenset({"CANCELLED", "REJECTED"})}
_FORBIDS: Final = frozenset({"PAUSED", "HALTED"})


class Invariant(StrEnum):
    """What must hold, whatever happens."""

    DURABLE_INTENT = "A"
    ONE_ORDER = "B"
    EACH_EXECUTION_ONCE = "C"
    BOOKS_AGREE = "D"
    READY_BEFORE_OPENING = "E"
    BOUNDED = "F"
    AUTHORISED = "G"
    ALERTED = "H"
    NO_GAP = "J"
    RECOVERS = "R"
    SOUND = "S"


@dataclass(frozen=True, slots=True, kw_only=True)
class Violation:
    """One thing that did not hold."""

    invariant: Invariant
    subject: str  # order reference, execution id, instrument or strategy
    evidence: str


class Testimony(Protocol):
    """What was seen while it happened, beside the two databases; `world.History` is one."""

    @property
    def sent(self) -> Sequence[Sent]:
        """Orders as their bytes left the daemon."""

    @property
    def corrections(self) -> Mapping[str, Correction]:
        """Corrections that the gateway's books do not have, by execution stem."""

    @property
    def held(self) -> Mapping[str, Mapping[str, str]]:
        """Strategy -> instrument -> quantity, as the last daemon said."""

    @property
    def longest_inbox(self) -> int:
        """The most events that waited."""

    @property
    def troubles(self) -> Sequence[Trouble]:
        """What must not happen, and did."""


def judge(history: Testimony, books: Books) -> tuple[Violation, ...]:
    """Return everything that did not hold."""
    books = settled(books)
    truth = _corrected(books.executions, history)
    return (
        *_intents(history, books),
        *_orders(history, books),
        *_executions(books, truth),
        *_commissions(books, truth),
        *_positions(history, books),
        *_ledgers(books),
        *_ends(books),
        *_gaps(books),
        *_readiness(history),
        *_authority(history, books),
        *_machinery(history),
    )


def _corrected(executions: Sequence[ExecutionRow], history: Testimony) -> dict[str, tuple[ExecutionRow, str, Decimal]]:
    """Return stem -> (execution, its id and price in their latest version)."""
    truth: dict[str, tuple[ExecutionRow, str, Decimal]] = {}
    for row in executions:
        correction = history.corrections.get(stem(row.exec_id))
        latest = (row.exec_id, row.price) if correction is None else (correction.exec_id, correction.price)
        truth[stem(row.exec_id)] = (row, *latest)
    return truth


def _intents(history: Testimony, books: Books) -> Iterator[Violation]:
    """A: what was sent had been committed, and the gateway has no order that was not."""
    for sent in history.sent:
        lacks = [
            name
            for name, there in (
                ("intent", sent.has_intent),
                (f"order id {sent.order_id}", sent.has_order_id),
                ("SENDING", sent.is_sending),
            )
            if not there
        ]
        if lacks:
            text = f"sent at {sent.at_s:.3f} s by process {sent.start}, the journal did not have: {', '.join(lacks)}"
            yield Violation(invariant=Invariant.DURABLE_INTENT, subject=sent.order_ref, evidence=text)
    intents = {row["order_ref"] for row in books.journal["intent"]}
    for order in books.orders:
        if order.order_ref not in intents:
            text = f"the gateway has order {order.perm_id} ({order.status}), the journal no intent"
            yield Violation(invariant=Invariant.DURABLE_INTENT, subject=order.order_ref, evidence=text)


def _orders(history: Testimony, books: Books) -> Iterator[Violation]:
    """B: one order of the broker for each intent, one intent for each decision, one reference for each order id."""
    for what, counts in (
        ("orders at the gateway", Counter(order.order_ref for order in books.orders)),
        ("times sent", Counter(sent.order_ref for sent in history.sent)),
        ("intents of one decision", Counter(row["decision_id"] for row in books.journal["intent"])),
    ):
        for subject, count in counts.items():
            if count > 1:
                yield Violation(invariant=Invariant.ONE_ORDER, subject=str(subject), evidence=f"{count} {what}")
    refs: dict[int, set[str]] = defaultdict(set)
    for row in books.journal["order_ref"]:
        refs[row["order_id"]].add(row["order_ref"])
    for order_id, named in refs.items():
        if len(named) > 1:
            text = f"stands for {', '.join(sorted(named))}"
            yield Violation(invariant=Invariant.ONE_ORDER, subject=f"order id {order_id}", evidence=text)


def _executions(books: Books, truth: Mapping[str, tuple[ExecutionRow, str, Decimal]]) -> Iterator[Violation]:
    """C: the journal's executions are the gateway's, each once, with the same facts."""
    strategies = {row["order_ref"]: row["strategy"] for row in books.journal["intent"]}
    latest = _latest(books.journal["fill"])
    for exec_id, count in Counter(row["exec_id"] for row in books.journal["fill"]).items():
        if count > 1:
            yield _wrong(exec_id, f"journaled {count} times")
    for key, rows in _by_stem(books.journal["fill"]).items():
        unreplaced = [row["exec_id"] for row in rows if row["replaces"] is None]
        if len(unreplaced) > 1:
            yield _wrong(key, f"versions {', '.join(unreplaced)} both count")
    for key, (row, exec_id, price) in truth.items():
        fill = latest.get(key)
        if fill is None:
            yield _wrong(exec_id, f"lost: {row.side} {row.quantity} {row.symbol} @ {price} of {row.order_ref}")
            continue
        expected = (exec_id, row.order_ref, row.symbol, row.side, row.quantity, price, strategies.get(row.order_ref))
        found = (
            fill["exec_id"], fill["order_ref"], fill["instrument"], fill["side"],
            Decimal(fill["quantity"]), Decimal(fill["price"]), fill["strategy"],
        )  # fmt: skip
        if found != expected:
            yield _wrong(exec_id, f"the gateway has {_listed(expected)}, the journal {_listed(found)}")
    for key in latest.keys() - truth.keys():
        if is_confirmed(key):
            continue  # it stands for what `settled` has taken away
        yield _wrong(key, "the gateway knows no such execution")


def _commissions(books: Books, truth: Mapping[str, tuple[ExecutionRow, str, Decimal]]) -> Iterator[Violation]:
    """C: what each execution cost is journaled as the gateway charged it."""
    amounts = {stem(row["exec_id"]): Decimal(row["amount"]) for row in books.journal["commission"]}
    for exec_id, count in Counter(row["exec_id"] for row in books.journal["commission"]).items():
        if count > 1:
            yield _wrong(exec_id, f"its commission was journaled {count} times")
    for key, (row, exec_id, _) in truth.items():
        if key not in amounts:
            yield _wrong(exec_id, f"its commission of {row.commission} is missing")
        elif amounts[key] != row.commission:
            yield _wrong(exec_id, f"its commission was {row.commission}, the journal has {amounts[key]}")


def _positions(history: Testimony, books: Books) -> Iterator[Violation]:
    """D: the journal's fills, and the daemon's ledgers, add up to what the gateway's account holds."""
    told: dict[str, Decimal] = defaultdict(Decimal)
    for row in _latest(books.journal["fill"]).values():
        told[row["instrument"]] += signed(row["side"], row["quantity"])
    held: dict[str, Decimal] = defaultdict(Decimal)
    for positions in history.held.values():
        for instrument, quantity in positions.items():
            held[instrument] += Decimal(quantity)
    for who, ours in (("the journal's fills", told), ("the daemon's ledgers", held)):
        for instrument in sorted({*ours, *books.positions}):
            theirs = books.positions.get(instrument, _ZERO)
            if ours.get(instrument, _ZERO) != theirs:
                text = f"the gateway holds {theirs}, {who} give {ours.get(instrument, _ZERO)}"
                yield Violation(invariant=Invariant.BOOKS_AGREE, subject=instrument, evidence=text)


def _ledgers(books: Books) -> Iterator[Violation]:
    """D: each valuation in the journal follows from the fills and commissions before it."""
    flows: dict[str, dict[str, Decimal]] = defaultdict(dict)
    fees: dict[str, dict[str, Decimal]] = defaultdict(dict)
    tables = ("fill", "commission", "equity")
    rows = sorted(
        ((row["seq"], table, row) for table in tables for row in books.journal[table]), key=lambda each: each[0]
    )
    for _, table, row in rows:
        strategy = row["strategy"]
        if table == "fill":
            if row["replaces"] is not None and is_confirmed(row["replaces"]):
                flows[strategy].pop(row["replaces"], None)
            flows[strategy][stem(row["exec_id"])] = -signed(row["side"], row["quantity"]) * Decimal(row["price"])
        elif table == "commission":
            fees[strategy][stem(row["exec_id"])] = Decimal(row["amount"])
        elif strategy != "*":
            commission = sum(fees[strategy].values(), _ZERO)
            cash = CAPITAL + sum(flows[strategy].values(), _ZERO) - commission
            if (Decimal(row["cash"]), Decimal(row["commission"])) != (cash, commission):
                text = (
                    f"at {row['at']} valued with cash {row['cash']} and commission {row['commission']}, "
                    f"fills and commissions before it give {cash} and {commission}"
                )
                yield Violation(invariant=Invariant.BOOKS_AGREE, subject=strategy, evidence=text)
                return


def _ends(books: Books) -> Iterator[Violation]:
    """D: an order that has ended at the gateway has ended the same way in the journal."""
    last = {row["order_ref"]: row for row in books.journal["order_event"]}
    for order in books.orders:
        event = last.get(order.order_ref)
        wanted = _GATEWAY_STATES.get(order.status)
        if event is None or wanted is None:
            continue
        if event["state"] not in wanted or Decimal(event["filled"]) != order.filled:
            text = (
                f"{order.status} with {order.filled} filled at the gateway, "
                f"{event['state']} with {event['filled']} in the journal (last told by {event['source']})"
            )
            yield Violation(invariant=Invariant.BOOKS_AGREE, subject=order.order_ref, evidence=text)


def _gaps(books: Books) -> Iterator[Violation]:
    """J: the rows of all tables are numbered without a gap, and their seals hold, whatever process wrote them."""
    for seq in books.broken_seals:
        text = "a row of orders was changed, lost or not sealed up to here"
        yield Violation(invariant=Invariant.NO_GAP, subject=f"seal {seq}", evidence=text)
    for before, after in pairwise(books.numbers):
        if after != before + 1:
            text = f"row {after} comes after row {before}"
            yield Violation(invariant=Invariant.NO_GAP, subject="journal", evidence=text)


def _readiness(history: Testimony) -> Iterator[Violation]:
    """E: no order that opens risk leaves while the daemon is not known to agree with the gateway."""
    for sent in history.sent:
        if not sent.was_ready and not sent.reduces:
            text = f"sent at {sent.at_s:.3f} s by process {sent.start}, which was not in step with the gateway"
            yield Violation(invariant=Invariant.READY_BEFORE_OPENING, subject=sent.order_ref, evidence=text)


def _authority(history: Testimony, books: Books) -> Iterator[Violation]:
    """G: no opening order was decided on and sent against a person's or a breaker's word in the journal."""
    sent = {each.order_ref for each in history.sent}
    for intent in books.journal["intent"]:
        if intent["reduces"] or intent["order_ref"] not in sent:
            continue
        for scope in (None, intent["strategy"]):
            word = _last_word(books, scope, intent["seq"])
            if word is not None and word["state"] in _FORBIDS:
                text = f"sent although {word['who']} had set {word['state']} at {word['at']}: {word['why']}"
                yield Violation(invariant=Invariant.AUTHORISED, subject=intent["order_ref"], evidence=text)


def _last_word(books: Books, strategy: str | None, before: int) -> Row | None:
    """Return what was last said about a strategy, or about all; a shutdown ends with its process."""
    words = [
        row
        for row in books.journal["control_action"]
        if row["strategy"] == strategy and row["seq"] < before and row["state"] != "STOPPING"
    ]
    return words[-1] if words else None


def _machinery(history: Testimony) -> Iterator[Violation]:
    """F, R, S: the queue stays short, the daemon comes back, and nothing fails in an unforeseen way."""
    if history.longest_inbox > INBOX_LIMIT:
        text = f"{history.longest_inbox} events waited, {INBOX_LIMIT} is the limit"
        yield Violation(invariant=Invariant.BOUNDED, subject="inbox", evidence=text)
    for trouble in history.troubles:
        invariant = Invariant.SOUND if trouble.what == "CRASH" else Invariant.RECOVERS
        yield Violation(invariant=invariant, subject=trouble.what.lower(), evidence=trouble.text)


def _by_stem(rows: Sequence[Row]) -> dict[str, list[Row]]:
    found: dict[str, list[Row]] = defaultdict(list)
    for row in rows:
        found[stem(row["exec_id"])].append(row)
    return found


def _latest(rows: Sequence[Row]) -> dict[str, Row]:
    """Return the highest version of each execution, and what a person confirmed while no execution has replaced it."""
    replaced = {row["replaces"] for row in rows}
    counting = [row for row in rows if not (is_confirmed(row["exec_id"]) and row["exec_id"] in replaced)]
    return {key: max(each, key=lambda row: str(row["exec_id"])) for key, each in _by_stem(counting).items()}


def _wrong(subject: str, evidence: str) -> Violation:
    return Violation(invariant=Invariant.EACH_EXECUTION_ONCE, subject=subject, evidence=evidence)


def _listed(facts: Sequence[object]) -> str:
    return " ".join(map(str, facts))
