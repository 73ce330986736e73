"""Hashes, YAML and JSON Schema; the shipped file."""

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from daemon.settings.faults import section_at
from daemon.settings.loading import load_settings
from daemon.settings.model import Settings
from daemon.settings.output import config_hash, json_schema, limits_hash, to_commented_yaml, to_yaml

ROOT = Path(__file__).parents[3]
SHIPPED = ROOT / "config" / "paperd.yaml"


def keys_of(section: type[BaseModel], prefix: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    for name in section.model_fields:
        key = (*prefix, name)
        inner = section_at(key)
        if inner is None:
            yield key
        else:
            yield from keys_of(inner, key)


def at(values: Any, key: tuple[str, ...]) -> bool:
    for part in key:
        values = values[0] if isinstance(values, list) else values
        if part not in values:
            return False
        values = values[part]
    return True


def test_the_shipped_file_is_the_defaults() -> None:
    assert load_settings(SHIPPED, {}, {}).settings == Settings()


def test_the_shipped_file_has_every_key_with_a_comment() -> None:
    text = SHIPPED.read_text(encoding="utf-8")
    assert text == to_commented_yaml(Settings()), "config/paperd.yaml = to_commented_yaml(Settings())"
    loaded = json.loads(Settings().model_dump_json())
    assert [key for key in keys_of(Settings) if not at(loaded, key)] == []
    assert max(map(len, text.splitlines())) <= 120


def test_every_key_is_described() -> None:
    sections = [(key[:-1], key[-1]) for key in keys_of(Settings)]
    undescribed = []
    for path, name in sections:
        section = section_at(path)
        assert section is not None
        if not section.model_fields[name].description:
            undescribed.append((*path, name))
    assert undescribed == []


def test_yaml_gives_the_settings_back(tmp_path: Path) -> None:
    overrides = {
        "market.start": "2024-07-03",
        "market.speed": "max",
        "instance": "7",
        "market.commission_rate": "0.00125",
    }
    settings = load_settings(None, overrides, {}).settings
    path = tmp_path / "shown.yaml"
    path.write_text(to_yaml(settings), encoding="utf-8")
    again = load_settings(path, {}, {})
    assert again.settings == settings
    assert again.hash == config_hash(settings)


def test_hashes_do_not_depend_on_order_or_spelling(tmp_path: Path) -> None:
    path = tmp_path / "a.yaml"
    weights = "combination: {weights: {4h: .4, 60m: .3, 15m: .2, 5m: .1}}"
    path.write_text(f"monitors: {{health_s: 300.0}}\nmarket: {{initial_cash: 1e5}}\n{weights}\n", encoding="utf-8")
    assert load_settings(path, {}, {}).hash == config_hash(Settings())


def test_hashes_tell_settings_apart() -> None:
    default = Settings()
    slower = load_settings(None, {"market.speed": 1}, {}).settings
    tighter = load_settings(None, {"limits.account.daily_trades": 19}, {}).settings
    assert config_hash(slower) != config_hash(default)
    assert limits_hash(slower) == limits_hash(default)
    assert limits_hash(tighter) != limits_hash(default)
    strategy = default.strategies[0].model_copy(
        update={"limits": default.strategies[0].limits.model_copy(update={"daily_trades": 9})}
    )
    assert limits_hash(default.model_copy(update={"strategies": (strategy, default.strategies[1])})) != limits_hash(
        default
    )


def test_hashes_are_the_same_in_another_process() -> None:
    program = "from daemon.settings import model, output; print(output.config_hash(model.Settings()))"
    other = subprocess.run(
        [sys.executable, "-c", program],
        capture_output=True,
        text=True,
        check=True,
        cwd=ROOT,
        env={"PYTHONHASHSEED": "7"},
    )
    assert other.stdout.strip() == config_hash(Settings())


def test_secrets_are_neither_shown_nor_hashed() -> None:
    first = load_settings(None, {"journal.url": "postgresql://a:hunter2@x/y"}, {}).settings
    second = load_settings(None, {"journal.url": "postgresql://a:swordfish@x/y"}, {}).settings
    assert config_hash(first) == config_hash(second) != config_hash(Settings())
    for text in (to_yaml(first), to_commented_yaml(first), repr(first), first.model_dump_json()):
        assert "hunter2" not in text


def test_json_schema_describes_the_file() -> None:
    schema = json_schema()
    assert json.loads(json.dumps(schema)) == schema
    assert schema["additionalProperties"] is False
    market = schema["$defs"]["Market"]["properties"]
    assert market["initial_cash"]["type"] == "number"
    assert market["initial_cash"]["exclusiveMinimum"] == 0
    timeframes = schema["$defs"]["StrategySettings"]["properties"]["timeframes"]
    assert timeframes["items"]["pattern"].startswith("^")
