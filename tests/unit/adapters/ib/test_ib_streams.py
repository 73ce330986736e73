"""The registry of streams: which data is overdue, and what is given up."""

from datetime import UTC, datetime, timedelta

import pytest

from daemon.adapters.ib.streams import Streams
from daemon.domain.errors import ConfigError
from daemon.domain.instrument import Instrument

NOON = datetime(2026, 11, 20, 17, 0, tzinfo=UTC)


def after(seconds: float) -> datetime:
    return NOON + timedelta(seconds=seconds)


def requested(*, verify_s: float = 45, session: bool = True) -> Streams:
    streams = Streams(lines=2, verify_s=verify_s, expects_bars=lambda _: session)
    streams.add([Instrument(symbol="SPY")])
    (spy,) = streams
    streams.quotes_started(spy, 1, NOON)
    streams.bars_started(spy, 2, NOON)
    streams.overdue(NOON)
    return streams


def test_stream_without_data_is_overdue_after_its_time() -> None:
    streams = requested()
    assert streams.overdue(after(45)) == []
    (late,) = streams.overdue(after(46))
    assert (late.quotes, late.bars) == (True, True)


def test_quotes_need_to_come_once_and_bars_go_on() -> None:
    streams = requested()
    (spy,) = streams
    spy.last_quote_at, spy.last_bar_at = after(1), after(40)
    assert streams.overdue(after(80)) == []
    (late,) = streams.overdue(after(100))
    assert (late.quotes, late.bars) == (False, True)


def test_nothing_is_overdue_outside_the_session_nor_right_after_its_open() -> None:
    assert requested(session=False).overdue(after(10_000)) == []
    open_at = after(5_000)
    streams = Streams(lines=2, verify_s=45, expects_bars=lambda at: at >= open_at)
    streams.add([Instrument(symbol="SPY")])
    (spy,) = streams
    streams.bars_started(spy, 2, NOON)
    assert streams.overdue(after(4_999)) == []
    assert streams.overdue(after(5_001)) == []
    assert streams.overdue(after(5_040)) == []
    assert len(streams.overdue(after(5_050))) == 1


def test_patience_doubles_until_data_comes() -> None:
    streams = requested()
    (spy,) = streams
    streams.note_resubscription(spy)
    streams.bars_started(spy, 3, after(46))
    spy.last_quote_at = after(46)
    assert streams.overdue(after(46 + 90)) == []
    assert len(streams.overdue(after(46 + 91))) == 1
    spy.last_bar_at = after(47)
    assert len(streams.overdue(after(47 + 46))) == 1
    assert spy.resubscriptions == 1


def test_distrusted_streams_have_to_show_fresh_data() -> None:
    streams = requested()
    (spy,) = streams
    spy.last_quote_at = spy.last_bar_at = after(10)
    streams.distrust(after(20))
    assert streams.overdue(after(65)) == []
    (late,) = streams.overdue(after(66))
    assert (late.quotes, late.bars) == (True, True)


def test_failed_stream_is_left_alone_until_the_next_connection() -> None:
    streams = requested()
    (spy,) = streams
    assert streams.failed(2, 10167, "delayed instead") is None
    assert streams.failed(99, 354, "of nobody") is None
    assert streams.failed(2, 354, "not subscribed") is spy
    assert streams.overdue(after(1_000)) == []
    assert streams.without_bars() == []
    streams.all_lost()
    assert streams.without_bars() == [spy]
    assert not streams.by_bar_request


def test_too_many_instruments_add_none() -> None:
    streams = requested()
    with pytest.raises(ConfigError):
        streams.add([Instrument(symbol="A"), Instrument(symbol="B")])
    assert len(streams) == 1
