"""Editing a document's text: some of its fields get another value, everything else stays."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping

from persx.model.errors import BadInput
from persx.workspace.source import load

Plain = str | int | float | bool


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
    after, faults = load(edited, file)
    wanted = {**before.value, **values} if before and isinstance(before.value, dict) else None
    if faults or after is None or after.value != wanted:
        told = ", ".join(f"{name}: {json.dumps(value)}" for name, value in values.items())
        raise BadInput(
            f"{file} is written in a form that is not edited by machine.",
            value=file,
            hint=f"Write this into it, then push and publish:  {told}",
        )
    return edited
