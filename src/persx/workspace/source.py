"""YAML text as plain values that remember their lines; hostile or surprising YAML is refused."""

from __future__ import annotations

import math
import re
import unicodedata
from dataclasses import dataclass, field
from typing import Any, Final, TypeAlias

import yaml

from persx.model.errors import Fault

Keys: TypeAlias = tuple[str, ...]
"""Where a value is in a document: the keys on the way, list positions as digits."""

MAX_CHARACTERS: Final = 1_000_000
MAX_NODES: Final = 100_000
MAX_DEPTH: Final = 40

_INTEGER: Final = re.compile(r"[-+]?(0|[1-9][0-9]*)")
_FLOAT: Final = re.compile(r"[-+]?(\.[0-9]+|(0|[1-9][0-9]*)(\.[0-9]*)?)([eE][-+]?[0-9]+)?")
_CONTROL: Final = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]")
_WORDS: Final = {
    **dict.fromkeys(("", "~", "null", "Null", "NULL"), None),
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
}
_LARGEST: Final = 2**53
_PARSER: Final = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


@dataclass(frozen=True, slots=True)
class Source:
    """One document as plain values, with the line (from 1) on which each of them begins."""

    value: Any = None
    lines: dict[Keys, int] = field(default_factory=dict)

    def line(self, keys: Keys) -> int:
        """Return the line of the value at `keys`, or of the nearest one around it."""
        while keys and keys not in self.lines:
            keys = keys[:-1]
        return self.lines.get(keys, 0)


def load(text: str, file: str) -> tuple[Source | None, list[Fault]]:
    """Read one YAML document, as YAML 1.2 means it, with everything wrong in its form.

    Plain words stay text but for ``true``, ``false`` and ``null`` (so ``no``, ``on`` and dates
    are text), and so do numbers with leading zeros. Keys are always text. Text is brought to
    Unicode's NFC, so that what looks the same is the same. Refused: duplicate keys, tags, merge
    keys, control characters, more than one document, and anything too large, too deep, or
    growing too large through aliases.

    Returns:
        The document (none where it is not YAML at all), and the faults.
    """
    refused = _unreadable(text, file)
    if refused is not None:
        return None, [refused]
    builder = _Builder(file)
    try:
        for event in yaml.parse(text, Loader=_PARSER):
            builder.take(event)
    except _Refused as refusal:
        return None, [*builder.faults, refusal.fault]
    except yaml.YAMLError as error:
        return None, [*builder.faults, _not_yaml(error, text, file)]
    return Source(builder.root, builder.lines), builder.faults


def _unreadable(text: str, file: str) -> Fault | None:
    if len(text) > MAX_CHARACTERS:
        return Fault(
            file=file,
            message=f"The file is larger than {MAX_CHARACTERS:,} characters.",
            hint="Split it into several documents.",
        )
    try:
        text.encode()
    except UnicodeEncodeError as error:
        return Fault(
            file=file,
            line=text.count("\n", 0, error.start) + 1,
            message="The file is not UTF-8 text.",
            hint="Save it with the encoding UTF-8.",
        )
    return None


def _not_yaml(error: yaml.YAMLError, text: str, file: str) -> Fault:
    mark = getattr(error, "problem_mark", None)
    problem = getattr(error, "problem", None) or getattr(error, "reason", None) or "unreadable"
    hint = ""
    lines = text.splitlines()
    written = lines[mark.line] if mark and mark.line < len(lines) else ""
    if "\t" in written[: len(written) - len(written.lstrip())]:
        hint = "Indent with spaces, not tabs."
    elif "mapping values are not allowed" in problem:
        hint = "Put text that holds ': ' in quotes, and check the indentation."
    elif "expected <block end>" in problem or "could not find expected" in problem:
        hint = "Check the indentation and the quotes on this line and the one before."
    place = f" (line {mark.line + 1}, column {mark.column + 1})" if mark else ""
    line = mark.line + 1 if mark else 0
    if isinstance(error, yaml.reader.ReaderError):
        refused = error.character if isinstance(error.character, str) else chr(error.character)
        line = text.count("\n", 0, max(text.find(refused), 0)) + 1
        place, hint = f" ({refused!r})", "Remove it; files of a workspace are plain text."
    return Fault(
        file=file,
        line=line,
        message=f"Not YAML: {problem}{place}.",
        hint=hint,
    )


class _Refused(Exception):
    """The rest of the file is not read."""

    def __init__(self, fault: Fault) -> None:
        super().__init__(fault.message)
        self.fault = fault


@dataclass(slots=True)
class _Frame:
    """A list or map that is still open."""

    value: list[Any] | dict[str, Any]
    keys: Keys
    anchor: str | None
    key: str | None = None
    ignored: bool = False
    nodes: int = 1
    height: int = 1


@dataclass(frozen=True, slots=True)
class _Anchored:
    value: Any
    nodes: int
    height: int


