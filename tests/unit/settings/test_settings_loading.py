"""Layers: defaults < file < .env and environment < command line."""

from collections.abc import Mapping
from decimal import Decimal
from pathlib import Path

import pytest

from daemon.domain.errors import ConfigError, ForbiddenError
from daemon.settings.environment import KNOWN
from daemon.settings.faults import field_at
from daemon.settings.loading import LoadedSettings, load_settings
from daemon.settings.model import Settings
from daemon.settings.output import config_hash


class Loader:
    """Loads what a test writes down."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def __call__(
        self,
        text: str | None = None,
        overrides: Mapping[str, object] | None = None,
        environ: Mapping[str, str] | None = None,
        env_file: str | None = None,
    ) -> LoadedSettings:
        path = None
        if text is not None:
            path = self.folder / "paperd.yaml"
            path.write_text(text, encoding="utf-8")
        dotenv = self.folder / ".env"
        if env_file is not None:
            dotenv.write_text(env_file, encoding="utf-8")
        return load_settings(path, overrides or {}, environ or {}, env_file=dotenv)


@pytest.fixture
def load(tmp_path: Path) -> Loader:
    return Loader(tmp_path)


def test_without_anything_the_defaults_run(load: Loader) -> None:
    loaded = load()
    assert loaded.settings == Settings()
    assert (loaded.source, loaded.hash, loaded.notes, loaded.secrets) == ("defaults", config_hash(Settings()), (), ())


@pytest.mark.parametrize("text", ["", "# nothing\n", "ib:\nmarket:\n", "---\n{}\n", "\ufeffib:\n"])
def test_an_empty_file_or_heading_is_the_defaults(load: Loader, text: str) -> None:
    assert load(text).settings == Settings()


def test_each_layer_lies_over_the_one_before(load: Loader) -> None:
    text = "ib: {port: 1001, client_id: 1, host: a}\nmonitors: {health_s: 1}\n"
    env_file = "PAPERD_IB__CLIENT_ID=2\nPAPERD_IB__HOST=b # a comment\nPAPERD_MONITORS__HEALTH_S=2\n"
    environ = {"PAPERD_IB__HOST": "c", "PAPERD_MONITORS__HEALTH_S": "3"}
    settings = load(text, {"monitors.health_s": 4, "market": {"speed": "max"}}, environ, env_file).settings
    assert (settings.ib.port, settings.ib.client_id, settings.ib.host) == (1001, 2, "c")
    assert (settings.monitors.health_s, settings.market.speed) == (4.0, "max")


def test_lists_and_mappings_in_the_environment_are_json(load: Loader) -> None:
    strategies = '[{"id": "a", "symbols": ["SPY"], "timeframes": ["1m"], "capital": 5, "parameters": {"fast": 2}}]'
    environ = {
        "PAPERD_STRATEGIES": strategies,
        "PAPERD_IB__BACKOFF_S": "[1, 2]",
        "PAPERD_COMBINATION__WEIGHTS__5M": "1",
    }
    settings = load(environ=environ).settings
    assert [strategy.parameters for strategy in settings.strategies] == [{"fast": 2}]
    assert settings.ib.backoff_s == (1.0, 2.0)
    assert [(str(frame), weight) for frame, weight in settings.combination.weights.items()] == [("5m", 1.0)]


def test_empty_and_null_variables(load: Loader) -> None:
    environ = {"PAPERD_IB__PORT": "", "PAPERD_LIMITS__ACCOUNT__POSITION_LOSS": "null", "PAPERD_CONFIG": "x.yaml"}
    settings = load(environ=environ).settings
    assert settings.ib.port == 4002
    assert settings.limits.account.position_loss is None


def test_names_of_earlier_systems(load: Loader) -> None:
    environ = {
        "MAX_DAILY_LOSS_PCT": "0.03",
        "MAX_SINGLE_POSITION_PCT": "0.08",
        "STARTING_CAPITAL": "100500.22",
        "LOG_FILE": "logs/x.log",
        "DRY_RUN": "true",
        "PAPER_TRADING": "true",
    }
    settings = load(environ=environ).settings
    assert settings.limits.account.daily_loss_fraction == Decimal("0.03")
    assert settings.limits.account.position_fraction == Decimal("0.08")
    assert settings.market.initial_cash == Decimal("100500.22")
    assert settings.logs.paper_log_file == Path("logs/x.log")
    assert settings.dry_run
    assert all(field_at(key) is not None for key in KNOWN.values())
    assert load(environ={"DRY_RUN": "true", "PAPERD_DRY_RUN": "false"}).settings.dry_run is False


def test_names_that_nothing_uses_yet_are_noted_and_their_secrets_known(load: Loader) -> None:
    loaded = load(env_file="ALPACA_API_KEY=key-in-dotenv\nALPACA_SECRET_KEY=very-secret\nREBALANCE_TIME=15:50\n")
    assert len(loaded.notes) == 3
    assert "very-secret" not in " ".join(loaded.notes)
    assert loaded.secrets == ("key-in-dotenv", "very-secret")


def test_the_journals_password_is_a_secret(load: Loader) -> None:
    loaded = load("journal: {url: 'postgresql://me:${DB_PASSWORD}@db/paperd'}", environ={"DB_PASSWORD": "hunter22"})
    assert loaded.secrets == ("postgresql://me:hunter22@db/paperd", "hunter22")
    assert "hunter22" not in repr(loaded.settings)


def test_variables_in_yaml(load: Loader) -> None:
    text = """
