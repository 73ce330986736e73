"""What no single key can show to be wrong: settings that contradict each other, and what is forbidden."""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import date
from typing import Final

from daemon.domain.errors import ForbiddenError
from daemon.domain.timeframe import Timeframe
from daemon.settings.faults import NOTHING, Fault, Key, Verbatim
from daemon.settings.limits import SharedLimits
from daemon.settings.model import Settings
from daemon.settings.strategies import StrategySettings

StrategyCheck = Callable[[str, Mapping[str, object], tuple[Timeframe, ...]], list[str]]
TradingDayCheck = Callable[[str, date], bool]
Numbered = Sequence[tuple[int, StrategySettings]]

LIVE_PORTS: Final = {4001: "IB Gateway", 7496: "TWS"}


def contradictions(settings: Settings, strategies: Numbered) -> Iterator[Fault]:
    """Yield what contradicts what; `strategies` are those worth checking, with their places in the list."""
    yield from _same_ids(strategies)
    for index, strategy in strategies:
        yield from _within_strategy(settings, ("strategies", index), strategy)
    yield from _capital(settings, strategies)
    yield from _within_account(settings)
    yield from _market(settings)
    if settings.mode == "alpaca_paper":
        cure = "use paper or ibkr_paper"
        yield Fault(key=("mode",), value="alpaca_paper", problem="is not available in this version", cure=cure)


def trading_day(settings: Settings, is_trading_day: TradingDayCheck) -> Iterator[Fault]:
    """Yield what is wrong with the exchange and with the day to begin on."""
    exchange, day = settings.calendar.exchange, settings.market.first_day
    try:
        if day is not None and settings.mode == "paper" and not is_trading_day(exchange, day):
            problem = f"{exchange} does not trade on that {day:%A}"
            yield Fault(key=("market", "start"), value=day, problem=problem, cure="choose a trading day")
    except ValueError as error:
        yield Fault(key=("calendar", "exchange"), value=exchange, problem=str(error), cure="")
    except LookupError as error:
        yield Fault(key=("market", "start"), value=day, problem=str(error), cure="choose a day within it")


def strategy_faults(strategies: Numbered, validate: StrategyCheck) -> Iterator[Fault]:
    """Yield what the registry finds wrong with each strategy.

    `validate` gets the type, the parameters and the timeframes, and answers with lines "key: what is wrong", the key
    being the strategy's own: `type`, `timeframes`, `parameters.fast`.
    """
    for index, strategy in strategies:
        for said in validate(strategy.type, strategy.parameters, strategy.timeframes):
            name, _, rest = said.partition(": ")
            value, dots, problem = rest.rpartition(" … ")
            key: Key = ("strategies", index, *name.split("."))
            yield Fault(key=key, value=Verbatim(value) if dots else NOTHING, problem=problem, cure="")


def forbidden(settings: Settings, *, asks_for_live: bool) -> ForbiddenError | None:
    """Return why this configuration may not run whoever asks, or None when it may."""
    paper = "Use mode paper or ibkr_paper."
    if settings.mode == "live":
        return ForbiddenError("mode: 'live' trades real money, and this version has no gate to live trading.", paper)
    if asks_for_live:
        return ForbiddenError(
            "PAPER_TRADING=false asks for live trading, which is never inferred.", "Remove it, or set it to true."
        )
    if settings.ib.port in LIVE_PORTS:
        program = LIVE_PORTS[settings.ib.port]
        return ForbiddenError(
            f"ib.port: {settings.ib.port} is the live port of {program}; mode {settings.mode} never connects there.",
            "Use 4002 (IB Gateway paper) or 7497 (TWS paper).",
        )
    for key, account in (("ib.account", settings.ib.account), ("market.account", settings.market.account)):
        if account is not None and not account.startswith("D"):
            return ForbiddenError(
                f"{key}: {account!r} is no paper account.", "Paper account ids begin with D, such as DU1234567."
            )
    return None


def _same_ids(strategies: Numbered) -> Iterator[Fault]:
    first: dict[str, int] = {}
    for index, strategy in strategies:
        if strategy.id in first:
            problem = f"is the id of strategies[{first[strategy.id]}] too"
            yield Fault(key=("strategies", index, "id"), value=strategy.id, problem=problem, cure="give each its own")
        first.setdefault(strategy.id, index)


def _within_strategy(settings: Settings, key: Key, strategy: StrategySettings) -> Iterator[Fault]:
    for name in ("symbols", "timeframes"):
        for value, count in Counter(getattr(strategy, name)).items():
            if count > 1:
                yield Fault(key=(*key, name), value=str(value), problem=f"is there {count} times", cure="name it once")
    for timeframe in strategy.weights:
        if timeframe not in strategy.timeframes:
            cure = "add it to the strategy's timeframes or remove the weight"
            yield Fault(key=(*key, "weights", str(timeframe)), problem="is no timeframe of this strategy", cure=cure)
    combination = settings.combination_of(strategy)
    if not any(combination.weight(timeframe) for timeframe in strategy.timeframes):
        cure = "give one of its timeframes a weight > 0"
        yield Fault(
            key=(*key, "weights"), problem="all weights of its timeframes are 0: it could never decide", cure=cure
        )
    if strategy.position_fraction > strategy.limits.position_fraction:
        limit = strategy.limits.position_fraction
        problem = f"is above its own limits.position_fraction {limit}: every order would be refused"
        yield Fault(key=(*key, "position_fraction"), value=strategy.position_fraction, problem=problem, cure="lower it")
    yield from _ladder((*key, "limits"), strategy.limits)


def _capital(settings: Settings, strategies: Numbered) -> Iterator[Fault]:
    total = sum(strategy.capital for _, strategy in strategies if strategy.enabled)
    if settings.mode == "paper" and total > settings.market.initial_cash:
        problem = f"is less than the capital of the enabled strategies, {total}"
        cure = "raise it or lower their capital"
        yield Fault(key=("market", "initial_cash"), value=settings.market.initial_cash, problem=problem, cure=cure)


def _within_account(settings: Settings) -> Iterator[Fault]:
    key: Key = ("limits", "account")
    limits = settings.limits.account
    yield from _ladder(key, limits)
    for small, large in (("open_orders_per_symbol", "open_orders"), ("messages_per_second", "messages_per_minute")):
        if getattr(limits, small) > getattr(limits, large):
            problem = f"is above {large} {getattr(limits, large)}, so it can never be reached"
            yield Fault(
                key=(*key, small), value=getattr(limits, small), problem=problem, cure=f"lower it or raise {large}"
            )


def _ladder(key: Key, limits: SharedLimits) -> Iterator[Fault]:
    if limits.emergency_stop and limits.emergency_loss < limits.daily_loss_value:
        problem = f"is below daily_loss_value {limits.daily_loss_value}: the emergency stop would come first"
        yield Fault(key=(*key, "emergency_loss"), value=limits.emergency_loss, problem=problem, cure="raise it")


def _market(settings: Settings) -> Iterator[Fault]:
    market = settings.market
    if settings.mode != "paper":
        return
    if market.source == "replay" and market.data is None:
        yield Fault(
            key=("market", "data"), problem="is needed by source replay", cure="name a directory of recorded data"
        )
    if market.source == "synthetic" and market.data is not None:
        problem = "is not used by source synthetic"
        yield Fault(
            key=("market", "data"), value=market.data, problem=problem, cure="write source: replay, or remove it"
        )
    if market.data is not None and not market.data.is_dir():
        yield Fault(key=("market", "data"), value=market.data, problem="is no directory", cure="name one that exists")
