"""The account as clients see it: values, summary, portfolio, positions, profit."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal

from daemon.gateway.account import ZERO
from daemon.gateway.account_values import Standing, Tag, ledger, summary_tags, update_tags, values
from daemon.gateway.broker import Broker
from daemon.gateway.connection import NO_ID, Connection
from daemon.gateway.contracts import Contracts
from daemon.gateway.source import MarketSource
from daemon.gateway.timeline import SECOND_US, Timeline
from daemon.gateway.wire import account_requests as rq
from daemon.gateway.wire import account_responses as rs

REFRESH_S = 180  # account values and summaries, in market time, as at IB
MAX_SUMMARIES = 2
_CURRENCY = "USD"
_ALL_ACCOUNTS = frozenset({"", "All"})


@dataclass(slots=True, kw_only=True)
class ClientAccount:
    """What one client follows."""

    updates: bool = False
    values: dict[tuple[str, str], str] = field(default_factory=dict)  # key and currency to what was sent last
    positions: bool = False
    summaries: dict[int, frozenset[str]] = field(default_factory=dict)  # request to tags
    multi_positions: set[int] = field(default_factory=set)
    multi_values: dict[int, rq.ReqAccountUpdatesMulti] = field(default_factory=dict)
    pnl: dict[int, rs.PnL | None] = field(default_factory=dict)  # what was sent last
    pnl_single: dict[int, tuple[int, rs.PnLSingle | None]] = field(default_factory=dict)  # contract, sent last


class AccountDesk:
    """Account requests and their streams."""

    def __init__(
        self, broker: Callable[[], Broker], contracts: Contracts, source: MarketSource, timeline: Timeline
    ) -> None:
        self._find_broker = broker
        self._contracts = contracts
        self._source = source
        self._timeline = timeline
        self._clients: dict[Connection, ClientAccount] = {}

    @property
    def _broker(self) -> Broker:
        return self._find_broker()

    def of(self, connection: Connection) -> ClientAccount:
        """Return what a client follows."""
        return self._clients.setdefault(connection, ClientAccount())

    def forget(self, connection: Connection) -> None:
        """End everything a client follows."""
        self._clients.pop(connection, None)

    def second(self) -> None:
        """Send profit on change, and all values every three minutes."""
        refresh = self._timeline.now_us // SECOND_US % REFRESH_S == 0
        for connection, client in self._clients.items():
            for req_id in client.pnl:
                self._send_pnl(connection, client, req_id)
            for req_id in client.pnl_single:
                self._send_pnl_single(connection, client, req_id)
            if refresh and client.updates:
                self._send_updates(connection)
            if refresh:
                for req_id, tags in client.summaries.items():
                    self._send_summary(connection, req_id, tags)
                for request in client.multi_values.values():
                    self._send_multi(connection, request)

    def position_changed(self, symbol: str) -> None:
        """Tell everyone who follows positions or the portfolio."""
        for connection, client in self._clients.items():
            if client.positions:
                connection.respond(self._position(symbol))
            for req_id in client.multi_positions:
                self._send_position_multi(connection, req_id, symbol)
            if client.updates:
                connection.respond(self._portfolio(symbol))
                self._send_values(connection, only_changed=True)

    def account_updates(self, connection: Connection, request: rq.ReqAccountUpdates) -> None:
        """Start or stop the account stream."""
        if self._refuses(connection, NO_ID, request.account):
            return
        self.of(connection).updates = request.subscribe
        if request.subscribe:
            self._send_updates(connection)
            connection.respond(rs.AccountDownloadEnd(account=self._broker.account.name))

    def positions(self, connection: Connection, request: rq.ReqPositions) -> None:
        """List positions and follow them."""
        self.of(connection).positions = True
        for symbol in self._held():
            connection.respond(self._position(symbol))
        connection.respond(rs.PositionEnd())

    def cancel_positions(self, connection: Connection, request: rq.CancelPositions) -> None:
        """Stop following positions."""
        self.of(connection).positions = False

    def summary(self, connection: Connection, request: rq.ReqAccountSummary) -> None:
        """Send the tags asked for and follow them."""
        client = self.of(connection)
        if request.req_id not in client.summaries and len(client.summaries) >= MAX_SUMMARIES:
            text = "Error processing request.-'bW' : cause - Maximum number of account summary requests exceeded"
            connection.error(request.req_id, 322, text)
            return
        tags = frozenset(tag.strip() for tag in request.tags.split(",") if tag.strip())
        client.summaries[request.req_id] = tags
        self._send_summary(connection, request.req_id, tags)
        connection.respond(rs.AccountSummaryEnd(req_id=request.req_id))

    def cancel_summary(self, connection: Connection, request: rq.CancelAccountSummary) -> None:
        """Stop following a summary."""
        self.of(connection).summaries.pop(request.req_id, None)

    def positions_multi(self, connection: Connection, request: rq.ReqPositionsMulti) -> None:
        """List positions of the account under a request id and follow them."""
        if self._refuses(connection, request.req_id, request.account):
            return
        self.of(connection).multi_positions.add(request.req_id)
        for symbol in self._held():
            self._send_position_multi(connection, request.req_id, symbol)
        connection.respond(rs.PositionMultiEnd(req_id=request.req_id))

    def cancel_positions_multi(self, connection: Connection, request: rq.CancelPositionsMulti) -> None:
        """Stop following positions under a request id."""
        self.of(connection).multi_positions.discard(request.req_id)

    def updates_multi(self, connection: Connection, request: rq.ReqAccountUpdatesMulti) -> None:
        """Send values under a request id and follow them: all, or the ledger and the net liquidation alone."""
        if self._refuses(connection, request.req_id, request.account):
            return
        self.of(connection).multi_values[request.req_id] = request
        self._send_multi(connection, request)
        connection.respond(rs.AccountUpdateMultiEnd(req_id=request.req_id))

    def cancel_updates_multi(self, connection: Connection, request: rq.CancelAccountUpdatesMulti) -> None:
        """Stop following values under a request id."""
        self.of(connection).multi_values.pop(request.req_id, None)

    def pnl(self, connection: Connection, request: rq.ReqPnL) -> None:
        """Follow the account's profit."""
        if not self._refuses(connection, request.req_id, request.account):
            client = self.of(connection)
            client.pnl[request.req_id] = None
            self._send_pnl(connection, client, request.req_id)

    def cancel_pnl(self, connection: Connection, request: rq.CancelPnL) -> None:
        """Stop following the account's profit."""
        self.of(connection).pnl.pop(request.req_id, None)

    def pnl_single(self, connection: Connection, request: rq.ReqPnLSingle) -> None:
        """Follow a position's profit."""
        if not self._refuses(connection, request.req_id, request.account):
            client = self.of(connection)
            client.pnl_single[request.req_id] = (request.con_id, None)
            self._send_pnl_single(connection, client, request.req_id)

    def cancel_pnl_single(self, connection: Connection, request: rq.CancelPnLSingle) -> None:
        """Stop following a position's profit."""
        self.of(connection).pnl_single.pop(request.req_id, None)

    def _refuses(self, connection: Connection, req_id: int, account: str) -> bool:
        if account in _ALL_ACCOUNTS or account == self._broker.account.name:
            return False
        connection.error(
            req_id, 321, f"Error validating request.-'account' : cause - Invalid account code '{account[:40]}'."
        )
        return True

    def _held(self) -> list[str]:
        return [symbol for symbol, held in sorted(self._broker.account.positions.items()) if held.quantity]

    def _standing(self) -> Standing:
        return Standing(
            account=self._broker.account.name,
            currency=_CURRENCY,
            now=self._broker.valuation(),
            before=self._broker.account.day_start_net,
        )

    def _send_multi(self, connection: Connection, request: rq.ReqAccountUpdatesMulti) -> None:
        standing = self._standing()
        tags: list[Tag] = [*values(standing), *ledger(standing)]
        if request.ledger_and_nlv:
            tags = [tag for tag in tags if tag.is_ledger or tag.key == "NetLiquidation"]
        for tag in tags:
            connection.respond(
                rs.AccountUpdateMulti(
                    req_id=request.req_id,
                    account=standing.account,
                    model_code=request.model_code,
                    key=tag.key,
                    value=tag.value,
                    currency=tag.currency,
                )
            )

    def _send_updates(self, connection: Connection) -> None:
        self._send_values(connection, only_changed=False)
        for symbol in self._held():
            connection.respond(self._portfolio(symbol))
        local = datetime.fromtimestamp(self._timeline.now_us // SECOND_US, UTC).astimezone(
            self._source.calendar.timezone
        )
        connection.respond(rs.AccountUpdateTime(time=f"{local:%H:%M}"))

    def _send_values(self, connection: Connection, *, only_changed: bool) -> None:
        standing, sent = self._standing(), self.of(connection).values
        for tag in update_tags(standing):
            if only_changed and sent.get((tag.key, tag.currency)) == tag.value:
                continue
            sent[tag.key, tag.currency] = tag.value
            connection.respond(
                rs.AccountValue(key=tag.key, value=tag.value, currency=tag.currency, account=standing.account)
            )

    def _send_summary(self, connection: Connection, req_id: int, tags: frozenset[str]) -> None:
        standing = self._standing()
        for tag in summary_tags(standing, tags):
            connection.respond(
                rs.AccountSummary(
                    req_id=req_id, account=standing.account, tag=tag.key, value=tag.value, currency=tag.currency
                )
            )

    def _position(self, symbol: str) -> rs.Position:
        held = self._broker.account.positions[symbol]
        return rs.Position(
            account=self._broker.account.name,
            contract=self._contracts.of_symbol(symbol),
            position=held.quantity,
            avg_cost=_float(held.average_cost),
        )

    def _send_position_multi(self, connection: Connection, req_id: int, symbol: str) -> None:
        held = self._broker.account.positions[symbol]
        connection.respond(
            rs.PositionMulti(
                req_id=req_id,
                account=self._broker.account.name,
                contract=self._contracts.of_symbol(symbol),
                position=held.quantity,
                avg_cost=_float(held.average_cost),
            )
        )

    def _portfolio(self, symbol: str) -> rs.PortfolioValue:
        account, mark = self._broker.account, self._broker.mark
        held = account.positions[symbol]
        return rs.PortfolioValue(
            contract=self._contracts.of_symbol(symbol),
            position=held.quantity,
            market_price=_float(account.price_of(symbol, mark)),
            market_value=_float(account.value_of(symbol, mark)),
            average_cost=_float(held.average_cost),
            unrealized_pnl=_float(account.unrealized_of(symbol, mark)),
            realized_pnl=_float(account.day_realized.get(symbol, ZERO)),
            account=account.name,
        )

    def _send_pnl(self, connection: Connection, client: ClientAccount, req_id: int) -> None:
        value = self._broker.valuation()
        now = rs.PnL(
            req_id=req_id,
            daily=_float(value.net_liquidation - self._broker.account.day_start_net),
            unrealized=_float(value.unrealized),
            realized=_float(value.realized),
        )
        if now != client.pnl[req_id]:
            client.pnl[req_id] = now
            connection.respond(now)

    def _send_pnl_single(self, connection: Connection, client: ClientAccount, req_id: int) -> None:
        con_id, last = client.pnl_single[req_id]
        symbol = self._contracts.symbol_of(con_id)
        account, mark = self._broker.account, self._broker.mark
        held = account.positions.get(symbol)
        now = rs.PnLSingle(
            req_id=req_id,
            position=held.quantity if held is not None else ZERO,
            daily=_float(account.daily_of(symbol, mark)),
            unrealized=_float(account.unrealized_of(symbol, mark)),
            realized=_float(account.day_realized.get(symbol, ZERO)),
            value=_float(account.value_of(symbol, mark)),
        )
        if now != last:
            client.pnl_single[req_id] = (con_id, now)
            connection.respond(now)


def _float(value: Decimal) -> float:
    return round(float(value), 6)
