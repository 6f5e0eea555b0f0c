"""Alert channels: one file each, listed here; packages may add theirs by entry point."""

from __future__ import annotations

from typing import Final

from persx.health.channels.channel import AlertChannel
from persx.health.channels.email import EmailChannel
from persx.health.channels.log import LogChannel
from persx.health.channels.webhook import WebhookChannel
from persx.model.registry import Registry

ALERT_CHANNELS: Final[Registry[AlertChannel]] = Registry(
    "alert channel", "persx.alert_channels", [LogChannel(), EmailChannel(), WebhookChannel()]
)
"""Every way in which people are told of alerts."""
