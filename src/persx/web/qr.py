"""QR codes as a path of SVG: drawn here, so that no other site learns what is in them."""

from __future__ import annotations

import msgspec


class QrCode(msgspec.Struct, frozen=True):
    """A QR code.

    Attributes:
        size: Modules along a side, with the quiet zone that readers want around it.
        path: The dark modules, as the data of an SVG path in these units.
    """

    size: int
    path: str


QUIET = 4


def qr_code(text: str) -> QrCode:
    """Return the QR code of a text, at the error correction that is usual on screens.

    >>> qr_code("otpauth://totp/x?secret=ABC").size
    33
    """
    import segno  # Only who sets up a second factor waits for it.

    rows = segno.make_qr(text, error="m").matrix
    parts = []
    for y, row in enumerate(rows, QUIET):
        x = 0
        while x < len(row):
            length = 1
            while x + length < len(row) and row[x + length] == row[x]:
                length += 1
            if row[x]:
                parts.append(f"M{x + QUIET} {y}h{length}v1h-{length}z")
            x += length
    return QrCode(size=len(rows) + 2 * QUIET, path="".join(parts))