ib:
  port: ${PORT}
  host: "gw-${NAME:-none}.lan"
  account: ${UNSET:-}
strategies:
  - {id: a, symbols: [SPY], timeframes: [1m], capital: 5, parameters: {fast: "${FAST}", note: "$${FAST}"}}
  - id: b
    symbols: [SPY]
    timeframes: [1m]
    capital: 5
    parameters:
      fast: ${FAST}
"""
    settings = load(text, environ={"PORT": "7497", "FAST": "3"}).settings
    assert (settings.ib.port, settings.ib.host, settings.ib.account) == (7497, "gw-none.lan", None)
    assert [dict(s.parameters) for s in settings.strategies] == [{"fast": "3", "note": "${FAST}"}, {"fast": 3}]


def test_yaml_is_the_core_schema(load: Loader) -> None:
    text = """
strategies:
  - &first
    id: a
    symbols: [ON, NO, Y]
    timeframes: [1m]
    capital: 1e3
    parameters: {time: 15:50, count: 010, yes: no, big: 1_000, day: 2026-03-02, empty: ~}
  - <<: *first
    id: b
"""
    first, second = load(text).settings.strategies
    assert first.symbols == ("ON", "NO", "Y")
    assert first.capital == 1000
    assert first.parameters == {
        "time": "15:50", "count": 10, "yes": "no", "big": "1_000", "day": "2026-03-02", "empty": None,
    }  # fmt: skip
    assert second == first.model_copy(update={"id": "b"})


@pytest.mark.parametrize(
    ("overrides", "environ", "cause", "cure"),
    [
        ({"mode": "live"}, {}, "mode: 'live'", "Use mode paper"),
        ({"ib.port": 7496}, {}, "live port of TWS", "4002"),
        ({"ib.port": 4001, "mode": "ibkr_paper"}, {}, "live port of IB Gateway", "7497"),
        ({"ib.account": "U123"}, {}, "no paper account", "begin with D"),
        ({"market.account": "U123"}, {}, "no paper account", "begin with D"),
        ({}, {"PAPER_TRADING": "false"}, "PAPER_TRADING=false", "Remove it"),
    ],
)
def test_what_is_forbidden(
    load: Loader, overrides: dict[str, object], environ: dict[str, str], cause: str, cure: str
) -> None:
    with pytest.raises(ForbiddenError) as caught:
        load(None, overrides, environ)
    assert cause in caught.value.cause
    assert cure in caught.value.cure
    overrides = {**overrides, "logs.level": "loud"}
    with pytest.raises(ConfigError) as both:
        load(None, overrides, environ)
    assert [cause in fault for fault in both.value.faults] == [False, True]
