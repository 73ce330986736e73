"""Every log event of the program is in docs/log-events.md, under its level, and the other way round."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
LEVELS = frozenset({"debug", "info", "warning", "error", "critical"})
EVENT = re.compile(r"[a-z][a-z0-9]*(?:_[a-z0-9]+)*\.(?P<verb>[a-z]+(?:_[a-z]+)*)")
IRREGULAR = frozenset(
    {
        "began",
        "came",
        "cut",
        "fell",
        "found",
        "left",
        "lost",
        "made",
        "overran",
        "rose",
        "said",
        "sent",
        "withdrawn",
        "written",
    }
)


def events_in(source: str) -> Iterator[tuple[str, frozenset[str]]]:
    """Yield each event that `source` logs, with its levels where the call says them.

    Understood are `log.info("…")`, `x.log(level, "…")`, `x.log("…")`, `_log("…")` and `tell("…")` after
    `tell = log.info if … else log.debug`.
    """
    tree = ast.parse(source)
    functions = [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)]
    yield from _direct(tree)
    for function in functions:
        yield from _aliased(function)


def _direct(tree: ast.Module) -> Iterator[tuple[str, frozenset[str]]]:
    for call in _calls(tree):
        literals = [text for text in map(_literal, call.args[:2]) if text is not None]
        name = _name(call.func)
        if name in LEVELS and isinstance(call.func, ast.Attribute) and _is_log(call.func.value):
            yield _event(call), frozenset({name})
        elif name.lstrip("_") == "log" and literals and "." in literals[0]:
            yield literals[0], frozenset()


def _aliased(function: ast.FunctionDef | ast.AsyncFunctionDef) -> Iterator[tuple[str, frozenset[str]]]:
    aliases: dict[str, frozenset[str]] = {}
    for node in ast.walk(function):
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
            choices = [node.value.body, node.value.orelse] if isinstance(node.value, ast.IfExp) else [node.value]
            methods = [choice for choice in choices if isinstance(choice, ast.Attribute) and _is_log(choice.value)]
            if methods:
                aliases[node.targets[0].id] = frozenset(method.attr for method in methods)
    for call in _calls(function):
        if isinstance(call.func, ast.Name) and call.func.id in aliases:
            yield _event(call), aliases[call.func.id]


def _calls(tree: ast.AST) -> Iterator[ast.Call]:
    return (node for node in ast.walk(tree) if isinstance(node, ast.Call) and node.args)


def _event(call: ast.Call) -> str:
    return _literal(call.args[0]) or f"{ast.unparse(call.args[0])} is no literal"


def _name(node: ast.expr) -> str:
    return node.id if isinstance(node, ast.Name) else node.attr if isinstance(node, ast.Attribute) else ""


def _is_log(node: ast.expr) -> bool:
    return _name(node).lstrip("_") == "log"


def _literal(node: ast.expr) -> str | None:
    return node.value if isinstance(node, ast.Constant) and isinstance(node.value, str) else None


def logged() -> dict[str, set[str]]:
    found: dict[str, set[str]] = {}
    for path in sorted((ROOT / "daemon").rglob("*.py")):
        for event, levels in events_in(path.read_text(encoding="utf-8")):
            found.setdefault(event, set()).update(levels)
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
self._log("client.connected", {"a": 1})
def say(bad):
    tell = log.critical if bad else log.warning
    tell("alert.raised", text=text)
def other(tell):
    tell(record)
math.log(2.0); self.ring.info("not.a_log"); log.error(name)
"""
    assert sorted((event, sorted(levels)) for event, levels in events_in(source)) == [
        ("alert.raised", ["critical", "warning"]),
        ("bar.completed", ["info"]),
        ("client.connected", []),
        ("library.reported", []),
        ("name is no literal", ["error"]),
        ("order.refused", ["warning"]),
        ("order.sent", []),
    ]


@pytest.mark.parametrize("event", sorted(logged()))
def test_every_event_is_a_noun_and_a_past_verb(event: str) -> None:
    match = EVENT.fullmatch(event)
    assert match, f"{event}: write noun.past_verb"
    words = match["verb"].split("_")
    assert any(word.endswith("ed") or word in IRREGULAR for word in words), f"{event}: say what happened"


def test_every_event_is_documented() -> None:
    assert sorted(set(logged()) - set(documented())) == []


def test_every_documented_event_is_logged() -> None:
    assert sorted(set(documented()) - set(logged())) == []


def test_levels_are_documented() -> None:
    table = documented()
    wrong = {e: levels for e, levels in logged().items() if e in table and not all(x in table[e] for x in levels)}
    assert wrong == {}
