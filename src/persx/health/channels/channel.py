"""The shape of an alert channel: something that takes a message somewhere, or says why not."""

from __future__ import annotations

from typing import Literal, Protocol

import msgspec

from persx.health.alerts import Alert
from persx.model.errors import PersxError

TIMEOUT_SECONDS = 10.0


class NotSent(PersxError):
    """A message could not be delivered now. Neither address nor password are in the text."""


class AlertSettings(msgspec.Struct, frozen=True, kw_only=True):
    """Where alerts go, as the operator says; empty switches a channel off."""

    webhook: str = ""
    email_to: str = ""
    email_from: str = ""
    smtp_host: str = ""
    smtp_port: int = 587
    smtp_user: str = ""
    smtp_password: str = ""
    smtp_security: Literal["starttls", "tls", "none"] = "starttls"
    timeout: float = TIMEOUT_SECONDS


class AlertChannel(Protocol):
    """A way to tell people. `name` is what settings and pages call it."""

    @property
    def name(self) -> str: ...

    def ready(self, settings: AlertSettings) -> bool:
        """Tell whether the settings say where to send."""
        ...

    def send(self, alert: Alert, settings: AlertSettings) -> None:
        """Deliver a message; called in a thread, and again after a failure.

        Raises:
            NotSent: It did not arrive, as far as can be known.
        """
        ...
