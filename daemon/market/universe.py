"""The instruments the synthetic market can list and the numbers that shape them.

Every price, volume and volatility here is of our own making: plausible for the name, taken from no market.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from daemon.market.listing import Listing, con_id_of

MARKET_FACTOR: Final = "market"

# Daily volatility of each common factor, as a standard deviation of log returns; the sectors are net of the market.
FACTOR_DAILY_VOLATILITY: Final[Mapping[str, float]] = MappingProxyType(
    {
        MARKET_FACTOR: 0.0100,
        "tech": 0.0060,
        "semi": 0.0120,
        "bank": 0.0070,
        "energy": 0.0120,
        "health": 0.0060,
        "retail": 0.0060,
        "staple": 0.0050,
        "indus": 0.0055,
        "small": 0.0065,
        "rate": 0.0085,
        "gold": 0.0085,
    }
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Profile:
    """How one instrument of the synthetic market behaves."""

    listing: Listing
    base_price: float  # currency per share the price wanders around
    loadings: tuple[tuple[str, float], ...]  # factor and its weight in the log return
    own_volatility: float  # daily standard deviation of the log return that no factor explains


# symbol | name | exchange | price | million shares a day | market weight | sector | its weight | own daily volatility %
_TABLE: Final = """
SPY|SPDR S&P 500 ETF Trust|ARCA|560|62|1.00|-|0|0.05
IVV|iShares Core S&P 500 ETF|ARCA|563|5|1.00|-|0|0.06
VOO|Vanguard S&P 500 ETF|ARCA|515|6|1.00|-|0|0.06
QQQ|Invesco QQQ Trust|NASDAQ|480|38|1.10|tech|0.70|0.12
DIA|SPDR Dow Jones Industrial Average ETF|ARCA|410|3.4|0.85|-|0|0.25
IWM|iShares Russell 2000 ETF|ARCA|218|30|1.10|small|1.00|0.15
MDY|SPDR S&P MidCap 400 ETF|ARCA|560|0.9|1.05|small|0.60|0.25
VTI|Vanguard Total Stock Market ETF|ARCA|276|3.5|1.00|-|0|0.07
EFA|iShares MSCI EAFE ETF|ARCA|82|15|0.75|-|0|0.45
EEM|iShares MSCI Emerging Markets ETF|ARCA|43|28|0.80|-|0|0.75
FXI|iShares China Large-Cap ETF|ARCA|28|32|0.60|-|0|1.50
EWZ|iShares MSCI Brazil ETF|ARCA|29|22|0.80|-|0|1.30
XLK|Technology Select Sector SPDR Fund|ARCA|222|6|1.15|tech|1.00|0.15
XLF|Financial Select Sector SPDR Fund|ARCA|44|38|0.95|bank|1.00|0.15
XLE|Energy Select Sector SPDR Fund|ARCA|89|15|0.80|energy|1.00|0.15
XLV|Health Care Select Sector SPDR Fund|ARCA|150|8|0.65|health|1.00|0.12
XLY|Consumer Discretionary Select Sector SPDR Fund|ARCA|190|4|1.10|retail|1.00|0.20
XLP|Consumer Staples Select Sector SPDR Fund|ARCA|81|9|0.45|staple|1.00|0.12
XLI|Industrial Select Sector SPDR Fund|ARCA|130|8|0.95|indus|1.00|0.12
XLU|Utilities Select Sector SPDR Fund|ARCA|77|11|0.45|rate|0.60|0.55
XLB|Materials Select Sector SPDR Fund|ARCA|92|5|0.90|indus|0.60|0.40
XLRE|Real Estate Select Sector SPDR Fund|ARCA|43|5|0.75|rate|0.80|0.50
SMH|VanEck Semiconductor ETF|NASDAQ|240|7|1.30|semi|1.00|0.25
SOXX|iShares Semiconductor ETF|NASDAQ|225|4|1.30|semi|1.00|0.22
XBI|SPDR S&P Biotech ETF|ARCA|98|8|0.95|health|0.80|1.30
KRE|SPDR S&P Regional Banking ETF|ARCA|58|13|1.05|bank|1.50|0.70
XOP|SPDR S&P Oil & Gas Exploration ETF|ARCA|140|3.5|0.90|energy|1.40|0.50
GDX|VanEck Gold Miners ETF|ARCA|38|22|0.20|gold|2.00|1.00
GLD|SPDR Gold Shares|ARCA|240|8|0.02|gold|1.00|0.10
SLV|iShares Silver Trust|ARCA|28|20|0.10|gold|1.50|0.80
USO|United States Oil Fund|ARCA|73|4|0.15|energy|0.90|1.20
UNG|United States Natural Gas Fund|ARCA|15|9|0.05|energy|0.30|2.80
TLT|iShares 20+ Year Treasury Bond ETF|NASDAQ|96|38|-0.10|rate|1.00|0.10
IEF|iShares 7-10 Year Treasury Bond ETF|NASDAQ|97|8|-0.04|rate|0.45|0.05
SHY|iShares 1-3 Year Treasury Bond ETF|NASDAQ|82|4|0.00|rate|0.08|0.02
LQD|iShares Investment Grade Corporate Bond ETF|ARCA|110|25|0.08|rate|0.50|0.08
HYG|iShares High Yield Corporate Bond ETF|ARCA|79|36|0.30|rate|0.15|0.12
VXX|iPath S&P 500 VIX Short-Term Futures ETN|BATS|48|6|-3.20|-|0|2.20
TQQQ|ProShares UltraPro QQQ|NASDAQ|72|65|3.30|tech|2.10|0.36
SQQQ|ProShares UltraPro Short QQQ|NASDAQ|36|58|-3.30|tech|-2.10|0.36
SPXL|Direxion Daily S&P 500 Bull 3X Shares|ARCA|165|4|3.00|-|0|0.15
SPXS|Direxion Daily S&P 500 Bear 3X Shares|ARCA|28|9|-3.00|-|0|0.15
SPXU|ProShares UltraPro Short S&P 500|ARCA|24|9|-3.00|-|0|0.15
UPRO|ProShares UltraPro S&P 500|ARCA|88|6|3.00|-|0|0.15
SSO|ProShares Ultra S&P 500|ARCA|93|3|2.00|-|0|0.10
SDS|ProShares UltraShort S&P 500|ARCA|21|6|-2.00|-|0|0.10
SOXL|Direxion Daily Semiconductor Bull 3X Shares|ARCA|38|70|3.90|semi|3.00|0.66
SOXS|Direxion Daily Semiconductor Bear 3X Shares|ARCA|21|48|-3.90|semi|-3.00|0.66
TNA|Direxion Daily Small Cap Bull 3X Shares|ARCA|42|12|3.30|small|3.00|0.45
TZA|Direxion Daily Small Cap Bear 3X Shares|ARCA|16|16|-3.30|small|-3.00|0.45
LABU|Direxion Daily S&P Biotech Bull 3X Shares|ARCA|110|1.5|2.85|health|2.40|3.90
FAS|Direxion Daily Financial Bull 3X Shares|ARCA|128|1.0|2.85|bank|3.00|0.45
FAZ|Direxion Daily Financial Bear 3X Shares|ARCA|9.5|4|-2.85|bank|-3.00|0.45
TMF|Direxion Daily 20+ Year Treasury Bull 3X Shares|ARCA|54|5|-0.30|rate|3.00|0.30
ARKK|ARK Innovation ETF|ARCA|47|9|1.45|tech|1.60|1.10
AAPL|Apple Inc.|NASDAQ|222|52|1.10|tech|0.70|0.95
MSFT|Microsoft Corporation|NASDAQ|420|21|1.00|tech|0.90|0.85
NVDA|NVIDIA Corporation|NASDAQ|121|240|1.50|semi|1.40|1.70
AMZN|Amazon.com Inc.|NASDAQ|186|40|1.20|retail|1.00|1.15
GOOGL|Alphabet Inc. Class A|NASDAQ|164|27|1.10|tech|0.70|1.10
GOOG|Alphabet Inc. Class C|NASDAQ|166|19|1.10|tech|0.70|1.10
META|Meta Platforms Inc.|NASDAQ|530|14|1.20|tech|0.80|1.45
TSLA|Tesla Inc.|NASDAQ|240|85|1.60|retail|1.20|2.40
AMD|Advanced Micro Devices Inc.|NASDAQ|155|48|1.50|semi|1.40|1.80
INTC|Intel Corporation|NASDAQ|23|62|1.10|semi|0.80|1.80
AVGO|Broadcom Inc.|NASDAQ|170|27|1.30|semi|1.10|1.50
QCOM|QUALCOMM Incorporated|NASDAQ|168|8|1.20|semi|1.00|1.20
MU|Micron Technology Inc.|NASDAQ|98|22|1.30|semi|1.30|1.60
TXN|Texas Instruments Incorporated|NASDAQ|200|5|1.00|semi|0.80|0.90
ORCL|Oracle Corporation|NYSE|165|9|1.00|tech|0.80|1.30
CRM|Salesforce Inc.|NYSE|270|6|1.10|tech|1.00|1.30
ADBE|Adobe Inc.|NASDAQ|520|3|1.10|tech|1.00|1.30
CSCO|Cisco Systems Inc.|NASDAQ|52|18|0.85|tech|0.50|0.85
IBM|International Business Machines Corporation|NYSE|218|4.2|0.70|tech|0.30|0.95
NFLX|Netflix Inc.|NASDAQ|700|3.4|1.15|tech|0.80|1.60
PLTR|Palantir Technologies Inc.|NYSE|36|58|1.50|tech|1.30|2.60
UBER|Uber Technologies Inc.|NYSE|74|18|1.20|retail|0.60|1.60
SHOP|Shopify Inc.|NYSE|78|9|1.50|tech|1.20|2.10
PYPL|PayPal Holdings Inc.|NASDAQ|77|12|1.20|bank|0.60|1.50
COIN|Coinbase Global Inc.|NASDAQ|180|9|1.90|tech|1.30|3.40
MSTR|MicroStrategy Incorporated|NASDAQ|160|14|1.90|tech|1.30|3.80
SNAP|Snap Inc.|NYSE|10.4|24|1.30|tech|0.90|2.60
ROKU|Roku Inc.|NASDAQ|74|4|1.50|tech|1.20|2.40
JPM|JPMorgan Chase & Co.|NYSE|211|9|1.00|bank|1.00|0.75
BAC|Bank of America Corporation|NYSE|40|38|1.10|bank|1.20|0.85
C|Citigroup Inc.|NYSE|62|14|1.15|bank|1.20|0.95
WFC|Wells Fargo & Company|NYSE|57|16|1.10|bank|1.20|0.95
GS|The Goldman Sachs Group Inc.|NYSE|495|2.2|1.10|bank|1.00|0.85
MS|Morgan Stanley|NYSE|104|6|1.10|bank|1.00|0.85
SCHW|The Charles Schwab Corporation|NYSE|65|9|1.00|bank|1.00|1.10
V|Visa Inc.|NYSE|287|6|0.85|bank|0.40|0.70
MA|Mastercard Incorporated|NYSE|494|2.6|0.90|bank|0.40|0.75
AXP|American Express Company|NYSE|266|2.8|1.05|bank|0.70|0.85
BRK B|Berkshire Hathaway Inc. Class B|NYSE|455|3.6|0.80|bank|0.50|0.55
XOM|Exxon Mobil Corporation|NYSE|117|15|0.75|energy|1.00|0.60
CVX|Chevron Corporation|NYSE|147|8|0.75|energy|0.95|0.65
OXY|Occidental Petroleum Corporation|NYSE|52|10|0.90|energy|1.30|1.00
SLB|Schlumberger Limited|NYSE|42|11|0.90|energy|1.20|1.00
COP|ConocoPhillips|NYSE|108|6|0.80|energy|1.20|0.75
UNH|UnitedHealth Group Incorporated|NYSE|580|3.2|0.60|health|0.90|1.10
JNJ|Johnson & Johnson|NYSE|163|7|0.45|health|0.70|0.65
PFE|Pfizer Inc.|NYSE|29|34|0.55|health|0.80|1.00
MRK|Merck & Co. Inc.|NYSE|114|9|0.50|health|0.90|0.85
LLY|Eli Lilly and Company|NYSE|900|2.8|0.70|health|0.90|1.50
ABBV|AbbVie Inc.|NYSE|194|5|0.50|health|0.80|0.95
WMT|Walmart Inc.|NYSE|80|16|0.55|staple|0.90|0.80
COST|Costco Wholesale Corporation|NASDAQ|890|1.8|0.75|staple|0.80|0.75
KO|The Coca-Cola Company|NYSE|71|13|0.45|staple|1.00|0.45
PEP|PepsiCo Inc.|NASDAQ|171|5|0.45|staple|1.00|0.55
PG|The Procter & Gamble Company|NYSE|173|6|0.45|staple|1.00|0.55
HD|The Home Depot Inc.|NYSE|395|3.2|0.95|retail|0.70|0.75
NKE|NIKE Inc.|NYSE|82|10|0.95|retail|0.80|1.30
MCD|McDonald's Corporation|NYSE|300|3.2|0.60|staple|0.50|0.75
SBUX|Starbucks Corporation|NASDAQ|96|9|0.85|retail|0.60|1.10
DIS|The Walt Disney Company|NYSE|94|10|1.00|retail|0.60|1.05
TGT|Target Corporation|NYSE|153|4|0.85|retail|0.70|1.30
BA|The Boeing Company|NYSE|155|8|1.10|indus|0.90|1.50
CAT|Caterpillar Inc.|NYSE|385|2.8|1.05|indus|1.10|0.85
GE|GE Aerospace|NYSE|185|6|1.05|indus|1.00|0.95
F|Ford Motor Company|NYSE|11|52|1.15|indus|0.80|1.30
GM|General Motors Company|NYSE|48|13|1.15|indus|0.90|1.20
T|AT&T Inc.|NYSE|22|34|0.50|staple|0.50|0.85
VZ|Verizon Communications Inc.|NYSE|44|17|0.40|staple|0.50|0.80
DAL|Delta Air Lines Inc.|NYSE|50|9|1.25|indus|0.90|1.50
AAL|American Airlines Group Inc.|NASDAQ|11.3|30|1.35|indus|1.00|1.90
CCL|Carnival Corporation|NYSE|18.5|27|1.50|retail|0.90|1.80
SOFI|SoFi Technologies Inc.|NASDAQ|8.4|38|1.50|bank|1.10|2.40
NIO|NIO Inc.|NYSE|6.1|52|1.30|retail|0.90|3.00
RIVN|Rivian Automotive Inc.|NASDAQ|11.2|32|1.60|retail|1.10|3.10
PLUG|Plug Power Inc.|NASDAQ|2.3|34|1.50|energy|0.60|4.20
GME|GameStop Corp.|NYSE|22|9|0.90|retail|0.60|3.60
AMC|AMC Entertainment Holdings Inc.|NYSE|4.6|14|1.20|retail|0.80|3.80
"""


def _profile(row: str) -> Profile:
    symbol, name, exchange, price, millions, beta, sector, weight, own_percent = row.split("|")
    listing = Listing(
        symbol=symbol,
        con_id=con_id_of(symbol),
        name=name,
        primary_exchange=exchange,
        average_daily_volume=round(float(millions) * 1_000_000),
    )
    loadings = [(MARKET_FACTOR, float(beta))]
    if sector != "-":
        loadings.append((sector, float(weight)))
    return Profile(
        listing=listing,
        base_price=float(price),
        loadings=tuple(loadings),
        own_volatility=float(own_percent) / 100,
    )


UNIVERSE: Final[Mapping[str, Profile]] = MappingProxyType(
    {profile.listing.symbol: profile for profile in map(_profile, _TABLE.strip().splitlines())}
)
