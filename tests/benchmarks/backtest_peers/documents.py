"""Parts of a document that a program writes: what stands between two marks."""

from pathlib import Path


def marks(name: str) -> tuple[str, str]:
    """Return the lines around a part."""
    return f"<!-- {name}: begin -->", f"<!-- {name}: end -->"


def require(path: Path, names: tuple[str, ...]) -> None:
    """Raise SystemExit when `path` has no place for one of the parts."""
    text = path.read_text()
    for name in names:
        begin, end = marks(name)
        if begin not in text or end not in text.partition(begin)[2]:
            raise SystemExit(f"{path} has no lines {begin} and {end}")


def put(path: Path, name: str, content: str) -> None:
    """Replace a part."""
    begin, end = marks(name)
    require(path, (name,))
    head, _, rest = path.read_text().partition(begin)
    path.write_text(f"{head}{begin}\n{content.strip()}\n{end}{rest.partition(end)[2]}")
