"""Alert channels against local sinks: what arrives, what is said of failures, and no secrets."""

from __future__ import annotations

import logging
import socket
import threading
from collections.abc import Iterator
from typing import Any

import pytest
from msgspec.structs import replace

from persx.health.alerts import Alert
from persx.health.channels import ALERT_CHANNELS
from persx.health.channels.channel import AlertSettings, NotSent
from persx.health.judging import Finding
from persx.model.health import ObjectiveState
from tests.health.sinks import MailSink, WebhookSink, mail_sink, webhook_sink

ALERT = Alert(
    id="a1b2c3",
    kind="confirmed",
    at=1_795_000_000_000,
    site="Shop <&> Co",
    objective="content-works",
    title="Content that fails",
    description="It gives way to default content.",
    target="at most 0.1%",
    findings=tuple(
        Finding(
            subject=f"hero-{n} · SaaS", state=ObjectiveState.CONFIRMED, since=0, value=0.5,
            numerator=10, denominator=20, why="Confirmed.",
        )
        for n in range(12)
    ),
    url="https://shop.example/admin/health",
)  # fmt: skip


@pytest.fixture
def hook() -> Iterator[WebhookSink]:
    with webhook_sink() as sink:
        yield sink


@pytest.fixture
def post() -> Iterator[MailSink]:
    with mail_sink() as sink:
        yield sink


def mail_settings(sink: MailSink, **more: Any) -> AlertSettings:
    return AlertSettings(
        email_to="ops@shop.example, boss@shop.example", email_from="persx@shop.example",
        smtp_host="127.0.0.1", smtp_port=sink.port, smtp_security="none", **more,
    )  # fmt: skip


def test_the_webhook_gets_what_slack_understands(hook: WebhookSink) -> None:
    ALERT_CHANNELS["webhook"].send(ALERT, AlertSettings(webhook=hook.url))
    (message,) = hook.messages
    assert message["text"] == "🔴 Shop &lt;&amp;&gt; Co: Content that fails misses its objective"
    assert [each["type"] for each in message["blocks"]] == ["header", "section"]
    details = message["blocks"][1]["text"]["text"]
    assert "hero-0 · SaaS: 10 of 20 (50.0%) Confirmed." in details
    assert "and 2 more" in details
    assert "https://shop.example/admin/health" in details
    assert message["metadata"]["event_payload"]["id"] == "a1b2c3"
    assert hook.headers[0]["Idempotency-Key"] == "a1b2c3"


def test_the_mail_is_plain_and_has_the_same_id_each_time(post: MailSink) -> None:
    for _ in range(2):
        ALERT_CHANNELS["email"].send(ALERT, mail_settings(post))
    first, second = post.mails
    assert first["To"] == "ops@shop.example, boss@shop.example"
    assert first["From"] == "persx@shop.example"
    assert first["Subject"] == ALERT.headline
    assert first["Message-ID"] == second["Message-ID"]
    assert "persx health silence content-works" in first.get_content()


def test_a_recovery_says_so(hook: WebhookSink, post: MailSink) -> None:
    over = replace(ALERT, kind="recovered", findings=ALERT.findings[:1])
    ALERT_CHANNELS["webhook"].send(over, AlertSettings(webhook=hook.url))
    ALERT_CHANNELS["email"].send(over, mail_settings(post))
    assert hook.messages[0]["text"].startswith("🟢")
    assert post.mails[0]["Subject"] == "Shop <&> Co: Content that fails is right again"


def test_a_name_with_line_breaks_adds_no_header(post: MailSink) -> None:
    evil = replace(ALERT, site="Shop\r\nBcc: everybody@example.com")
    ALERT_CHANNELS["email"].send(evil, mail_settings(post))
    (mail,) = post.mails
    assert mail["Bcc"] is None
    assert "Bcc: everybody" in mail["Subject"]


@pytest.mark.parametrize("status", [302, 400, 404, 429, 500])
def test_a_webhook_that_does_not_take_it_is_a_failure(hook: WebhookSink, status: int) -> None:
    hook.statuses = [status]
    with pytest.raises(NotSent, match=f"answered {status}") as caught:
        ALERT_CHANNELS["webhook"].send(ALERT, AlertSettings(webhook=hook.url))
    assert "secret" not in str(caught.value)
    assert hook.messages == []


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1:1/secret-of-the-hook",
        "http://nowhere.invalid/secret-of-the-hook",
        "http://[::1/secret-of-the-hook",
        "https://127.0.0.1:1/secret of the hook",
    ],
)
def test_an_address_that_does_not_work_is_not_told(url: str) -> None:
    with pytest.raises(NotSent) as caught:
        ALERT_CHANNELS["webhook"].send(ALERT, AlertSettings(webhook=url))
    assert "secret" not in str(caught.value)
    assert caught.value.__cause__ is None


def test_a_sink_that_says_nothing_is_not_waited_for_long() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = silent.getsockname()[1]
        kept: list[socket.socket] = []
        thread = threading.Thread(
            target=lambda: kept.extend(silent.accept()[0] for _ in range(2)), daemon=True
        )
        thread.start()
        settings = AlertSettings(webhook=f"http://127.0.0.1:{port}/", timeout=0.2)
        with pytest.raises(NotSent, match="webhook"):
            ALERT_CHANNELS["webhook"].send(ALERT, settings)
        mail = AlertSettings(
            email_to="a@b.example", smtp_host="127.0.0.1", smtp_port=port,
            smtp_security="none", timeout=0.2,
        )  # fmt: skip
        with pytest.raises(NotSent, match="mail server"):
            ALERT_CHANNELS["email"].send(ALERT, mail)
        thread.join()
        for each in kept:
            each.close()


def test_a_mail_server_that_refuses_is_a_failure_without_the_password(post: MailSink) -> None:
    post.refuse = b"550 no such user"
    with pytest.raises(NotSent, match="refuses every address"):
        ALERT_CHANNELS["email"].send(ALERT, mail_settings(post))
    settings = mail_settings(post, smtp_user="me", smtp_password="hunter2")
    with pytest.raises(NotSent) as caught:
        ALERT_CHANNELS["email"].send(ALERT, settings)
    assert "hunter2" not in str(caught.value)
    starttls = replace(mail_settings(post), smtp_security="starttls")
    with pytest.raises(NotSent, match="mail server"):
        ALERT_CHANNELS["email"].send(ALERT, starttls)
    assert post.mails == [], "nothing goes out in the clear where TLS is wanted"


def test_the_log_always_has_it(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO, "persx.alerts"):
        ALERT_CHANNELS["log"].send(ALERT, AlertSettings())
    (line,) = caplog.records
    assert line.levelno == logging.WARNING
    assert "hero-0 · SaaS" in line.getMessage()


@pytest.mark.parametrize("name", ALERT_CHANNELS.names)
def test_a_channel_without_an_address_is_not_used(name: str) -> None:
    assert ALERT_CHANNELS[name].ready(AlertSettings()) is (name == "log")
