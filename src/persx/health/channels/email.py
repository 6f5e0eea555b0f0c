"""The e-mail channel: alerts by SMTP, with what Python brings along."""

from __future__ import annotations

import smtplib
import ssl
from email.errors import HeaderParseError
from email.message import EmailMessage
from email.utils import formatdate

import msgspec

from persx.health.alerts import Alert
from persx.health.channels.channel import AlertSettings, NotSent


def message(alert: Alert, settings: AlertSettings) -> EmailMessage:
    """Return an alert as a mail; its Message-ID is the same in every attempt."""
    mail = EmailMessage()
    mail["Subject"] = " ".join(alert.headline.split())
    mail["From"] = settings.email_from or settings.email_to.partition(",")[0].strip()
    mail["To"] = settings.email_to
    mail["Date"] = formatdate(alert.at / 1_000)
    mail["Message-ID"] = f"<{alert.id}@persx.invalid>"
    mail["Auto-Submitted"] = "auto-generated"
    mail.set_content(alert.text)
    return mail


class EmailChannel(msgspec.Struct, frozen=True):
    """Sends a plain text mail to the addresses in the setting `alert_email_to`."""

    name: str = "email"

    def ready(self, settings: AlertSettings) -> bool:
        """Tell whether there are a server and somebody to write to."""
        return bool(settings.smtp_host and settings.email_to)

    def send(self, alert: Alert, settings: AlertSettings) -> None:
        """Hand the mail to the server.

        Raises:
            NotSent: The server cannot be reached, or refuses.
        """
        try:
            mail = message(alert, settings)
            with _connected(settings) as server:
                if settings.smtp_security == "starttls":
                    server.starttls(context=ssl.create_default_context())
                if settings.smtp_user:
                    server.login(settings.smtp_user, settings.smtp_password)
                server.send_message(mail)
        except smtplib.SMTPResponseException as error:
            # Its text may repeat what was sent, the password too.
            raise NotSent(f"The mail server answered {error.smtp_code}.") from None
        except smtplib.SMTPRecipientsRefused:
            raise NotSent("The mail server refuses every address.") from None
        except (smtplib.SMTPException, OSError, ValueError, HeaderParseError) as error:
            told = error.strerror if isinstance(error, OSError) else None
            raise NotSent(f"The mail server: {told or type(error).__name__}.") from None


def _connected(settings: AlertSettings) -> smtplib.SMTP:
    if settings.smtp_security == "tls":
        return smtplib.SMTP_SSL(
            settings.smtp_host,
            settings.smtp_port,
            timeout=settings.timeout,
            context=ssl.create_default_context(),
        )
    return smtplib.SMTP(settings.smtp_host, settings.smtp_port, timeout=settings.timeout)
