"""The webhook channel: a JSON message that Slack, Mattermost and others understand."""

from __future__ import annotations

import urllib.error
import urllib.request
from http.client import HTTPException
from typing import Any, Final

import msgspec

from persx.health.alerts import Alert
from persx.health.channels.channel import AlertSettings, NotSent

_LONGEST: Final = 2_900
"""Characters of a section of a message in Slack, with some to spare."""


class _NoRedirects(urllib.request.HTTPRedirectHandler):
    """A message goes where the operator said, and nowhere else."""

    def redirect_request(self, *_: Any, **__: Any) -> None:
        """Follow nothing."""


_OPENER: Final = urllib.request.build_opener(_NoRedirects)


def message(alert: Alert) -> dict[str, Any]:
    """Return an alert as an incoming webhook of Slack takes it.

    ``metadata`` is for programs: the alert's id, which is the same in every attempt, the objective
    and its subjects.
    """
    mark = "🔴" if alert.kind == "confirmed" else "🟢"
    _, _, details = alert.text.partition("\n\n")
    section = _escape(details)[:_LONGEST]
    return {
        "text": _escape(f"{mark} {alert.headline}"),
        "blocks": [
            {"type": "header",
             "text": {"type": "plain_text", "text": f"{mark} {alert.headline}"[:150]}},
            {"type": "section", "text": {"type": "mrkdwn", "text": section}},
        ],
        "metadata": {
            "event_type": f"persx_objective_{alert.kind}",
            "event_payload": {
                "id": alert.id,
                "objective": alert.objective,
                "kind": alert.kind,
                "subjects": [each.subject for each in alert.findings],
            },
        },
    }  # fmt: skip


def _escape(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


class WebhookChannel(msgspec.Struct, frozen=True):
    """Posts JSON to the address in the setting `alert_webhook`, which is a secret."""

    name: str = "webhook"

    def ready(self, settings: AlertSettings) -> bool:
        """Tell whether there is an address."""
        return bool(settings.webhook)

    def send(self, alert: Alert, settings: AlertSettings) -> None:
        """Post the message; anything but a 2xx is a failure.

        Raises:
            NotSent: Nobody answered, or with an error.
        """
        body = msgspec.json.encode(message(alert))
        headers = {"Content-Type": "application/json", "Idempotency-Key": alert.id}
        try:
            request = urllib.request.Request(settings.webhook, body, headers, method="POST")
            with _OPENER.open(request, timeout=settings.timeout) as answer:
                answer.read(1_000)
        except urllib.error.HTTPError as error:
            error.close()
            raise NotSent(f"The webhook answered {error.code}.") from None
        except (OSError, ValueError, HTTPException) as error:
            # What the error says may hold the address, which is a secret.
            reason = getattr(error, "reason", error)
            told = reason.strerror if isinstance(reason, OSError) else None
            raise NotSent(f"The webhook: {told or type(reason).__name__}.") from None
