"""Where the state is kept."""

from pathlib import Path

import pytest

from daemon.settings.places import state_directory

HOME = {"HOME": "/home/me"}


@pytest.mark.parametrize(
    ("option", "environ", "expected"),
    [
        ("/data", {"STATE_DIRECTORY": "/var/lib/paperd"}, "/data"),
        (None, {"STATE_DIRECTORY": "/var/lib/paperd", "XDG_STATE_HOME": "/x"}, "/var/lib/paperd"),
        (None, {"STATE_DIRECTORY": "/var/lib/a:/var/lib/b"}, "/var/lib/a"),
        (None, {"STATE_DIRECTORY": "", "XDG_STATE_HOME": "/x"}, "/x/paperd"),
        (None, {"XDG_STATE_HOME": "relative"}, "/home/me/.local/state/paperd"),
        (None, {}, "/home/me/.local/state/paperd"),
    ],
)
def test_state_directory(option: str | None, environ: dict[str, str], expected: str) -> None:
    assert state_directory(Path(option) if option else None, HOME | environ) == Path(expected)


def test_the_option_may_name_the_home_directory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/home/me")
    assert state_directory(Path("~/p"), {}) == Path("/home/me/p")
