"""The account in IB's words: the tags of updates and summaries, with their currencies, from one valuation."""

from collections.abc import Iterator
from dataclasses import dataclass
from decimal import ROUND_HALF_EVEN, Decimal

from daemon.gateway.account import LEVERAGE, ZERO, Valuation

BASE = "BASE"  # rows that sum all currencies
LEDGER = "$LEDGER"
_CENT = Decimal("0.01")
_UNLIMITED_DAY_TRADES = "-1"
_NEVER = Decimal(0)  # values of instruments and services this gateway has none of


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """What the tags are computed from."""

    account: str
    currency: str
    now: Valuation
    before: Decimal  # net liquidation when the session began, currency
    dividends: Decimal = ZERO  # announced and not paid, currency


@dataclass(frozen=True, slots=True, kw_only=True)
class Tag:
    """One value of the account."""

    key: str
    value: str
    currency: str  # "" for what is no money
    is_ledger: bool = False  # comes under $LEDGER, once for each currency and once as BASE


def summary_tags(standing: Standing, wanted: frozenset[str]) -> Iterator[Tag]:
    """Return the tags a summary asks for: names, and $LEDGER with :ALL, a currency, or nothing for BASE alone."""
    currencies: set[str] = set()
    for asked in wanted:
        name, _, which = asked.partition(":")
        if name == LEDGER:
            currencies.update({"": (BASE,), "ALL": (standing.currency, BASE)}.get(which, (which,)))
    for tag in values(standing):
        if tag.key in wanted and not tag.is_ledger:
            yield tag
    for tag in ledger(standing):
        if tag.currency in currencies:
            yield tag


def update_tags(standing: Standing) -> Iterator[Tag]:
    """Return everything the account stream carries: facts, totals, those of the securities segment, and the ledger."""
    yield Tag(key="AccountCode", value=standing.account, currency="")
    yield Tag(key="AccountReady", value="true", currency="")
    for tag in values(standing):
        yield tag
        if tag.key in _SEGMENTED:
            yield Tag(key=f"{tag.key}-S", value=tag.value, currency=tag.currency)
            yield Tag(key=f"{tag.key}-C", value="0.00" if tag.currency else tag.value, currency=tag.currency)
    yield from ledger(standing)


def values(standing: Standing) -> Iterator[Tag]:
    """Return the totals of the account, every tag a summary knows by name."""
    now = standing.now
    equity = now.equity_with_loan
    yield Tag(key="AccountType", value="INDIVIDUAL", currency="")
    cushion = now.excess_liquidity / now.net_liquidation if now.net_liquidation > 0 else ZERO
    yield Tag(key="Cushion", value=f"{cushion:.6f}".rstrip("0").rstrip(".") or "0", currency="")
    yield Tag(key="DayTradesRemaining", value=_UNLIMITED_DAY_TRADES, currency="")
    yield Tag(key="LookAheadNextChange", value="0", currency="")
    leverage = now.gross / now.net_liquidation if now.net_liquidation > 0 else ZERO
    yield Tag(key="Leverage", value=f"{leverage:.2f}", currency="")
    yield Tag(key="HighestSeverity", value="", currency="")
    numbers = {
        "AccruedCash": _NEVER,
        "AccruedDividend": standing.dividends,
        "AvailableFunds": now.available_funds,
        "Billable": _NEVER,
        "BuyingPower": now.available_funds * LEVERAGE,
        "EquityWithLoanValue": equity,
        "ExcessLiquidity": now.excess_liquidity,
        "FullAvailableFunds": now.available_funds,
        "FullExcessLiquidity": now.excess_liquidity,
        "FullInitMarginReq": now.initial_margin,
        "FullMaintMarginReq": now.maintenance_margin,
        "GrossPositionValue": now.gross,
        "Guarantee": _NEVER,
        "IndianStockHaircut": _NEVER,
        "InitMarginReq": now.initial_margin,
        "LookAheadAvailableFunds": now.available_funds,
        "LookAheadExcessLiquidity": now.excess_liquidity,
        "LookAheadInitMarginReq": now.initial_margin,
        "LookAheadMaintMarginReq": now.maintenance_margin,
        "MaintMarginReq": now.maintenance_margin,
        "NetLiquidation": now.net_liquidation,
        "PASharesValue": _NEVER,
        "PostExpirationExcess": _NEVER,
        "PostExpirationMargin": _NEVER,
        "PreviousDayEquityWithLoanValue": standing.before,
        "RegTEquity": equity,
        "RegTMargin": now.initial_margin * 2,  # half of the value, twice what a day trader needs
        "SMA": max(ZERO, equity - now.initial_margin * 2),
        "SettledCash": now.cash,
        "TotalCashValue": now.cash,
    }
    for key, number in numbers.items():
        yield Tag(key=key, value=money(number), currency=standing.currency)


def ledger(standing: Standing) -> Iterator[Tag]:
    """Return what there is in each currency, then the same as BASE: the account has one currency."""
    now = standing.now
    numbers = {
        "AccruedCash": _NEVER,
        "CashBalance": now.cash,
        "CorporateBondValue": _NEVER,
        "Cryptocurrency": _NEVER,
        "FundValue": _NEVER,
        "FutureOptionValue": _NEVER,
        "FuturesPNL": now.futures_profit,
        "FxCashBalance": _NEVER,
        "IssuerOptionValue": _NEVER,
        "MoneyMarketFundValue": _NEVER,
        "MutualFundValue": _NEVER,
        "NetDividend": standing.dividends,
        "NetLiquidationByCurrency": now.net_liquidation,
        "OptionMarketValue": now.options,
        "RealizedPnL": now.realized,
        "StockMarketValue": now.stocks,
        "TBillValue": _NEVER,
        "TBondValue": _NEVER,
        "TotalCashBalance": now.cash,
        "UnrealizedPnL": now.unrealized,
        "WarrantValue": _NEVER,
    }
    for currency in (standing.currency, BASE):
        yield Tag(key="AccountOrGroup", value=standing.account, currency=currency, is_ledger=True)
        yield Tag(key="Currency", value=currency, currency=currency, is_ledger=True)
        yield Tag(key="RealCurrency", value=currency, currency=currency, is_ledger=True)
        yield Tag(key="ExchangeRate", value="1.00", currency=currency, is_ledger=True)
        for key, number in numbers.items():
            yield Tag(key=key, value=money(number), currency=currency, is_ledger=True)


def money(number: Decimal) -> str:
    """Return an amount in whole cents."""
    return str(number.quantize(_CENT, ROUND_HALF_EVEN))


_SEGMENTED = frozenset(
    {"AccruedCash", "AccruedDividend", "AvailableFunds", "EquityWithLoanValue", "ExcessLiquidity", "FullAvailableFunds"}
    | {"FullExcessLiquidity", "FullInitMarginReq", "FullMaintMarginReq", "GrossPositionValue", "InitMarginReq"}
    | {"MaintMarginReq", "NetLiquidation", "TotalCashValue", "LookAheadAvailableFunds", "LookAheadExcessLiquidity"}
    | {"LookAheadInitMarginReq", "LookAheadMaintMarginReq", "Leverage", "Cushion"}
)
