"""What an execution costs, rounded to the cent the way the schedule bills it.

The figures are those of the brokers' price pages as copies showed them in 2025. They change every year, so each one is
a field.
"""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, ROUND_UP, Decimal
from typing import Final, Protocol

from daemon.domain.order import Side

_CENT: Final = Decimal("0.01")
_NOTHING: Final = Decimal(0)


class CommissionSchedule(Protocol):
    """Commissions by execution; partial fills of one order may share a minimum."""

    def charge(
        self,
        *,
        quantity: Decimal,
        price: Decimal,
        filled_before: Decimal,
        notional_before: Decimal,
        side: Side | None = None,
    ) -> Decimal:
        """Return the commission of an execution (account currency, whole cents).

        `filled_before` (units) and `notional_before` (price times units) are the same order's earlier executions. Fees
        on sales are charged when `side` says that it is one.
        """
        ...


class _ByOrder(ABC):
    """A schedule by the order: an execution costs what it adds to the order's total."""

    __slots__ = ()

    def charge(
        self,
        *,
        quantity: Decimal,
        price: Decimal,
        filled_before: Decimal,
        notional_before: Decimal,
        side: Side | None = None,
    ) -> Decimal:
        """Return what this execution adds to the order's commission and fees."""
        before = self._total(filled_before, notional_before, side)
        return self._total(filled_before + quantity, notional_before + quantity * price, side) - before

    @abstractmethod
    def _total(self, quantity: Decimal, notional: Decimal, side: Side | None) -> Decimal:
        """Return what so many units for so much cost in one order, in whole cents."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PercentOfNotional:
    """A share of what the execution is worth."""

    rate: Decimal = Decimal("0.002")  # of notional: 0.002 is 0.2 %

    def charge(
        self,
        *,
        quantity: Decimal,
        price: Decimal,
        filled_before: Decimal,
        notional_before: Decimal,
        side: Side | None = None,
    ) -> Decimal:
        """Return the rounded share of this execution alone; earlier ones do not matter."""
        del filled_before, notional_before, side
        return (quantity * price * self.rate).quantize(_CENT, ROUND_HALF_UP)


@dataclass(frozen=True, slots=True, kw_only=True)
class SaleFees:
    """What regulators take from the sale of US stocks.

    Source:
        SEC section 31: USD 27.80 per million until May 2025, 0.00 after; FINRA trading activity fee: USD 0.000166 a
        share, at most 8.30 a trade (alpaca.markets/support/regulatory-fees and
        interactivebrokers.com/en/pricing/commissions-stocks.php, copies of 2025).
    """

    sec_rate: Decimal = Decimal("0.00")  # of notional sold
    taf_per_share: Decimal = Decimal("0.000166")
    taf_maximum: Decimal = Decimal("8.30")  # a trade

    def total(self, quantity: Decimal, notional: Decimal) -> Decimal:
        """Return the exact fees of selling `quantity` shares for `notional`."""
        return self.sec(notional) + self.taf(quantity)

    def sec(self, notional: Decimal) -> Decimal:
        """Return the SEC's part, exact."""
        return notional * self.sec_rate

    def taf(self, quantity: Decimal) -> Decimal:
        """Return FINRA's part, exact."""
        return min(quantity * self.taf_per_share, self.taf_maximum)


@dataclass(frozen=True, slots=True, kw_only=True)
class PerShare(_ByOrder):
    """IB's fixed schedule for US stocks: so much a share, a minimum an order, at most a share of the trade's value.

    Source:
        interactivebrokers.com/en/pricing/commissions-stocks.php, IBKR Pro Fixed (copy of 2025): USD 0.005 per share,
        minimum 1.00, maximum 1 % of trade value. Regulatory fees are passed on besides; give `sale_fees` for them.
    """

    per_share: Decimal = Decimal("0.005")
    minimum: Decimal = Decimal("1.00")
    maximum_rate: Decimal = Decimal("0.01")  # of notional
    sale_fees: SaleFees | None = None

    def _total(self, quantity: Decimal, notional: Decimal, side: Side | None) -> Decimal:
        if quantity == 0:
            return _NOTHING
        charged = min(max(quantity * self.per_share, self.minimum), notional * self.maximum_rate)
        if self.sale_fees is not None and side is Side.SELL:
            charged += self.sale_fees.total(quantity, notional)
        return charged.quantize(_CENT, ROUND_HALF_UP)


