"""Editing a document's text: some of its fields get another value, everything else stays."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

import yaml

from persx.model.errors import BadInput
from persx.workspace.source import load

Plain = str | int | float | bool
Keys = tuple[str | int, ...]
"""Where a value stands: names in maps, places in lists."""


def with_fields(text: str, file: str, values: Mapping[str, Plain]) -> str:
    """Return a YAML document with other values in some of its top-level fields.

    Comments and order stay as somebody wrote them.

    Raises:
        BadInput: The text is written so that only a person can edit it.

    >>> print(with_fields("# A test.\\narms: {a: default, b: targeted}\\n", "e.yaml", {"epoch": 2}))
    # A test.
    arms: {a: default, b: targeted}
    epoch: 2
    <BLANKLINE>
    """
    before, _ = load(text, file)
    edited = text
    for name, value in values.items():
        line = f"{name}: {json.dumps(value, ensure_ascii=False)}"
        edited, found = re.subn(
            rf"^{re.escape(name)}[ \t]*:(?=[ \t]|$).*$",
            lambda _, line=line: line,  # type: ignore[misc]
            edited,
            count=1,
            flags=re.MULTILINE,
        )
        if not found:
            edited = f"{edited.rstrip()}\n{line}\n"
    wanted = {**before.value, **values} if before and isinstance(before.value, dict) else None
    told = ", ".join(f"{name}: {json.dumps(value)}" for name, value in values.items())
    return _checked(edited, file, wanted, told)


def with_values(text: str, file: str, values: Mapping[Keys, Plain]) -> str:
    """Return a YAML document with other values in some places of its maps and lists.

    Comments and order stay as somebody wrote them. What is not there yet is put behind what its
    map has.

    Raises:
        BadInput: The text is written so that only a person can edit it.

    >>> text = "one: # First.\\n  sources:\\n    - recommender: ease # Linear.\\n"
    >>> place = ("one", "sources", 0)
    >>> print(with_values(text, "p.yaml", {(*place, "config", "history"): 5}))
    one: # First.
      sources:
        - recommender: ease # Linear.
          config: {history: 5}
    <BLANKLINE>
    """
    before, _ = load(text, file)
    wanted = json.loads(json.dumps(before.value)) if before is not None else None
    told = ", ".join(
        f"{'.'.join(map(str, keys))}: {json.dumps(value)}" for keys, value in values.items()
    )
    edited = text
    try:
        for keys, value in values.items():
            _put(wanted, keys, value)
            edited = _with_value(edited, keys, value)
    except (yaml.YAMLError, LookupError, TypeError):
        # What comes of it is not what is wanted, and is refused.
        wanted = None
    return _checked(edited, file, wanted, told)


def _checked(edited: str, file: str, wanted: object, told: str) -> str:
    """Return an edited document if it says what it should.

    Raises:
        BadInput: It does not.
    """
    after, faults = load(edited, file)
    if wanted is None or faults or after is None or after.value != wanted:
        raise BadInput(
            f"{file} is written in a form that is not edited by machine.",
            value=file,
            hint=f"Write this into it, then push and publish:  {told}",
        )
    return edited


def _put(tree: Any, keys: Keys, value: Plain) -> None:
    for key in keys[:-1]:
        tree = tree.setdefault(key, {}) if isinstance(tree, dict) else tree[key]
    tree[keys[-1]] = value


def _with_value(text: str, keys: Keys, value: Plain) -> str:
    node = yaml.compose(text, Loader=yaml.SafeLoader)
    for depth, key in enumerate(keys):
        if isinstance(node, yaml.SequenceNode):
            node = node.value[int(key)]
            continue
        if not isinstance(node, yaml.MappingNode):
            raise LookupError(key)
        found = next((child for name, child in node.value if name.value == key), None)
        if found is None:
            return _with_entry(text, node, keys[depth:], value)
        node = found
    if not isinstance(node, yaml.ScalarNode):
        raise LookupError(keys)
    return text[: node.start_mark.index] + json.dumps(value) + text[node.end_mark.index :]


def _with_entry(text: str, node: yaml.MappingNode, keys: Keys, value: Plain) -> str:
    """Return the text with another entry behind those that a map has."""
    written = json.dumps(value, ensure_ascii=False)
    for key in reversed(keys[1:]):
        written = f"{{{key}: {written}}}"
    entry = f"{keys[0]}: {written}"
    if node.flow_style:
        # Right behind the last entry: a comma may follow that, and comments.
        end = node.value[-1][1].end_mark.index if node.value else node.start_mark.index + 1
        return f"{text[:end]}{', ' if node.value else ''}{entry}{text[end:]}"
    # A block ends where the next thing begins: comments and empty lines before that are not its.
    last = node.value[-1][1]
    while not isinstance(last, yaml.ScalarNode) and last.value and not last.flow_style:
        last = last.value[-1][1] if isinstance(last, yaml.MappingNode) else last.value[-1]
    end = len(text[: last.end_mark.index].rstrip())
    end = at if (at := text.find("\n", end)) >= 0 else len(text)
    indent = " " * node.value[0][0].start_mark.column
    return f"{text[:end]}\n{indent}{entry}{text[end:]}"
