"""Settings of one persx process: flags, then PERSX_* variables, then persx.toml in the home."""

from __future__ import annotations

import os
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec

from persx.model.errors import BadInput, did_you_mean


class ServerSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What an operator may set; every field is a flag, a PERSX_ variable and a persx.toml key.

    Attributes:
        host: Address to listen on.
        port: Port to listen on; 0 takes a free one.
        public_url: Where visitors reach the server, such as ``https://www.example.com``; cookies
            are ``Secure`` when it begins with https.
        store: Where profiles, the workspace and decisions are kept: the name of a backend, or a
            URL whose scheme is one.
        stream: Where events are logged; empty means where the store says.
        warehouse: Where events are analysed; empty means where the store says.
        write_key: Public key: collect events, decide for its bearer.
        server_key: Secret key: verified events, decide for anyone.
        admin_password: Password of the studio's first user.
        seal_rows: Events that may stay in the hot log before they are sealed.
        seal_seconds: Time between looks at the hot log.
        bots: Whether requests that look like bots count nothing.
    """

    host: str = "127.0.0.1"
    port: int = 8321
    public_url: str = ""
    store: str = "sqlite"
    stream: str = ""
    warehouse: str = ""
    write_key: str = ""
    server_key: str = ""
    admin_password: str = ""
    seal_rows: int = 50_000
    seal_seconds: float = 30.0
    bots: bool = True


def load_settings(
    home: Path | None,
    *,
    environment: Mapping[str, str] | None = None,
    flags: Mapping[str, Any] | None = None,
) -> ServerSettings:
    """Return the settings that hold: defaults ← persx.toml ← PERSX_* ← flags that are set.

    Raises:
        BadInput: A file or value cannot be used; the message names it.
    """
    environment = os.environ if environment is None else environment
    names = [field.name for field in msgspec.structs.fields(ServerSettings)]
    values: dict[str, Any] = {}
    path = home / "persx.toml" if home else None
    if path and path.exists():
        try:
            values |= tomllib.loads(path.read_text(encoding="utf-8"))
        except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
            raise BadInput(f"{path} is not TOML: {error}.", value=str(path)) from error
        for name in values:
            if name not in names:
                raise BadInput(
                    f"Unknown setting '{name}' in {path}.",
                    value=name,
                    hint=did_you_mean(name, names),
                )
    for name in names:
        if (text := environment.get(f"PERSX_{name.upper()}")) is not None:
            values[name] = text
    values |= {name: value for name, value in (flags or {}).items() if value is not None}
    try:
        return msgspec.convert(values, ServerSettings, strict=False)
    except msgspec.ValidationError as error:
        raise BadInput(f"A setting cannot be used: {error}.") from error
