"""Network databases for tests and trials: small files in MaxMind's format, written here.

The format is MaxMind DB 2.0 (https://maxmind.github.io/MaxMind-DB/): a binary search tree over the
bits of addresses, whose leaves point to records.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping
from ipaddress import IPv4Network, IPv6Network, ip_network
from pathlib import Path
from typing import Any, Final

_SEPARATOR: Final = bytes(16)
_MARKER: Final = b"\xab\xcd\xefMaxMind.com"
_BUILT: Final = 1_763_769_600


def write_network_file(
    path: Path, networks: Mapping[str, Mapping[str, Any]], *, ip_version: int = 6
) -> None:
    """Write a database with a record for each network.

    Args:
        path: Where; the file is put there whole, as one that replaces another should be.
        networks: Network, such as ``81.2.69.0/24`` → its record. A narrower one wins.
        ip_version: 6 for both kinds of addresses, 4 for IPv4 alone.
    """
    fresh = path.with_name(path.name + ".new")
    fresh.write_bytes(network_file(networks, ip_version=ip_version))
    fresh.replace(path)


def network_file(networks: Mapping[str, Mapping[str, Any]], *, ip_version: int = 6) -> bytes:
    """Return the bytes of such a database.

    >>> b"MaxMind.com" in network_file({"81.2.69.0/24": {"country": {"iso_code": "GB"}}})
    True
    """
    nodes: list[list[int | None]] = [[None, None]]
    data, places = bytearray(), dict[str, int]()
    ordered = sorted(map(ip_network, networks), key=lambda each: each.prefixlen)
    records = {str(ip_network(name)): record for name, record in networks.items()}
    for network in ordered:
        name = str(network)
        places[name] = len(data)
        data += encoded(records[name])
        _insert(nodes, _bits(network, ip_version), -1 - places[name])
    count = len(nodes)
    tree = bytearray()
    for node in nodes:
        for child in node:
            if child is None:
                pointer = count
            elif child < 0:
                pointer = count + len(_SEPARATOR) + (-1 - child)
            else:
                pointer = child
            tree += pointer.to_bytes(4, "big")
    metadata = {
        "binary_format_major_version": 2,
        "binary_format_minor_version": 0,
        "build_epoch": _BUILT,
        "database_type": "persx-Test",
        "description": {"en": "Written by persx.testing"},
        "ip_version": ip_version,
        "languages": ["en"],
        "node_count": count,
        "record_size": 32,
    }
    return bytes(tree) + _SEPARATOR + bytes(data) + _MARKER + encoded(metadata)


def _bits(network: IPv4Network | IPv6Network, ip_version: int) -> str:
    bits = f"{int(network.network_address):0{network.max_prefixlen}b}"[: network.prefixlen]
    if ip_version == 6 and network.version == 4:
        return "0" * 96 + bits
    if ip_version == 4 and network.version == 6:
        raise ValueError(f"{network} does not fit into a database of IPv4 addresses.")
    return bits


def _insert(nodes: list[list[int | None]], bits: str, leaf: int) -> None:
    at = 0
    for bit in map(int, bits[:-1]):
        child = nodes[at][bit]
        if child is None or child < 0:
            # A wider network's record goes on to hold for what the narrower one leaves over.
            nodes.append([child, child])
            nodes[at][bit] = child = len(nodes) - 1
        at = child
    nodes[at][int(bits[-1])] = leaf


def encoded(value: Any) -> bytes:
    """Return a value as the format's data section has it."""
    match value:
        case bool():
            return _control(14, int(value))
        case str():
            text = value.encode()
            return _control(2, len(text)) + text
        case float():
            return _control(3, 8) + struct.pack(">d", value)
        case int():
            number = value.to_bytes((value.bit_length() + 7) // 8, "big")
            return _control(9 if len(number) > 4 else 6, len(number)) + number
        case Mapping():
            parts = b"".join(encoded(key) + encoded(each) for key, each in value.items())
            return _control(7, len(value)) + parts
        case list() | tuple():
            return _control(11, len(value)) + b"".join(map(encoded, value))
    raise TypeError(f"A {type(value).__name__} has no place in a network database.")


def _control(kind: int, size: int) -> bytes:
    if size < 29:
        first, more = size, b""
    elif size < 285:
        first, more = 29, bytes([size - 29])
    else:
        first, more = 30, (size - 285).to_bytes(2, "big")
    if kind > 7:
        return bytes([first, kind - 7]) + more
    return bytes([kind << 5 | first]) + more
