"""Scenarios read from YAML: what is understood, and what is said about mistakes."""

from datetime import UTC, datetime, time
from pathlib import Path

import pytest

from daemon.gateway.faults.catalogue import FAULTS
from daemon.gateway.faults.data import BadQuotes
from daemon.gateway.faults.orders import OrderRefused
from daemon.gateway.faults.scenario import BadScenario, Scenario, entry, read_scenario, scenario
from daemon.gateway.faults.sockets import GatewayRestart

GOOD = """
description: a bad day
seed: 5
faults:
  - when: {at: 10:15}
    fault: gateway_restart
    for: 30s
  - when: {order: 3, symbol: SPY, client: 1, times: 2, probability: 0.5}
    fault: {name: order_refused, code: 110}
  - {when: {at: "2024-03-05T15:00:00+00:00"}, fault: {name: bad_quotes, kind: nan}, for: 1.5m, seed: 9}
  - {when: {after: 90s, every: 1m, times: 3}, fault: half_open, for: 500ms}
  - {when: {request: {ReqMktData: 2}}, fault: mute}
  - {when: {request: {20: 1}}, fault: mute, for: 10}
"""


def read(tmp_path: Path, text: str) -> Scenario:
    path = tmp_path / "scenario.yaml"
    path.write_text(text)
    return read_scenario(path)


def mistakes(raw: object) -> tuple[str, ...]:
    with pytest.raises(BadScenario) as caught:
        scenario(raw)
    return caught.value.faults


def test_scenario_says_what_it_says(tmp_path: Path) -> None:
    found = read(tmp_path, GOOD)
    restart, refused, quotes, half_open, mute, sixth = found.entries
    assert (found.seed, found.description) == (5, "a bad day")
    assert (restart.fault, restart.when.at, refused.when.client) == (GatewayRestart(), time(10, 15), 1)
    assert restart.lasting_s == 30
    assert refused.fault == OrderRefused(code=110)
    assert (refused.when.order, refused.when.symbol, refused.when.times) == (3, "SPY", 2)
    assert (quotes.fault, quotes.lasting_s, quotes.seed) == (BadQuotes(kind="nan"), 90, 9)
    assert quotes.when.at == datetime(2024, 3, 5, 15, tzinfo=UTC)
    assert (half_open.when.after, half_open.when.every, half_open.lasting_s) == (90, 60, 0.5)
    assert mute.when.request == {"ReqMktData": 2}
    assert (sixth.when.request, sixth.lasting_s) == ({"ReqHistoricalData": 1}, 10)


def test_a_plain_list_is_a_scenario(tmp_path: Path) -> None:
    assert read(tmp_path, "- {fault: mute}\n").entries == (entry({"fault": "mute"}),)


@pytest.mark.parametrize(
    ("item", "problem"),
    [
        ({}, "faults[0].fault: must be a name, or a mapping with name and parameters, was None"),
        ({"fault": "mut"}, "faults[0].fault.name: 'mut' is unknown; use one of disconnect, gateway_restart"),
        (
            {"fault": {"name": "disconnect", "how": "bang"}},
            "faults[0].fault.how: input should be 'fin' or 'rst', was 'bang'",
        ),
        ({"fault": {"name": "mute", "x": 1}}, "faults[0].fault.x: is no parameter of this, was 1"),
        ({"fault": {"name": "message_dropped"}}, "faults[0].fault.message: field required"),
        (
            {"fault": {"name": "message_dropped", "message": "tick"}},
            "faults[0].fault.message: must be one of tickPrice",
        ),
        ({"fault": {"name": "request_swallowed", "request": "x"}}, "faults[0].fault.request: must be one of Calculate"),
        ({"fault": {"name": "quote_set", "bid": 2, "ask": 1}}, "faults[0].fault: ask 1.0 must not be below bid 2.0"),
        ({"fault": {"name": "partial_fills", "smallest": 9, "largest": 2}}, "faults[0].fault: largest 2 must not be"),
        (
            {"fault": "mute", "for": "soon"},
            "faults[0].for: must be a length of time such as 30s, 500ms, 2m or 1h, was 'soon'",
        ),
        ({"fault": "mute", "for": -1}, "faults[0].for: must be a length of time"),
        ({"fault": "mute", "seed": "x"}, "faults[0].seed: must be a whole number, was 'x'"),
        ({"fault": "mute", "whenn": {}}, "faults[0].whenn: is unknown; use when, fault, for, seed"),
        ({"fault": "mute", "when": {"at": "25:00"}}, "faults[0].when.at: must be a time of day"),
        (
            {"fault": "mute", "when": {"at": "2024-03-05T10:00"}},
            "faults[0].when.at: must be a time of day on the exchange's clock such as 10:15, or",
        ),
        ({"fault": "mute", "when": {"order": 0}}, "faults[0].when.order: input should be greater than 0, was 0"),
        (
            {"fault": "mute", "when": {"order": 1, "fill": 2}},
            "faults[0].when: one trigger is allowed, found order and fill",
        ),
        (
            {"fault": "mute", "when": {"at": "10:00", "times": 2}},
            "faults[0].when: times above 1 with `at` or `after` needs",
        ),
        ({"fault": "mute", "when": {"order": 1, "every": 5}}, "faults[0].when: every goes with `at` or `after` only"),
        ({"fault": "mute", "when": {"times": 2}}, "faults[0].when: times and probability need a trigger"),
        ({"fault": "mute", "when": {"connect": 1, "client": 2}}, "faults[0].when: connect counts connections before"),
        ({"fault": "mute", "when": {"request": {"Nothing": 1}}}, "faults[0].when.request: unknown request 'Nothing'"),
        ({"fault": "mute", "when": {"request": "ReqIds"}}, "faults[0].when.request: must be one request with a count"),
        (
            {"fault": "mute", "when": {"probability": 2}},
            "faults[0].when.probability: input should be less than or equal",
        ),
        (
            {"fault": "mute", "when": {"client": 1}},
            "faults[0].when.client: mute is about every client, leave it out, was 1",
        ),
        ("mute", "faults[0]: must be a mapping with when, fault, for, seed, was 'mute'"),
    ],
)
def test_mistakes_name_place_value_and_cure(item: object, problem: str) -> None:
    (told,) = mistakes([item])
    assert told.startswith(problem)


