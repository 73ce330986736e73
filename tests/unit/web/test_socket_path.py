"""How long a socket's path may be."""

from pathlib import Path

import pytest

from daemon.domain.errors import ConfigError
from daemon.web.socket_path import checked_socket_path


def test_a_path_of_107_bytes_is_the_longest() -> None:
    longest = Path("/" + "x" * 106)
    assert checked_socket_path(longest) == longest
    with pytest.raises(ConfigError, match=r"is 108 bytes long .* choose a shorter --state directory"):
        checked_socket_path(Path("/" + "x" * 107))


def test_bytes_count_not_characters() -> None:
    with pytest.raises(ConfigError, match="is 109 bytes long"):
        checked_socket_path(Path("/" + "ü" * 54))
