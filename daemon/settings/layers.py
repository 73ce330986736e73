"""A layer of configuration: values, and where each came from, before anything is validated."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from daemon.settings.faults import Fault, Key


@dataclass(frozen=True, slots=True, kw_only=True)
class Layer:
    """Values of one source, nested as in the file."""

    values: Mapping[str, object] = field(default_factory=dict)
    origins: Mapping[Key, str] = field(default_factory=dict)  # key -> "paperd.yaml line 3", "command line", …
    broken: frozenset[Key] = frozenset()  # keys whose fault is among these:
    faults: tuple[str, ...] = ()  # what could not be read at all

    def over(self, lower: "Layer") -> "Layer":
        """Return `lower` with this layer's values laid over it: mappings are merged, all else is replaced."""
        replaced = [key for key in self.origins if not isinstance(_at(self.values, key), Mapping)]
        kept = {
            key: origin
            for key, origin in lower.origins.items()
            if not any(key[: len(over)] == over for over in replaced)
        }
        return Layer(
            values=_merged(lower.values, self.values),
            origins={**kept, **self.origins},
            broken=lower.broken | self.broken,
            faults=lower.faults + self.faults,
        )

    def line(self, fault: Fault) -> str:
        """Return a fault in words with the place it came from."""
        where = (self.origins[key] for key in _upwards(fault.key) if key in self.origins)
        return fault.line(next(where, ""))


def single(key: tuple[str, ...], value: object, origin: str) -> Layer:
    """Return a layer of one value."""
    values: object = value
    for part in reversed(key):
        values = {part: values}
    return Layer(values=values if isinstance(values, dict) else {}, origins={key: origin})


def from_options(options: Mapping[str, object]) -> Layer:
    """Return the layer of the command line; keys may be nested or dotted ("ib.port")."""
    layer = Layer()
    for name, value in options.items():
        for key, leaf in _leaves(tuple(name.split(".")), value):
            layer = single(key, leaf, "command line").over(layer)
    return layer


def _leaves(key: tuple[str, ...], value: object) -> list[tuple[tuple[str, ...], object]]:
    if not isinstance(value, Mapping):
        return [(key, value)]
    return [leaf for name, inner in value.items() for leaf in _leaves((*key, *str(name).split(".")), inner)]


def _upwards(key: Key) -> list[Key]:
    return [key[:length] for length in range(len(key), 0, -1)]


def _at(values: object, key: Key) -> object:
    for part in key:
        if isinstance(values, Mapping) and isinstance(part, str):
            values = values.get(part)
        elif isinstance(values, list) and isinstance(part, int):
            values = values[part]
    return values


def _merged(lower: Mapping[str, object], upper: Mapping[str, object]) -> dict[str, object]:
    merged = dict(lower)
    for name, value in upper.items():
        below = merged.get(name)
        both = isinstance(below, Mapping) and isinstance(value, Mapping)
        merged[name] = _merged(below, value) if both else value  # type: ignore[arg-type]
    return merged
