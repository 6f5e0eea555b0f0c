"""The log channel: alerts as lines of the process's log, always there."""

from __future__ import annotations

import logging
from typing import Final

import msgspec

from persx.health.alerts import Alert
from persx.health.channels.channel import AlertSettings

_log: Final = logging.getLogger("persx.alerts")


class LogChannel(msgspec.Struct, frozen=True):
    """Writes a warning, or a note that it is over."""

    name: str = "log"

    def ready(self, settings: AlertSettings) -> bool:
        """Tell that there is always a log."""
        return True

    def send(self, alert: Alert, settings: AlertSettings) -> None:
        """Write the message in one line."""
        level = logging.WARNING if alert.kind == "confirmed" else logging.INFO
        _log.log(level, "%s. %s", alert.headline, "; ".join(alert.lines))
