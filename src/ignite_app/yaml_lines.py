"""Where a value stands in a YAML file. Decides nothing about what it may be."""

from typing import Final

import yaml

Path = tuple[str, ...]
MAX_DEPTH: Final = 12
"""Deeper than any settings; also the end of a document that contains itself."""


def lines_of(text: str) -> dict[Path, int]:
    """The line (from 1) of every key and list item, by path: ("pmta", "vmtas", "0", "ip").

    Of a key that is given twice the last counts, as for the loader. Empty for what is not YAML.
    """
    found: dict[Path, int] = {}
    try:
        root = yaml.compose(text, Loader=yaml.SafeLoader)
    except yaml.YAMLError:
        return found
    open_nodes: list[tuple[Path, yaml.Node | None]] = [((), root)]
    while open_nodes:
        path, node = open_nodes.pop()
        if len(path) >= MAX_DEPTH:
            continue
        if isinstance(node, yaml.MappingNode):
            for key, value in node.value:
                below = (*path, str(key.value))
                found[below] = key.start_mark.line + 1
                open_nodes.append((below, value))
        elif isinstance(node, yaml.SequenceNode):
            for index, value in enumerate(node.value):
                below = (*path, str(index))
                found[below] = value.start_mark.line + 1
                open_nodes.append((below, value))
    return found


def nearest(lines: dict[Path, int], path: Path) -> int | None:
    """The line of `path`, or of the nearest thing around it that is there (a missing key has no line)."""
    while path:
        if path in lines:
            return lines[path]
        path = path[:-1]
    return None
