"""Every log event of the program is in docs/log-events.md, under its level, and the other way round."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
LEVELS = frozenset({"debug", "info", "warning", "error", "critical"})
FORM = re.compile(r"[a-z][a-z0-9]*(?:_[a-z0-9]+)*\.(?P<verb>[a-z]+(?:_[a-z]+)*)")
IRREGULAR = frozenset({"began", "came", "cut", "fell", "found", "gone", "held", "left", "lost", "made", "met", "overran", "paid"}
                      | {"ran", "read", "rose", "said", "sent", "set", "shut", "spent", "stuck", "taken", "told", "undecodable", "unannounced", "withdrawn"})


def events_in(source: str) -> Iterator[tuple[str, str | None]]:
    """Yield each event that `source` logs, with its level where the call says it."""
    for node in ast.walk(ast.parse(source)):
        if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Attribute):
            continue
        method = node.func.attr
        texts = [argument.value for argument in node.args[:2] if isinstance(argument, ast.Constant)]
        events = [text for text in texts if isinstance(text, str)]
        if method in LEVELS and _is_log(node.func.value) and node.args:
            yield (events[0] if events else f"{ast.unparse(node.args[0])} is no literal"), method
        elif method == "log" and events and "." in events[0]:
            yield events[0], None


def _is_log(node: ast.expr) -> bool:
    name = node.id if isinstance(node, ast.Name) else node.attr if isinstance(node, ast.Attribute) else ""
    return name.lstrip("_") == "log"


def logged() -> dict[str, set[str]]:
    found: dict[str, set[str]] = {}
    for path in sorted((ROOT / "daemon").rglob("*.py")):
        for event, level in events_in(path.read_text(encoding="utf-8")):
            found.setdefault(event, set()).update({level} if level else ())
    return found


def documented() -> dict[str, str]:
    rows = (ROOT / "docs" / "log-events.md").read_text(encoding="utf-8").splitlines()
    cells = [[cell.strip() for cell in row.strip("|").split("|")] for row in rows if row.startswith("| `")]
    events = [row[0].strip("`") for row in cells]
    assert sorted(events) == sorted(set(events)), "an event is in the table twice"
    return {event: row[1] for event, row in zip(events, cells, strict=True)}


def test_events_are_found_in_every_form_of_call() -> None:
    source = """
log.info("bar.completed", symbol=symbol)
self._log.warning("order.refused")
log.log(level, "library.reported")
log.bind(a=1).log("order.sent", b=2)
math.log(2.0); self.ring.info("not.a_log"); log.error(name)
"""
    assert list(events_in(source)) == [
        ("bar.completed", "info"),
        ("order.refused", "warning"),
        ("library.reported", None),
        ("order.sent", None),
        ("name is no literal", "error"),
    ]


@pytest.mark.parametrize("event", sorted(logged()))
def test_every_event_is_a_noun_and_a_past_verb(event: str) -> None:
    match = FORM.fullmatch(event)
    assert match, f"{event}: write noun.past_verb"
    words = match["verb"].split("_")
    assert any(word.endswith("ed") or word in IRREGULAR for word in words), f"{event}: say what happened"


def test_every_event_is_documented() -> None:
    assert sorted(set(logged()) - set(documented())) == []


def test_every_documented_event_is_logged() -> None:
    assert sorted(set(documented()) - set(logged())) == []


def test_levels_are_documented() -> None:
    table = documented()
    wrong = {event: levels for event, levels in logged().items() if not all(level in table[event] for level in levels)}
    assert wrong == {}
