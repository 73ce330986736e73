"""YAML's core schema (1.2): only true and false are booleans, 010 is ten, 15:50 and ON are text.

PyYAML's own rules (1.1) would turn the symbol ON into true and the time 15:50 into 950.
"""

import re
from typing import Any, Final

import yaml

NULL: Final = "tag:yaml.org,2002:null"
BOOL: Final = "tag:yaml.org,2002:bool"
INT: Final = "tag:yaml.org,2002:int"
FLOAT: Final = "tag:yaml.org,2002:float"
TEXT: Final = "tag:yaml.org,2002:str"
MERGE: Final = "tag:yaml.org,2002:merge"

_FLOAT: Final = (
    r"^(?:[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?|[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN))$"
)
_RULES: Final = (
    (NULL, r"^(?:~|null|Null|NULL|)$", ["~", "n", "N", ""]),
    (BOOL, r"^(?:true|True|TRUE|false|False|FALSE)$", list("tTfF")),
    (INT, r"^[-+]?[0-9]+$", list("-+0123456789")),
    (FLOAT, _FLOAT, list("-+.0123456789")),
    (MERGE, r"^<<$", ["<"]),
)


class CoreLoader(yaml.SafeLoader):
    """Reads the core schema."""


class CoreDumper(yaml.SafeDumper):
    """Writes it."""

    def ignore_aliases(self, data: Any) -> bool:
        """Write equal lists out in full each time."""
        return True


for _kind in (CoreLoader, CoreDumper):
    _kind.yaml_implicit_resolvers = {}
    for _tag, _pattern, _first in _RULES:
        _kind.add_implicit_resolver(_tag, re.compile(_pattern), _first)


def scalar(tag: str, text: str) -> object:
    """Return the value that `text` stands for under `tag`.

    Raises:
        ValueError: the tag is not of the core schema, or the text does not fit it.
    """
    if tag == TEXT:
        return text
    if tag == NULL:
        return None
    if tag == BOOL:
        if text.lower() not in ("true", "false"):
            raise ValueError("must be true or false")
        return text.lower() == "true"
    if tag == INT:
        return int(text)
    if tag == FLOAT:
        return float(text.lower().replace(".inf", "inf").replace(".nan", "nan"))
    raise ValueError(f"has the tag {tag}, which is not supported; remove it")
