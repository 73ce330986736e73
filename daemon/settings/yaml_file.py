"""The configuration file: YAML in, a layer out, with the line of every key and all that is wrong with its form."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Final

import yaml

from daemon.settings import yaml_core
from daemon.settings.faults import Fault, Key, spelled
from daemon.settings.layers import Layer

_LARGEST_BYTES: Final = 4 << 20
_VARIABLE: Final = re.compile(r"\$\$\{|\$\{([A-Za-z_][A-Za-z0-9_]*)(?::-([^}]*))?\}")


def read_yaml(path: Path, environ: Mapping[str, str]) -> Layer:
    """Return the layer of a file; what cannot be read is in its faults.

    `${VAR}` and `${VAR:-default}` in values are taken from `environ`; `$${` stands for a plain `${`.
    """
    try:
        if path.stat().st_size > _LARGEST_BYTES:
            return _unreadable(path, f"larger than {_LARGEST_BYTES >> 20} MiB; this is no configuration file")
        text = path.read_bytes().decode("utf-8-sig")
    except FileNotFoundError:
        return _unreadable(path, "no such file; name another with -c, or leave -c out to run the defaults")
    except UnicodeDecodeError as error:
        return _unreadable(path, f"byte {error.start} is not UTF-8; save the file as UTF-8")
    except OSError as error:
        return _unreadable(path, f"cannot be read: {error.strerror}; make it a readable file")
    return parse_yaml(text, path.name, environ)


def parse_yaml(text: str, name: str, environ: Mapping[str, str]) -> Layer:
    """Return the layer of YAML `text`, which `name` says where to find."""
    try:
        loader = yaml_core.CoreLoader(text)
        return _Reading(loader, name, environ).layer(loader.get_single_node())
    except yaml.MarkedYAMLError as error:
        return Layer(faults=(_syntax_fault(name, error),))
    except yaml.YAMLError as error:
        return Layer(faults=(f"{name}: … is not YAML: {error}; remove the unprintable character".replace("\n", " "),))
    except RecursionError:
        return Layer(faults=(f"{name}: … is nested too deeply; no setting needs more than a few levels",))


def _unreadable(path: Path, problem: str) -> Layer:
    return Layer(faults=(f"{path}: … {problem}",))


def _syntax_fault(name: str, error: yaml.MarkedYAMLError) -> str:
    mark = error.problem_mark or error.context_mark
    place = f"line {mark.line + 1}, column {mark.column + 1}" if mark else "somewhere"
    said = " ".join(part for part in (error.context, error.problem) if part)
    return f"{name}: {place} … is not YAML: {said}; mend it there, indent with spaces, quote values with : # {{ [ or %"


class _Reading:
    """One walk over the nodes of a file."""

    def __init__(self, loader: yaml_core.CoreLoader, name: str, environ: Mapping[str, str]) -> None:
        self._loader = loader
        self._name = name
        self._environ = environ
        self._origins: dict[Key, str] = {}
        self._faults: list[str] = []
        self._broken: set[Key] = set()
        self._open: set[int] = set()  # nodes being read, to notice one that contains itself
        self._flat: set[int] = set()  # mappings whose merges are done

    def layer(self, root: yaml.Node | None) -> Layer:
        if root is None:
            return Layer()
        values = self._value(root, ())
        if values is None:
            values = {}
        if not isinstance(values, dict):
            self._faults.append(f"{self._name}: … must be a mapping; write one `section:` a line, its keys below it")
            values = {}
        return Layer(
            values=values,
            origins=self._origins,
            broken=frozenset(self._broken),
            faults=tuple(self._faults),
        )

    def _value(self, node: yaml.Node, key: Key) -> object:
        if key:
            self._origins[key] = self._place(node)
        if isinstance(node, yaml.ScalarNode):
            return self._scalar(node, key)
        if id(node) in self._open:
            self._fault(Fault(key=key, problem="contains itself", cure="remove the alias"), node)
            return None
        self._open.add(id(node))
        try:
            if isinstance(node, yaml.SequenceNode):
                return [self._value(item, (*key, index)) for index, item in enumerate(node.value)]
            return self._mapping(node, key) if isinstance(node, yaml.MappingNode) else None
        finally:
            self._open.discard(id(node))

    def _mapping(self, node: yaml.MappingNode, key: Key) -> dict[str, object]:
        if id(node) not in self._flat:
            self._flat.add(id(node))
            self._refuse_duplicates(node, key)
            self._loader.flatten_mapping(node)
        values: dict[str, object] = {}
        for name, item in node.value:
            if isinstance(name, yaml.ScalarNode):
                values[name.value] = self._value(item, (*key, name.value))
            else:
                self._fault(Fault(key=key, problem="has a key that is no word", cure="write `key: value`"), name)
        return values

    def _refuse_duplicates(self, node: yaml.MappingNode, key: Key) -> None:
        first: dict[str, int] = {}
        for name, _ in node.value:
            if not isinstance(name, yaml.ScalarNode) or name.tag == yaml_core.MERGE:
                continue
            if name.value in first:
                cure = f"keep one; the first is in line {first[name.value]}"
                self._fault(Fault(key=(*key, name.value), problem="is there twice", cure=cure), name)
            else:
                first[name.value] = name.start_mark.line + 1

    def _scalar(self, node: yaml.ScalarNode, key: Key) -> object:
        text, tag = node.value, node.tag
        if "${" in text:
            text = self._substituted(node, key)
            if node.style is None:  # unquoted: what was put in may be a number
                tag = self._loader.resolve(yaml.ScalarNode, text, (True, False))  # type: ignore[no-untyped-call]
        try:
            return yaml_core.scalar(tag, text)
        except ValueError as error:
            self._fault(Fault(key=key, value=text, problem=str(error), cure=""), node)
            return None

    def _substituted(self, node: yaml.ScalarNode, key: Key) -> str:
        def filled(match: re.Match[str]) -> str:
            name, default = match[1], match[2]
            if name is None:
                return "${"
            value = self._environ.get(name)
            if default is not None:
                return value or default
            if value is None:
                cure = f"set it, put it in .env, or write ${{{name}:-default}}"
                self._fault(
                    Fault(key=key, value=node.value, problem=f"{name} is not in the environment", cure=cure), node
                )
            return value or ""

        if "${" in _VARIABLE.sub("", node.value):
            cure = "write ${NAME} or ${NAME:-default}, and $${ for a plain ${"
            self._fault(Fault(key=key, value=node.value, problem="has a ${ that names no variable", cure=cure), node)
        return _VARIABLE.sub(filled, node.value)

    def _place(self, node: yaml.Node) -> str:
        return f"{self._name} line {node.start_mark.line + 1}"

    def _fault(self, fault: Fault, node: yaml.Node) -> None:
        self._broken.add(fault.key)
        self._faults.append(fault.line(self._place(node)) if spelled(fault.key) else f"{self._name}{fault.line()}")
