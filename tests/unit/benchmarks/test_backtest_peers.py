"""The benchmark counts nobody as fast who has not done the work, and writes only between its marks."""

from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from tests.benchmarks.backtest_peers import documents, growth_plot
from tests.benchmarks.backtest_peers.growth import GROWS, RECORDS, Point, markdown
from tests.benchmarks.backtest_peers.peers import OURS, Peer, Ran
from tests.benchmarks.backtest_peers.speed import Measured, Shape, goals, mark_early_stops, speed_markdown

SHAPE = Shape(symbols=2, bars=1000)


def measured(name: str, executions: tuple[int, ...], seconds: float = 1.0) -> Measured:
    fills = [[[float(number), 1.0, 100.0, 0.2] for number in range(count)] for count in executions]
    ran = Ran(seconds=seconds, with_reading=2 * seconds, peak_mb=200.0, fills=fills)
    return Measured(Peer(name=name, script=""), 2000, [ran])


def test_who_stops_early_is_shown_as_that_and_has_no_rate() -> None:
    found = [measured(OURS, (200, 210)), measured("backtesting.py", (200, 210)), measured("NautilusTrader", (200, 90))]
    mark_early_stops(found)
    assert [one.failure for one in found] == ["", "", "stopped early: 90 of 210 executions in symbol 2"]
    assert found[2].rate is None
    assert "stopped early: 90 of 210" in speed_markdown(SHAPE, found)
    assert {figure.peer_name for figure in goals(SHAPE, found)} == {"backtesting.py"}


def test_goals_are_ratios_of_rates() -> None:
    found = [measured(OURS, (200, 200)), measured("NautilusTrader", (199, 200), seconds=9.9)]
    mark_early_stops(found)
    (figure,) = goals(SHAPE, found)
    assert figure.ratio == pytest.approx(9.9)
    assert figure.is_met is False
    (faster,) = goals(SHAPE, [found[0], measured("NautilusTrader", (200, 200), seconds=10.1)])
    assert faster.is_met is True


def test_parts_of_a_document_are_replaced_and_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / "a.md"
    begin, end = documents.marks("some part")
    path.write_text(f"before\n{begin}\nold\n{end}\nafter\n")
    documents.put(path, "some part", "new\n")
    assert path.read_text() == f"before\n{begin}\nnew\n{end}\nafter\n"
    with pytest.raises(SystemExit, match="has no lines"):
        documents.put(path, "another part", "new")


def test_the_documentation_has_a_place_for_every_part() -> None:
    path = Path(__file__).parents[3] / "docs" / "performance.md"
    documents.require(path, ("backtest trades", "backtest peers", "backtest growth"))


def test_growth_is_drawn_with_a_mark_for_every_point() -> None:
    points = [
        Point(grows=grows, to=to, record=record, bars=1000, cpu_us=20.0 * to, peak_mb=200.0 + to)
        for grows in GROWS
        for record in RECORDS
        for to in (1, 2, 8)
    ]
    picture = ET.fromstring(growth_plot.svg(points))
    marks = [element for element in picture.iter() if element.tag.endswith("circle")]
    assert len(marks) == 2 * len(points) + len(RECORDS)
    width = float(picture.attrib["width"])
    assert all(0 < float(mark.attrib["cx"]) < width for mark in marks)
    lines = markdown(points).splitlines()
    assert len(lines) == 2 + 3 * len(GROWS)
    assert "| symbols | 8 | 1,000 | 160 | 208 | 1,000 | 160 | 208 |" in lines
