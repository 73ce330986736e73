"""The options of `paperd gateway` that are about faults: what is refused before anything starts."""

from pathlib import Path

import pytest

from daemon.cli.gateway import gateway
from daemon.domain.errors import ConfigError


def test_a_scenario_with_mistakes_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "scenario.yaml"
    path.write_text("- {fault: earthquake}\n")
    with pytest.raises(ConfigError, match=r"faults\[0\]\.fault\.name: 'earthquake' is unknown"):
        gateway(symbols="SPY", scenario=path)


def test_control_without_a_token_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("GATEWAY_CONTROL_TOKEN", raising=False)
    with pytest.raises(ConfigError, match="--control: needs a token"):
        gateway(symbols="SPY", control=0)


def test_control_with_a_short_token_or_none_to_read_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "token"
    with pytest.raises(ConfigError, match=r"--control-token-file: .*token cannot be read"):
        gateway(symbols="SPY", control=0, control_token_file=path)
    path.write_text("short\n")
    with pytest.raises(ConfigError, match="at least 16 characters"):
        gateway(symbols="SPY", port=0, control=0, control_token_file=path)