def test_all_mistakes_are_told_at_once() -> None:
    told = mistakes(
        {"seed": "x", "more": 1, "faults": [{"fault": "nope", "for": "x"}, {"fault": "mute", "when": {"x": 1}}]}
    )
    assert [line.partition(":")[0] for line in told] == [
        "more",
        "seed",
        "faults[0].fault.name",
        "faults[0].for",
        "faults[1].when.x",
    ]


@pytest.mark.parametrize("raw", [None, [], {}, {"faults": {}}, "text", 5])
def test_a_scenario_without_faults_is_refused(raw: object) -> None:
    assert mistakes(raw) == ("faults: must be a list of at least one entry {when: ..., fault: ..., for: ...}",)


@pytest.mark.parametrize("text", ["a: [", "\x00", "- !!python/object:os.system {}"])
def test_what_is_no_yaml_is_refused_with_its_path(tmp_path: Path, text: str) -> None:
    with pytest.raises(BadScenario, match=r"scenario\.yaml: is no YAML"):
        read(tmp_path, text)


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(BadScenario, match=r"none\.yaml: cannot be read"):
        read_scenario(tmp_path / "none.yaml")


def test_mistakes_in_a_file_carry_its_path(tmp_path: Path) -> None:
    with pytest.raises(BadScenario, match=r"scenario\.yaml: faults\[0\]\.fault\.name: 'no'"):
        read(tmp_path, "- {fault: 'no'}")


def test_every_fault_says_what_it_does_and_is_a_value() -> None:
    needed: dict[str, dict[str, object]] = {
        "port_moved": {"port": 5000},
        "notice": {"code": 2110},
        "quote_set": {"bid": 1, "ask": 2},
        "request_swallowed": {"request": "ReqIds"},
    }
    for name, kind in FAULTS.items():
        more = needed.get(name, {"message": "error"} if "answers" in kind.model_fields else {})
        fault = kind.model_validate({"name": name, **more})
        assert fault == kind.model_validate(fault.model_dump())
        assert fault.name == name
        assert kind.__doc__
        assert kind.clock in {"market", "host"}


def test_the_page_of_faults_lists_each_with_tests_that_exist() -> None:
    root = Path(__file__).parents[4]
    page = (root / "docs" / "gateway-faults.md").read_text(encoding="utf-8")
    rows = [
        [cell.strip() for cell in line.strip("|").split(" | ")] for line in page.splitlines() if line.startswith("| `")
    ]
    listed = {row[0].strip("`| "): row for row in rows if row[0].strip("`| ") in FAULTS}
    tests = "".join(path.read_text() for path in (root / "tests/component/gateway/faults").glob("test_*.py"))
    assert set(listed) == set(FAULTS)
    for name, row in listed.items():
        proof = row[-1].strip("`| ")
        assert f"def {proof}(" in tests, f"{name}: {proof}"
        for field in FAULTS[name].model_fields:
            assert field == "name" or f"`{field}" in row[1], f"{name}: parameter {field} is not listed"