@dataclass(frozen=True, slots=True, kw_only=True)
class IbTieredStocks(_ByOrder):
    """IB's tiered schedule for US stocks at its lowest tier (up to 300,000 shares a month).

    Commission, plus what exchanges, the clearing house and regulators take. The exchange's part differs by venue and by
    who took liquidity; the default is the common fee for taking, and a resting order's rebate is not given.

    Source:
        interactivebrokers.com/en/pricing/commissions-stocks.php, IBKR Pro Tiered (copy of 2025): USD 0.0035 per share,
        minimum 0.35, maximum 1 %; NSCC and DTC 0.00020 per share; pass-through NYSE 0.000175 and FINRA 0.000565 times
        the commission; FINRA consolidated audit trail from 0.000048 per share. Taking liquidity about 0.003 per share
        (the cap of Regulation NMS, rule 610).
    """

    per_share: Decimal = Decimal("0.0035")
    minimum: Decimal = Decimal("0.35")
    maximum_rate: Decimal = Decimal("0.01")  # of notional
    exchange_per_share: Decimal = Decimal("0.003")
    clearing_per_share: Decimal = Decimal("0.0002")
    audit_trail_per_share: Decimal = Decimal("0.000048")
    pass_through_rate: Decimal = Decimal("0.00074")  # of the commission: NYSE and FINRA together
    sale_fees: SaleFees = SaleFees()

    def _total(self, quantity: Decimal, notional: Decimal, side: Side | None) -> Decimal:
        if quantity == 0:
            return _NOTHING
        commission = min(max(quantity * self.per_share, self.minimum), notional * self.maximum_rate)
        passed_on = self.exchange_per_share + self.clearing_per_share + self.audit_trail_per_share
        charged = commission * (1 + self.pass_through_rate) + quantity * passed_on
        if side is Side.SELL:
            charged += self.sale_fees.total(quantity, notional)
        return charged.quantize(_CENT, ROUND_HALF_UP)


@dataclass(frozen=True, slots=True, kw_only=True)
class IbOptions(_ByOrder):
    """IB's commission for US options up to 10,000 contracts a month, by premium; third parties' fees left out.

    Source:
        interactivebrokers.ca/en/pricing/commissions-options.php (copy of 2025): USD 0.65 per contract from a premium of
        0.10, 0.50 from 0.05, else 0.25; minimum 1.00 an order.
    """

    tiers: tuple[tuple[Decimal, Decimal], ...] = (  # (from this premium, per contract), dearest first
        (Decimal("0.10"), Decimal("0.65")),
        (Decimal("0.05"), Decimal("0.50")),
        (Decimal(0), Decimal("0.25")),
    )
    minimum: Decimal = Decimal("1.00")

    def _total(self, quantity: Decimal, notional: Decimal, side: Side | None) -> Decimal:
        del side
        if quantity == 0:
            return _NOTHING
        average = notional / quantity  # premium of the order so far
        rate = next((each for edge, each in self.tiers if average >= edge), self.tiers[-1][1])
        return max(quantity * rate, self.minimum).quantize(_CENT, ROUND_HALF_UP)


@dataclass(frozen=True, slots=True, kw_only=True)
class AlpacaStocks(_ByOrder):
    """Alpaca's stocks: no commission; the regulators' fees on sales, each rounded up to the cent by order.

    Alpaca rounds the day's total up, not each order's: several small sales in a day cost a little less in truth.

    Source:
        alpaca.markets/support/regulatory-fees, docs.alpaca.markets/docs/regulatory-fees (copies of 2025).
    """

    sale_fees: SaleFees = SaleFees()

    def _total(self, quantity: Decimal, notional: Decimal, side: Side | None) -> Decimal:
        if side is not Side.SELL:
            return _NOTHING
        parts = (self.sale_fees.sec(notional), self.sale_fees.taf(quantity))
        return sum((part.quantize(_CENT, ROUND_UP) for part in parts), _NOTHING)
