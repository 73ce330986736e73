"""A cheaply made class is the frozen dataclass it was, but for the guard against assignments."""

from dataclasses import FrozenInstanceError, dataclass, field, fields, replace

import pytest

from daemon.domain.cheap import cheaply_made


@dataclass(frozen=True, slots=True, kw_only=True)
class Guarded:
    number: int
    name: str = "a"
    parts: list[int] = field(default_factory=list)

    def __post_init__(self) -> None:
        if self.number < 0:
            raise ValueError(f"number must be >= 0, was {self.number}")


@cheaply_made
@dataclass(frozen=True, slots=True, kw_only=True)
class Cheap:
    number: int
    name: str = "a"
    parts: list[int] = field(default_factory=list)

    def __post_init__(self) -> None:
        if self.number < 0:
            raise ValueError(f"number must be >= 0, was {self.number}")


@cheaply_made
@dataclass(frozen=True, slots=True)
class Pair:
    first: int
    second: int = 2


@cheaply_made
@dataclass(frozen=True, slots=True)
class Triple(Pair):
    third: int = 3


def test_fields_defaults_and_checks_are_the_same() -> None:
    assert [each.name for each in fields(Cheap)] == [each.name for each in fields(Guarded)]
    one, other = Cheap(number=1), Cheap(number=1)
    assert (one.number, one.name, one.parts) == (1, "a", [])
    assert one.parts is not other.parts
    with pytest.raises(ValueError, match="was -1"):
        Cheap(number=-1)
    with pytest.raises(TypeError):
        Cheap(1)  # type: ignore[call-arg]
    with pytest.raises(TypeError):
        Cheap()  # type: ignore[call-arg]


def test_equality_hash_and_replacement_are_the_same() -> None:
    assert Cheap(number=1) == Cheap(number=1) != Cheap(number=2)
    assert hash(Pair(1)) == hash(Pair(1, 2))
    assert replace(Cheap(number=1), name="b") == Cheap(number=1, name="b")
    assert repr(Pair(1)) == "Pair(first=1, second=2)"


def test_a_class_that_inherits_takes_all_fields_by_place_or_name() -> None:
    assert Triple(1) == Triple(1, 2, 3) == Triple(1, third=3)


def test_only_the_guard_is_gone() -> None:
    with pytest.raises(FrozenInstanceError):
        Guarded(number=1).number = 2  # type: ignore[misc]
    made = Cheap(number=1)
    made.number = 2  # type: ignore[misc]
    assert made == Cheap(number=2)
    with pytest.raises(AttributeError):
        made.other = 1  # type: ignore[attr-defined]
