"""A review is made once, by one process, and mailed until somebody has it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from email import message_from_bytes
from email.policy import default

from persx.app.review_schedule import LEASE, Reviewing
from persx.app.reviewing import KeptRequest, ReviewRequest, kept_reviews, review
from persx.health.review.mail import mail_of
from persx.model.clock import DAY, HOUR, MINUTE
from tests.health.sinks import mail_sink

from .conftest import MONDAY, WORKSPACE, World

END = MONDAY + 7 * DAY


def weeks(world: World) -> tuple[str, ...]:
    kept = world.run(kept_reviews(world.services, KeptRequest()))
    return tuple(kept.weeks)


def test_it_is_made_from_the_hour_of_the_setting_on(make: Callable[..., World]) -> None:
    world = make(review_hour=9)
    world.publish(WORKSPACE, MONDAY - DAY)
    looking = Reviewing(world.services)
    world.now = END + 9 * HOUR - MINUTE
    world.run(looking.look())
    assert weeks(world) == ()
    world.now = END + 9 * HOUR
    world.run(looking.look())
    assert weeks(world) == ("2026-W47",)


def test_a_server_that_was_off_on_monday_makes_it_later(world: World) -> None:
    world.now = END + 3 * DAY
    world.run(Reviewing(world.services).look())
    assert weeks(world) == ("2026-W47",)
    assert world.run(kept_reviews(world.services, KeptRequest())).months == ("2026-10",)


def test_a_time_before_the_first_publication_has_no_review(make: Callable[..., World]) -> None:
    world = make()
    world.publish(WORKSPACE, END + HOUR)
    world.now = END + DAY
    world.run(Reviewing(world.services).look())
    assert weeks(world) == ()


def test_reviews_may_be_switched_off(make: Callable[..., World]) -> None:
    world = make(reviews=False)
    world.publish(WORKSPACE, MONDAY)
    world.run(Reviewing(world.services).look())
    assert weeks(world) == ()


def test_who_has_not_the_lease_leaves_it(world: World) -> None:
    world.run(world.services.store.lease(LEASE, "another", world.now + HOUR, world.now))
    looking = Reviewing(world.services)
    world.run(looking.look())
    assert weeks(world) == ()
    world.now += 2 * HOUR
    world.run(looking.look())
    assert weeks(world) == ("2026-W47",)


def test_two_at_once_send_one_mail(make: Callable[..., World]) -> None:
    with mail_sink() as sink:
        world = make(
            smtp_host="127.0.0.1", smtp_port=sink.port, smtp_security="none",
            alert_email_to="ops@example.com", review_email_to="team@example.com, boss@example.com",
            public_url="https://shop.example",
        )  # fmt: skip
        world.publish(WORKSPACE, END - DAY)
        both = [Reviewing(world.services), Reviewing(world.services)]

        async def at_once() -> None:
            await asyncio.gather(*(each.look() for each in both))
            await asyncio.gather(*(each.look() for each in both))

        world.run(at_once())
        world.run(Reviewing(world.services).look())
    (mail,) = sink.mails
    assert mail["To"] == "team@example.com, boss@example.com"
    assert "Weekly review, Week 47 of 2026" in mail["Subject"]
    assert mail.get_content_type() == "multipart/alternative"
    text, page = (part.get_content() for part in mail.iter_parts())  # type: ignore[attr-defined]
    assert "What improved" in text
    assert "https://shop.example/admin/review/2026-W47" in page
    assert "style=" in page
    assert "<style" not in page


def test_a_mail_that_is_refused_is_tried_again_with_the_same_id(make: Callable[..., World]) -> None:
    with mail_sink() as sink:
        world = make(
            smtp_host="127.0.0.1", smtp_port=sink.port, smtp_security="none",
            alert_email_to="ops@example.com",
        )  # fmt: skip
        world.publish(WORKSPACE, END - DAY)
        looking = Reviewing(world.services)
        sink.refuse = b"451 later"
        world.run(looking.look())
        world.run(looking.look())
        assert (weeks(world), sink.mails) == (("2026-W47",), [])
        sink.refuse = b""
        world.now += HOUR
        world.run(looking.look())
        world.run(looking.look())
    (mail,) = sink.mails
    assert mail["To"] == "ops@example.com"
    made = world.run(review(world.services, ReviewRequest()))
    again = mail_of(made, to="a@b.example", home_id=world.services.keys.home_id)
    assert mail["Message-ID"] == again["Message-ID"]


def test_a_mail_file_is_one_that_mail_programs_read(world: World) -> None:
    made = world.run(review(world.services, ReviewRequest()))
    mail = message_from_bytes(mail_of(made).as_bytes(), policy=default)
    kinds = [part.get_content_type() for part in mail.iter_parts()]  # type: ignore[attr-defined]
    assert kinds == ["text/plain", "text/html"]
    wanted = "Shop: Weekly review, Week 47 of 2026, 16 to 22 November: no figure yet"
    assert mail["Subject"].strip() == wanted
