"""The holdout's report over HTTP visits: it counts whom it should, and says when it cannot."""

from __future__ import annotations

import re
from collections import Counter
from typing import Any, Final

import httpx
import pytest

from persx.app.reports import REPORT, ReportRequest
from persx.experiments.readout import Readout
from persx.model.event import EXPOSURE
from persx.testing import see

pytestmark = pytest.mark.anyio

INDUSTRIES: Final = ("eCommerce", "SaaS", "Healthcare")
IMAGE: Final = re.compile(r'src="(/v1/x/[^"]+)"')


class Person:
    """A visitor with a browser of their own, and what a report should know of them."""

    def __init__(self, app: Any) -> None:
        transport = httpx.ASGITransport(app, raise_app_exceptions=False)
        self.browser = httpx.AsyncClient(transport=transport, base_url="http://site.test")
        self.reasons: list[str] = []

    async def says(self, industry: str) -> None:
        """Fill in the start form."""
        answer = await self.browser.post("/start", data={"industry": industry, "complete": "1"})
        assert answer.status_code == 303

    async def opens(self, path: str = "/", *, confirm: bool = True) -> str:
        """Open a page; a browser that shows images confirms it."""
        page = await self.browser.get(path)
        assert page.status_code == 200
        self.reasons = re.findall(r'data-reason="(\w+)"', page.text)
        image = IMAGE.search(page.text)
        assert image is not None
        if confirm:
            assert (await self.browser.get(image[1])).status_code == 200
        return image[1]

    async def writes(self, **extra: str) -> None:
        """Send the contact form."""
        page = (await self.browser.get("/contact")).text
        form = page.partition('action="/forms/contact')[2]
        fields = dict(re.findall(r'<input[^>]*name="(\w+)"[^>]*value="([^"]*)"', form))
        options = dict(re.findall(r'<select[^>]*name="(\w+)".*?<option value="([^"]+)"', form))
        answers = {"name": "Ann", "email": "ann@shop.example", "message": "Hello", **options}
        sent = {**fields, **answers, "page": "contact", **extra}
        sent.pop("website", None)
        answer = await self.browser.post("/forms/contact", data=sent)
        assert answer.status_code == 303, answer.text[:500]

    @property
    def arm(self) -> str:
        """The arm of the holdout that the last page was of."""
        return "generic" if "holdout" in self.reasons else "targeted"


class Expected:
    """What was sent, counted the way that the report promises to."""

    def __init__(self) -> None:
        self.n: Counter[tuple[str, str]] = Counter()
        self.converted: Counter[tuple[str, str]] = Counter()

    def add(self, arm: str, industry: str, converted: bool) -> None:
        """Count a visitor, overall and in their segment."""
        for segment in ("", industry):
            self.n[arm, segment] += 1
            self.converted[arm, segment] += converted


async def holdout(services: Any) -> Readout:
    """The report as `persx report holdout` makes it."""
    readout: Readout = await REPORT.run(services, ReportRequest(name="holdout"))
    return readout


def compare(readout: Readout, expected: Expected) -> None:
    """The report has these counts and no others."""
    groups = {"": readout.arms}
    groups |= {value: each.arms for value, each in readout.segments.get("industry", {}).items()}
    found = {(arm, segment): each for segment, arms in groups.items() for arm, each in arms.items()}
    n = {key: each.n for key, each in found.items()}
    converted = {key: each.metrics["form_submission"].total for key, each in found.items()}
    assert +Counter(n) == +Counter(expected.n)
    assert +Counter(converted) == +Counter(expected.converted)
    assert readout.visitors == expected.n["generic", ""] + expected.n["targeted", ""]


@pytest.fixture
def app(client: Any) -> Any:
    """The application of the `client` fixture, for more than one browser."""
    return client._transport.app


