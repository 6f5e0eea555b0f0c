"""Settings of one persx process: flags, then PERSX_* variables, then persx.toml in the home."""

from __future__ import annotations

import os
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import msgspec
from msgspec import Meta

from persx.model.errors import BadInput, did_you_mean

Port = Annotated[int, Meta(ge=0, le=65_535, description="a whole number from 0 to 65535")]
Rows = Annotated[int, Meta(ge=1, le=10**9, description="a whole number from 1 to 1000000000")]
Pages = Annotated[int, Meta(ge=0, le=1_000, description="a whole number from 0 to 1000")]
Megabytes = Annotated[int, Meta(ge=50, le=10**6, description="a whole number from 50 to 1000000")]
Seconds = Annotated[float, Meta(gt=0, le=86_400, description="a number above 0, at most 86400")]
Interval = Annotated[float, Meta(ge=0, le=86_400, description="a number from 0 to 86400")]
Url = Annotated[
    str, Meta(pattern=r"^(https?://\S+)?\Z", description="an address that begins with https://")
]
SmtpPort = Annotated[int, Meta(ge=1, le=65_535, description="a whole number from 1 to 65535")]
SmtpSecurity = Annotated[
    str, Meta(pattern=r"^(starttls|tls|none)\Z", description="starttls, tls or none")
]
Hour = Annotated[int, Meta(ge=0, le=23, description="a whole number from 0 to 23")]
Share = Annotated[float, Meta(ge=0, le=1, description="a number from 0 to 1")]
Switch = Annotated[bool, Meta(description="true or false")]
Networks = Annotated[
    str,
    Meta(
        pattern=r"^([0-9A-Fa-f:.]+(/[0-9]{1,3})?( *, *[0-9A-Fa-f:.]+(/[0-9]{1,3})?)*)?\Z",
        description="addresses and networks such as 10.0.0.0/8, parted by commas",
    ),
]


class ServerSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What an operator may set; every field is a flag, a PERSX_ variable and a persx.toml key.

    Attributes:
        host: Address to listen on.
        port: Port to listen on; 0 takes a free one.
        public_url: Where visitors reach the server, such as ``https://www.example.com``; cookies
            are ``Secure`` when it begins with https, or a trusted proxy says so.
        store: Where profiles, the workspace and decisions are kept: the name of a backend, or a
            URL whose scheme is one.
        stream: Where events are logged; empty means where the store says.
        warehouse: Where events are analysed; empty means where the store says.
        write_key: Public key: collect events, decide for its bearer.
        server_key: Secret key: verified events, decide for anyone.
        admin_password: Password of the studio's first user.
        seal_rows: Events that may stay in the hot log before they are sealed.
        seal_seconds: Time between looks at the hot log.
        retention_seconds: Time between looks for what is kept for too long.
        bots: Whether what looks like a bot counts nothing, by its user agent or by `bot_pages`.
        bot_pages: A device that views more pages within a minute counts as a bot until it has
            viewed none for an hour; 0 for any number.
        network_file: A database in MaxMind's format, from which the workspace may take hints; a
            relative path begins in the home.
        trusted_proxies: Addresses and networks, parted by commas, whose ``X-Forwarded-For`` and
            ``X-Forwarded-Proto`` are believed.
        probe_seconds: Time between two walks of the probes through the site; 0 for none.
        probe_url: The address that the probes walk, such as the public one; empty means this
            process itself.
        health_seconds: Time between looks at the objectives.
        alert_webhook: Where alerts are posted as JSON that Slack understands; a secret.
        alert_email_to: Who gets alerts by e-mail: addresses, parted by commas.
        alert_email_from: Who they are from; the first of those who get them unless set.
        smtp_host: The mail server.
        smtp_port: Its port.
        smtp_user: The account there, if it wants one.
        smtp_password: Its password.
        smtp_security: ``starttls``, ``tls`` from the beginning, or ``none``.
        reviews: Whether a serving process makes the review of each week and month that is over.
        review_hour: From this hour of the day after its end on, as the workspace's zone has it.
        review_email_to: Who gets reviews by e-mail, over the mail server of the alerts: addresses,
            parted by commas; those who get alerts unless set.
        train_megabytes: What training a recommender may use of the memory; what would take more is
            refused before it begins.
        traces: Where traces go: the address of an OpenTelemetry collector, such as
            ``http://localhost:4318``; empty makes none. It needs the extra ``otel``.
        traces_share: The share of requests that are traced, 0 to 1.
    """

    host: str = "127.0.0.1"
    port: Port = 8321
    public_url: Url = ""
    store: str = "sqlite"
    stream: str = ""
    warehouse: str = ""
    write_key: str = ""
    server_key: str = ""
    admin_password: str = ""
    seal_rows: Rows = 50_000
    seal_seconds: Seconds = 30.0
    retention_seconds: Seconds = 600.0
    bots: Switch = True
    bot_pages: Pages = 60
    network_file: str = ""
    trusted_proxies: Networks = "127.0.0.1,::1"
    probe_seconds: Interval = 900.0
    probe_url: Url = ""
    health_seconds: Seconds = 30.0
    alert_webhook: Url = ""
    alert_email_to: str = ""
    alert_email_from: str = ""
    smtp_host: str = ""
    smtp_port: SmtpPort = 587
    smtp_user: str = ""
    smtp_password: str = ""
    smtp_security: SmtpSecurity = "starttls"
    reviews: Switch = True
    review_hour: Hour = 7
    review_email_to: str = ""
    train_megabytes: Megabytes = 2_000
    traces: Url = ""
    traces_share: Share = 1.0


def load_settings(
    home: Path | None,
    *,
    environment: Mapping[str, str] | None = None,
    flags: Mapping[str, Any] | None = None,
) -> ServerSettings:
    """Return the settings that hold: defaults ← persx.toml ← PERSX_* ← flags that are set.

    An empty variable is one that is not set.

    Raises:
        BadInput: A file or value cannot be used; the message says where it was given.
    """
    environment = os.environ if environment is None else environment
    fields = {field.name: field for field in msgspec.structs.fields(ServerSettings)}
    given: dict[str, tuple[str, Any]] = {}
    path = home / "persx.toml" if home else None
    if path and path.exists():
        for name, value in _read(path).items():
            if name not in fields:
                raise BadInput(
                    f"Unknown setting '{name}' in {path}.",
                    value=name,
                    hint=did_you_mean(name, fields),
                )
            given[name] = (f"'{name}' in {path}", value)
    for name in fields:
        if text := environment.get(f"PERSX_{name.upper()}"):
            given[name] = (f"PERSX_{name.upper()}", text)
    for name, value in (flags or {}).items():
        if value is not None:
            given[name] = (f"--{name}", value)
    return ServerSettings(**{name: _value(fields[name], *said) for name, said in given.items()})


def _read(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise BadInput(f"{path} is not TOML: {error}.", value=str(path)) from error


def _value(field: msgspec.structs.FieldInfo, place: str, value: Any) -> Any:
    try:
        return msgspec.convert(value, field.type, strict=False)
    except msgspec.ValidationError as error:
        told = getattr(field.type, "__metadata__", ())
        wanted = told[0].description if told else "text"
        raise BadInput(f"{place} is {value!r}; it should be {wanted}.", value=value) from error
