"""What the soak makes of its evenings: growth, files, threads, and whether anything was traded."""

from tests.benchmarks.soak import MOST_MB_A_DAY, Evening, faults, growth_mb_a_day


def evenings(*, growth_mb: float = 0.0, files: int = 0, threads: int = 0, orders: int = 100) -> list[Evening]:
    """Return ten evenings; memory jumps on the first three, as caches fill."""
    return [
        Evening(
            day=f"2026-03-{day + 2:02}", rss_mb=150 + 10 * min(day, 3) + growth_mb * day, files=24 + files * day,
            threads=4 + threads * day, orders=100 + orders * day, took_s=10.0,
        )
        for day in range(10)
    ]  # fmt: skip


def test_a_flat_month_holds_though_caches_fill_at_first() -> None:
    assert abs(growth_mb_a_day(evenings())) < 1e-9
    assert faults(evenings()) == []


def test_memory_that_grows_is_named_with_its_rate() -> None:
    assert abs(growth_mb_a_day(evenings(growth_mb=1.5)) - 1.5) < 1e-9
    (fault,) = faults(evenings(growth_mb=1.5))
    assert fault == f"memory grew by 1.50 MB a day; {MOST_MB_A_DAY:g} is allowed"
    assert faults(evenings(growth_mb=0.9)) == []


def test_files_and_threads_that_are_left_open_are_named() -> None:
    assert faults(evenings(files=1)) == ["open files went from 24 to 33"]
    assert faults(evenings(threads=1)) == ["threads went from 4 to 13"]


def test_a_month_without_trading_proves_nothing() -> None:
    assert faults(evenings(orders=0)) == ["nothing was traded after the first day"]
