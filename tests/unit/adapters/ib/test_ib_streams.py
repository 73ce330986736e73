"""The registry of streams: which data is overdue, what is in doubt, and what is given up."""

from datetime import UTC, datetime, timedelta

import pytest

from daemon.adapters.ib.stream import Stream
from daemon.adapters.ib.streams import Streams
from daemon.domain.errors import ConfigError
from daemon.domain.instrument import Instrument

NOON = datetime(2026, 11, 20, 17, 0, tzinfo=UTC)


def after(seconds: float) -> datetime:
    return NOON + timedelta(seconds=seconds)


def requested(*symbols: str, session: bool = True) -> Streams:
    streams = Streams(lines=2, silence_s=15, probe_s=5, expects_bars=lambda _: session)
    streams.add([Instrument(symbol=symbol) for symbol in symbols or ("SPY",)])
    for number, stream in enumerate(streams):
        streams.quotes_started(stream, 10 + number, NOON)
        streams.bars_started(stream, 20 + number, NOON)
    streams.overdue(NOON)
    return streams


def probe(streams: Streams, stream: Stream, at: datetime) -> None:
    """Ask a stream again, as the subscriber does."""
    streams.note_resubscription(stream)
    streams.quotes_started(stream, stream.quote_request + 100, at)
    stream.probed_at = at


def test_stream_without_data_is_overdue_after_its_time() -> None:
    streams = requested()
    assert streams.overdue(after(15)) == []
    (late,) = streams.overdue(after(16))
    assert (late.quotes, late.bars) == (True, False)


def test_a_dead_farm_is_found_within_thirty_seconds_of_the_last_data() -> None:
    streams = requested("SPY", "QQQ")
    spy, qqq = streams
    for stream in streams:
        stream.last_quote_at = stream.last_bar_at = after(100)
    looks = [after(100 + 2.9 + 3 * look) for look in range(12)]  # as unlucky as looks every three seconds can be
    for at in looks:
        for late in streams.overdue(at):
            probe(streams, late.stream, at)
        if len(streams.suspended(at)) == 2:
            break
    assert at <= after(130)
    spy.last_quote_at = at + timedelta(seconds=1)
    streams.review(at + timedelta(seconds=2))
    assert set(streams.suspended(at)) == {"SPY", "QQQ"}  # a quote proves nothing
    spy.last_bar_at = at + timedelta(seconds=5)
    streams.review(at + timedelta(seconds=6))
    assert set(streams.suspended(at)) == {"QQQ"}
    assert qqq.suspended


def test_a_quiet_instrument_that_answers_is_not_suspended() -> None:
    streams = requested("SPY", "THIN")
    spy, thin = streams
    thin.last_quote_at = thin.last_bar_at = after(1)
    asked = 0
    for second in range(3, 1800, 3):
        at = after(second)
        spy.last_quote_at = spy.last_bar_at = at
        for late in streams.overdue(at):
            assert late.stream is thin
            asked += 1
            probe(streams, thin, at)
            thin.last_quote_at = at + timedelta(seconds=0.2)  # the farm says what the quote is
        assert streams.suspended(at) == {}
    assert asked < 10  # less and less often


def test_a_halted_instrument_is_left_alone() -> None:
    streams = requested()
    (spy,) = streams
    spy.is_halted = True
    assert streams.overdue(after(600)) == []
    assert streams.suspended(after(600)) == {}


def test_bars_that_stop_while_trades_go_on_are_found_though_quotes_flow() -> None:
    streams = requested()
    (spy,) = streams
    spy.last_bar_at = after(100)
    found = None
    for second in range(101, 140):
        spy.last_quote_at = after(second)
        spy.note_trade(after(second))
        if any(late.bars for late in streams.overdue(after(second))) and streams.suspended(after(second)):
            found = second
            break
    assert found is not None
    assert found <= 130


def test_nothing_is_overdue_outside_the_session_nor_right_after_its_open() -> None:
    assert requested(session=False).overdue(after(10_000)) == []
    open_at = after(5_000)
    streams = Streams(lines=2, silence_s=15, expects_bars=lambda at: at >= open_at)
    streams.add([Instrument(symbol="SPY")])
    (spy,) = streams
    streams.quotes_started(spy, 1, NOON)
    assert streams.overdue(after(4_999)) == []
    assert streams.overdue(after(5_001)) == []
    assert streams.overdue(after(5_014)) == []
    assert len(streams.overdue(after(5_017))) == 1


def test_patience_doubles_until_data_come_by_themselves() -> None:
    streams = requested("SPY", "QQQ")
    spy, qqq = streams
    probe(streams, spy, after(16))
    spy.suspend("silent", after(16))

    def late(second: float) -> bool:
        qqq.last_quote_at = qqq.last_bar_at = after(second)
        return any(one.stream is spy and one.quotes for one in streams.overdue(after(second)))

    assert not late(46)
    assert late(47)
    spy.last_bar_at = after(48)
    assert not late(60)
    assert late(64)


def test_distrusted_streams_have_to_show_a_bar_that_lies_after_the_doubt() -> None:
    streams = requested()
    (spy,) = streams
    spy.last_quote_at = spy.last_bar_at = after(10)
    streams.distrust(after(20), "back, data kept (code 1102)")
    assert streams.suspended(after(21)) == {"SPY": "back, data kept (code 1102)"}
    spy.last_bar_at = after(22)  # was on its way
    streams.review(after(23))
    assert streams.suspended(after(23))
    spy.last_bar_at = after(26)
    streams.review(after(27))
    assert streams.suspended(after(27)) == {}


def test_doubt_outside_the_session_is_none() -> None:
    streams = requested(session=False)
    streams.distrust(after(20), "farm broken")
    streams.doubt(10, after(20), "competing session")
    assert [stream.suspended for stream in streams] == [""]


def test_doubt_is_of_one_stream() -> None:
    streams = requested("SPY", "QQQ")
    streams.doubt(21, after(5), "competing session")
    assert streams.suspended(after(6)) == {"QQQ": "competing session"}


def test_failed_stream_is_left_alone_until_the_next_connection() -> None:
    streams = requested()
    (spy,) = streams
    assert streams.failed(20, 10167, "delayed instead") is None
    assert streams.failed(99, 354, "of nobody") is None
    assert streams.failed(20, 354, "not subscribed") is spy
    assert streams.overdue(after(1_000)) == []
    assert streams.without_bars() == []
    assert "354" in streams.suspended(after(1_000))[spy.instrument.id]
    streams.all_lost()
    assert streams.without_bars() == [spy]
    assert streams.suspended(after(1_000)) == {}
    assert not streams.by_bar_request


def test_too_many_instruments_add_none() -> None:
    streams = requested("SPY", "QQQ")
    with pytest.raises(ConfigError):
        streams.add([Instrument(symbol="A")])
    assert len(streams) == 2
