"""Books, ticks, scanners and the login's own requests behind one front."""

from collections.abc import Callable, Mapping
from typing import Any

from daemon.gateway.connection import Connection
from daemon.gateway.contracts import Contracts
from daemon.gateway.days import Days
from daemon.gateway.options import GatewayOptions
from daemon.gateway.scanner import Scanner
from daemon.gateway.service_depth import DepthDesk
from daemon.gateway.service_scanner import ScannerDesk
from daemon.gateway.service_session import SessionDesk
from daemon.gateway.service_ticks import TickDesk
from daemon.gateway.source import MarketSource
from daemon.gateway.subscriptions import Subscriptions
from daemon.gateway.timeline import Timeline
from daemon.gateway.wire import group_messages as gm
from daemon.gateway.wire import history_requests as hr
from daemon.gateway.wire import market_requests as mr
from daemon.gateway.wire import reference_requests as rr
from daemon.gateway.wire import session_requests as sr
from daemon.gateway.wire.messages import Request

Handler = Callable[[Connection, Any], None]


class InformationDesk:
    """The desks, and which request belongs to which."""

    def __init__(
        self,
        options: GatewayOptions,
        source: MarketSource,
        contracts: Contracts,
        days: Days,
        timeline: Timeline,
        *,
        subscriptions: Subscriptions,
    ) -> None:
        self._depth = DepthDesk(source, subscriptions, days, timeline)
        self._ticks = TickDesk(source, contracts, subscriptions, timeline, is_subscribed=options.market_data == "live")
        self._scanners = ScannerDesk(Scanner(source, timeline), timeline)
        self._session = SessionDesk(contracts, options.account)

    def begin_session(self) -> None:
        """Leave the session that ended behind."""
        self._depth.begin_session()

    def second(self) -> None:
        """Queue for every client what the whole second that has begun brings."""
        self._depth.second()
        self._scanners.second()

    def forget(self, connection: Connection) -> None:
        """End what a client follows."""
        self._scanners.forget(connection)

    def handlers(self) -> Mapping[type[Request], Handler]:
        """Return who handles which request."""
        depth, ticks, scanners, session = self._depth, self._ticks, self._scanners, self._session
        return {
            mr.ReqMktDepth: depth.follow,
            mr.CancelMktDepth: depth.leave,
            mr.ReqMktDepthExchanges: depth.exchanges,
            mr.ReqSmartComponents: depth.smart_components,
            mr.ReqTickByTick: ticks.follow,
            mr.CancelTickByTick: ticks.leave,
            hr.ReqHistoricalTicks: ticks.past_ticks,
            hr.ReqHistogramData: ticks.histogram,
            hr.CancelHistogramData: ticks.cancel_histogram,
            rr.ReqScannerParameters: scanners.parameters,
            rr.ReqScannerSubscription: scanners.follow,
            rr.CancelScannerSubscription: scanners.leave,
            rr.ReqFundamentalData: session.fundamentals,
            rr.CancelFundamentalData: session.nothing,
            sr.ReqFamilyCodes: session.family_codes,
            sr.ReqSoftDollarTiers: session.soft_dollar_tiers,
            sr.ReqUserInfo: session.user_info,
            sr.SetServerLogLevel: session.log_level,
            sr.ReqNewsBulletins: session.nothing,
            sr.CancelNewsBulletins: session.nothing,
            sr.ReqNewsProviders: session.news_providers,
            sr.ReqNewsArticle: session.no_news,
            sr.ReqHistoricalNews: session.no_news,
            sr.ReqWshMetaData: session.no_news,
            sr.CancelWshMetaData: session.no_catalogue_to_cancel,
            sr.ReqWshEventData: session.no_events,
            sr.CancelWshEventData: session.no_events_to_cancel,
            sr.RequestFA: session.read_advisor,
            sr.ReplaceFA: session.write_advisor,
            gm.QueryDisplayGroups: session.display_groups,
            gm.SubscribeToGroupEvents: session.no_display_group,
            gm.UpdateDisplayGroup: session.no_display_group,
            gm.UnsubscribeFromGroupEvents: session.no_display_group,
            gm.VerifyRequest: session.no_verification,
            gm.VerifyMessage: session.no_verification,
            gm.VerifyAndAuthRequest: session.no_verification,
            gm.VerifyAndAuthMessage: session.no_verification,
        }