class _Builder:
    """Builds values from the parser's events, without recursion."""

    def __init__(self, file: str) -> None:
        self.file = file
        self.faults: list[Fault] = []
        self.lines: dict[Keys, int] = {}
        self.root: Any = None
        self._documents = 0
        self._nodes = 0
        self._open: list[_Frame] = []
        self._anchors: dict[str, _Anchored] = {}

    def take(self, event: yaml.Event) -> None:
        """Take the next event of the parser."""
        line = event.start_mark.line + 1 if event.start_mark else 0
        if isinstance(event, yaml.DocumentStartEvent):
            self._documents += 1
            if self._documents > 1:
                raise _Refused(self._fault(line, "The file holds more than one document ('---')."))
        elif isinstance(event, yaml.AliasEvent):
            self._alias(event.anchor or "", line)
        elif isinstance(event, yaml.ScalarEvent):
            self._scalar(event, line)
        elif isinstance(event, (yaml.MappingStartEvent, yaml.SequenceStartEvent)):
            self._begin(event, line)
        elif isinstance(event, (yaml.MappingEndEvent, yaml.SequenceEndEvent)):
            frame = self._open.pop()
            if frame.anchor:
                self._anchors[frame.anchor] = _Anchored(frame.value, frame.nodes, frame.height)
            if self._open:
                self._open[-1].nodes += frame.nodes
                self._open[-1].height = max(self._open[-1].height, frame.height + 1)

    def _fault(self, line: int, message: str, *, value: str = "", hint: str = "") -> Fault:
        path = ".".join(self._place())
        return Fault(file=self.file, line=line, path=path, value=value, message=message, hint=hint)

    def _place(self) -> Keys:
        if not self._open:
            return ()
        frame = self._open[-1]
        if isinstance(frame.value, list):
            return (*frame.keys, str(len(frame.value)))
        return frame.keys if frame.key is None else (*frame.keys, frame.key)

    def _count(self, nodes: int, height: int, line: int) -> None:
        self._nodes += nodes
        if self._nodes > MAX_NODES:
            raise _Refused(
                self._fault(
                    line,
                    f"The file holds more than {MAX_NODES:,} values.",
                    hint="Split it up; what an alias stands for counts each time.",
                )
            )
        if len(self._open) + height > MAX_DEPTH:
            raise _Refused(self._fault(line, f"Nested deeper than {MAX_DEPTH} levels."))

    def _begin(self, event: yaml.MappingStartEvent | yaml.SequenceStartEvent, line: int) -> None:
        self._check_tag(event.tag, line)
        self._count(1, 1, line)
        if self._open and isinstance(self._open[-1].value, dict) and self._open[-1].key is None:
            raise _Refused(self._fault(line, "A key is a list or a map; keys are text."))
        value: list[Any] | dict[str, Any] = {} if isinstance(event, yaml.MappingStartEvent) else []
        keys = self._place()
        self._put(value, line)
        self._open.append(_Frame(value, keys, event.anchor))

    def _alias(self, anchor: str, line: int) -> None:
        known = self._anchors.get(anchor)
        if known is None:
            raise _Refused(
                self._fault(line, "An alias names an anchor that is not before it.", value=anchor)
            )
        self._count(known.nodes, known.height, line)
        if self._open:
            self._open[-1].nodes += known.nodes
            self._open[-1].height = max(self._open[-1].height, known.height + 1)
        if self._open and isinstance(self._open[-1].value, dict) and self._open[-1].key is None:
            raise _Refused(self._fault(line, "A key is an alias; keys are text.", value=anchor))
        self._put(known.value, line)

    def _scalar(self, event: yaml.ScalarEvent, line: int) -> None:
        self._check_tag(event.tag, line)
        self._count(1, 0, line)
        text = event.value if event.value.isascii() else unicodedata.normalize("NFC", event.value)
        if control := _CONTROL.search(text):
            self.faults.append(
                self._fault(
                    line,
                    "Text holds a control character.",
                    value=repr(control[0])[1:-1],
                    hint="Remove it.",
                )
            )
            text = _CONTROL.sub("", text)
        frame = self._open[-1] if self._open else None
        if frame is not None:
            frame.nodes += 1
        if frame is not None and isinstance(frame.value, dict) and frame.key is None:
            self._key(frame, text, event, line)
            return
        value = self._resolve(text, line) if event.implicit[0] and not event.style else text
        self._put(value, line)
        if event.anchor:
            self._anchors[event.anchor] = _Anchored(value, 1, 0)

    def _key(self, frame: _Frame, text: str, event: yaml.ScalarEvent, line: int) -> None:
        frame.key = text
        if text == "<<" and event.implicit[0]:
            frame.ignored = True
            self.faults.append(
                self._fault(line, "Merge keys ('<<') are not read.", hint="Write the fields out.")
            )
        elif text in frame.value:
            frame.ignored = True
            first = self.lines[(*frame.keys, text)]
            self.faults.append(
                self._fault(
                    line,
                    f"'{text}' is written twice (first on line {first}).",
                    value=text,
                    hint="Keep one of them.",
                )
            )
        else:
            self.lines[(*frame.keys, text)] = line

    def _put(self, value: Any, line: int) -> None:
        if not self._open:
            self.root = value
            self.lines[()] = line
            return
        frame = self._open[-1]
        if isinstance(frame.value, list):
            self.lines[self._place()] = line
            frame.value.append(value)
            return
        if frame.key is not None and not frame.ignored:
            frame.value[frame.key] = value
        frame.key, frame.ignored = None, False

    def _resolve(self, text: str, line: int) -> Any:
        if text in _WORDS:
            return _WORDS[text]
        if len(text) <= 25 and _INTEGER.fullmatch(text):
            number: int | float = int(text)
        elif len(text) <= 40 and _FLOAT.fullmatch(text):
            number = float(text)
        else:
            return text
        if abs(number) > _LARGEST or not math.isfinite(number):
            self.faults.append(
                self._fault(
                    line, "The number is too large.", value=text, hint="Put it in quotes if text."
                )
            )
            return 0
        return number

    def _check_tag(self, tag: str | None, line: int) -> None:
        if tag is not None:
            self.faults.append(
                self._fault(
                    line,
                    "YAML tags are not read.",
                    value=tag.replace("tag:yaml.org,2002:", "!!"),
                    hint="Remove the tag; put text that looks like a number in quotes.",
                )
            )
