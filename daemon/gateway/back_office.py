"""Puts the broker together: books, exchange, tape, lender and settlement of one account on one market."""

from daemon.gateway.books import Books
from daemon.gateway.broker import Broker
from daemon.gateway.corporate import actions_of
from daemon.gateway.days import Days
from daemon.gateway.ledger import Ledger
from daemon.gateway.listener import BrokerListener
from daemon.gateway.locating import Locator, lendable
from daemon.gateway.options import FILL_MODELS, GatewayOptions
from daemon.gateway.settlement import Settler
from daemon.gateway.source import MarketSource
from daemon.gateway.tape_feed import TapeFeed
from daemon.gateway.timeline import Timeline
from daemon.matching.exchange import SimulatedExchange
from daemon.matching.latency import LatencyModel


def open_broker(
    options: GatewayOptions,
    source: MarketSource,
    ledger: Ledger,
    *,
    days: Days,
    timeline: Timeline,
    listener: BrokerListener,
    latency: LatencyModel | None = None,
) -> Broker:
    """Return the broker of the account, restored from the ledger, with the present second in force.

    Without a latency model the options' seed makes one.

    Raises:
        LedgerBroken: the ledger is another account's.
    """
    books = Books(
        options=options,
        ledger=ledger,
        commissions=options.commission_plan(),
        listings=source.listings,
        days=days,
        timeline=timeline,
    )
    broker = Broker(
        books=books,
        exchange=SimulatedExchange(latency or LatencyModel(seed=options.seed)),
        feed=TapeFeed(days, timeline, source.listings),
        locator=Locator(lendable(source, timeline)),
        settler=Settler(books=books, days=days, timeline=timeline, announced=actions_of(source)),
        timeline=timeline,
        listener=listener,
        fill_model=FILL_MODELS[options.fill_model],
    )
    broker.on_second(refresh=True)
    return broker
