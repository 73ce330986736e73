"""The bounded cache."""

import pytest

from daemon.market.recent import Recent


def test_cache_makes_a_value_once_and_drops_the_one_unused_for_longest() -> None:
    made: list[str] = []

    def make(key: str) -> str:
        made.append(key)
        return key.upper()

    cache: Recent[str, str] = Recent(2)
    for key in "abacab":
        assert cache.get(key, lambda key=key: make(key)) == key.upper()  # type: ignore[misc]
    assert made == ["a", "b", "c", "b"]
    assert len(cache) == 2


def test_cache_of_nothing_is_refused() -> None:
    with pytest.raises(ValueError, match="at least one"):
        Recent(0)
