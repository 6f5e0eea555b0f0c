"""Taking a request's body apart into messages, so that one bad message spoils no other."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any, Final

import msgspec

from persx.model.errors import BadInput

MAX_BATCH: Final = 500 << 10
"""Bytes of a body, after decompression."""

MAX_EVENTS: Final = 10_000
"""Messages of a batch."""

Id = str | int | float | None


class Envelope(msgspec.Struct, frozen=True, kw_only=True):
    """What a request says beside its messages, and the messages as they were sent."""

    write_key: str = ""
    sent_at: str | int | float | None = None
    context: dict[str, Any] = {}
    messages: Sequence[msgspec.Raw | bytes] = ()


class _Head(msgspec.Struct, rename="camel"):
    write_key: str | None = None
    sent_at: str | int | float | None = None
    context: dict[str, Any] | None = None


class _Batch(_Head, kw_only=True):
    batch: list[msgspec.Raw]


_head = msgspec.json.Decoder(_Head)
_batch = msgspec.json.Decoder(_Batch)
_FAILURES: Final = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)

# A string that is not closed is a token too, so that no text is scanned twice.
_TOKEN: Final = re.compile(rb'"[^"\\]*+(?:\\.[^"\\]*+)*+("?)|[\[\]{},:]', re.DOTALL)


def open_single(body: bytes) -> Envelope:
    """Return the envelope of a body that is one message.

    Raises:
        BadInput: It is too long. What else is wrong with it, its one message tells.
    """
    body = _bounded(body)
    try:
        head = _head.decode(body)
    except _FAILURES:
        return Envelope(messages=[body])
    # The context of the only message is the message's own.
    return Envelope(write_key=head.write_key or "", sent_at=head.sent_at, messages=[body])


def open_batch(body: bytes) -> Envelope:
    """Return the envelope of a body with a ``batch`` of messages.

    Messages are not read yet: what JSON does not allow inside one of them (NaN, half a
    surrogate pair, a thousand brackets) leaves the others alone.

    Raises:
        BadInput: The body is too long, or no object with a list ``batch``.
    """
    body = _bounded(body)
    head: _Head
    messages: Sequence[msgspec.Raw | bytes]
    try:
        head = opened = _batch.decode(body)
        messages = opened.batch
    except msgspec.ValidationError as error:
        raise BadInput(f"The body is not a batch: {error}.") from error
    except _FAILURES as error:
        fields, messages = _split(body, str(error))
        rest = b",".join(name + b":" + value for name, value in fields.items())
        try:
            head = _head.decode(b"{" + rest + b"}")
        except _FAILURES as error:
            raise BadInput(f"The body cannot be read: {error}.") from error
    if len(messages) > MAX_EVENTS:
        raise BadInput(
            f"The batch has {len(messages)} messages.", hint=f"Send at most {MAX_EVENTS} at once."
        )
    return Envelope(
        write_key=head.write_key or "",
        sent_at=head.sent_at,
        context=head.context or {},
        messages=messages,
    )


def depth_exceeds(raw: bytes, limit: int) -> bool:
    """Tell whether lists and objects are nested deeper than `limit`."""
    if raw.count(b"{") + raw.count(b"[") <= limit:
        return False
    depth = 0
    for token in _TOKEN.finditer(raw):
        mark = token[0]
        if mark in b"[{":
            depth += 1
            if depth > limit:
                return True
        elif mark in b"]}":
            depth -= 1
    return False


def _bounded(body: bytes) -> bytes:
    if len(body) > MAX_BATCH:
        raise BadInput(
            f"The body has {len(body)} bytes.", hint=f"Send at most {MAX_BATCH} at once."
        )
    return body.removeprefix(b"\xef\xbb\xbf")


def _split(body: bytes, why: str) -> tuple[dict[bytes, bytes], list[bytes]]:
    """Cut a body that is not JSON as a whole at the commas of its outer object and its batch."""
    malformed = BadInput(f"The body is not JSON: {why}.")
    fields: dict[bytes, bytes] = {}
    messages: list[bytes] = []
    has_batch = False
    depth = start = 0
    key = word = b""
    for token in _TOKEN.finditer(body):
        mark = token[0]
        if mark[:1] == b'"':
            if not token[1]:
                raise malformed
            word = mark if depth == 1 else word
            continue
        inside = depth == 2 and key == b'"batch"' and has_batch
        if inside and mark in b"]},":
            if mark == b"}":
                continue  # Too many of them spoil the message that they follow, and no other.
            part = body[start : token.start()].strip()
            if part or mark == b",":
                messages.append(part)
            start = token.end()
        elif depth == 1 and mark in b"}," and key and key != b'"batch"':
            fields[key] = body[start : token.start()]
        if mark in b"[{":
            depth += 1
            if depth == 2 and key == b'"batch"' and mark == b"[":
                has_batch, start = True, token.end()
        elif mark in b"]}":
            depth -= 1
            if depth == 0:
                if mark == b"}" and has_batch and not body[token.end() :].strip():
                    return fields, messages
                raise malformed
        elif mark == b":" and depth == 1:
            key, start = word, token.end()
        elif mark == b"," and depth == 1:
            key = b""
    raise malformed
