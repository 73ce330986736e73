"""Variables come from the service's credential where there is one."""

from pathlib import Path

import pytest

from daemon.cli.settings_options import loaded


def test_the_credential_of_the_service_takes_the_place_of_the_env_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / ".env").write_text("PAPERD_IB__CLIENT_ID=21\n")
    credentials = tmp_path / "credentials"
    credentials.mkdir()
    monkeypatch.chdir(tmp_path)
    assert loaded(None, {}).settings.ib.client_id == 21
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(credentials))
    assert loaded(None, {}).settings.ib.client_id == 21  # systemd has loaded none of ours
    (credentials / "paperd.env").write_text("PAPERD_IB__CLIENT_ID=22\n")
    assert loaded(None, {}).settings.ib.client_id == 22