async def test_the_report_counts_what_was_sent(app: Any, services: Any) -> None:
    expected = Expected()
    number = 0
    # The arms of visitors who come by themselves are up to chance: until both are there.
    while number < 60 or expected.n["generic", ""] < 4:
        assert number < 600
        number += 1
        person = Person(app)
        industry = INDUSTRIES[number % 3]
        await person.says(industry)
        await person.opens()
        arm = person.arm
        converted = number % (4 if arm == "targeted" else 5) == 0
        if converted:
            await person.writes()
        if number % 7 == 0:  # who writes twice is one visitor who did
            await person.opens("/about")
            if converted:
                await person.writes()
        expected.add(arm, industry, converted)
    readout = await holdout(services)
    compare(readout, expected)
    assert readout.control == "generic"
    assert readout.contaminated == 0
    (pli,) = readout.pli
    assert pli.arm == "targeted"
    assert (pli.n, pli.control_n) == (expected.n["targeted", ""], expected.n["generic", ""])
    # A handful of visitors is no proof, and the report says so in plain words.
    assert pli.withheld
    assert pli.lift is None
    assert all(reason[0].isupper() and reason.endswith(".") for reason in pli.withheld)
    assert any("conversion" in reason.lower() for reason in pli.withheld)
    # The same once everything is sealed.
    await services.warehouse.seal()
    assert await see(services.stream).read() == []
    compare(await holdout(services), expected)


async def test_who_confirms_nothing_does_not_count(app: Any, services: Any) -> None:
    silent, late = Person(app), Person(app)
    await silent.says("SaaS")
    await silent.opens(confirm=False)
    await silent.writes()
    # Whoever writes first and confirms later converts from then on only.
    await late.says("SaaS")
    await late.opens(confirm=False)
    await late.writes()
    await late.opens()
    expected = Expected()
    expected.add(late.arm, "SaaS", False)
    compare(await holdout(services), expected)
    await late.writes()
    expected.converted[late.arm, ""] += 1
    expected.converted[late.arm, "SaaS"] += 1
    compare(await holdout(services), expected)


async def test_who_would_see_default_content_anyway_does_not_count(app: Any, services: Any) -> None:
    unknown = Person(app)
    await unknown.opens()
    await unknown.writes()
    readout = await holdout(services)
    assert readout.visitors == 0
    assert not any(arm.n for arm in readout.arms.values())
    # As soon as something is meant for them they do, from there on.
    await unknown.says("Healthcare")
    await unknown.opens()
    expected = Expected()
    expected.add(unknown.arm, "Healthcare", False)
    compare(await holdout(services), expected)


async def test_the_first_exposure_freezes_arm_and_segment(app: Any, services: Any) -> None:
    person = Person(app)
    await person.says("SaaS")
    token = await person.opens()
    first = person.arm
    await person.says("Healthcare")
    await person.opens()
    assert person.arm == first
    await person.says("eCommerce")
    await person.opens("/about")
    await person.writes()
    await person.browser.get(token)  # a reload of the first page's image
    expected = Expected()
    expected.add(first, "SaaS", True)
    compare(await holdout(services), expected)
    names = [event.name for event in await see(services.stream).read()]
    assert names.count(EXPOSURE) == 3


async def test_a_reloaded_image_is_counted_as_a_duplicate(app: Any, services: Any) -> None:
    person = Person(app)
    await person.says("SaaS")
    before = counts(services)
    token = await person.opens()
    assert counts(services)["accepted"] - before["accepted"] == 2
    await person.browser.get(token)
    assert counts(services)["accepted"] - before["accepted"] == 2
    assert counts(services)["duplicate"] - before["duplicate"] == 2


def counts(services: Any) -> dict[str, int]:
    """How many events were counted, by what became of them."""
    events = services.metrics.events
    return {name: int(events.labels(name)._value.get()) for name in ("accepted", "duplicate")}


async def test_other_forms_and_other_sites_images_do_not_count(app: Any, services: Any) -> None:
    person = Person(app)
    await person.says("SaaS")
    page = await person.browser.get("/")
    image = IMAGE.search(page.text)
    assert image is not None
    for headers in (
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Purpose": "prefetch"},
        {"User-Agent": "Googlebot/2.1 (+http://www.google.com/bot.html)"},
    ):
        await person.browser.get(image[1], headers=headers)
    assert (await holdout(services)).visitors == 0
    await person.browser.get(image[1][:-3] + "abc")
    assert (await holdout(services)).visitors == 0
    await person.browser.get(image[1])
    assert (await holdout(services)).visitors == 1


async def test_an_empty_log_has_a_report(services: Any) -> None:
    readout = await holdout(services)
    assert readout.visitors == 0
    (pli,) = readout.pli
    assert pli.withheld
    assert pli.lift is None
