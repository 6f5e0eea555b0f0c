"""Answers that are written: kept as what they are, or put again with what is wrong with them."""

from __future__ import annotations

from typing import Any

import pytest

from persx.model.attribute import Attribute, ValueType
from persx.model.question import QuestionDocument
from tests.web.test_receipts_and_me import come
from tests.web.test_short_questions import answer, bar, changed, facts

pytestmark = pytest.mark.anyio


async def test_numbers_and_short_texts_are_taken_as_such(client: Any, services: Any) -> None:
    await changed(
        services,
        attributes={
            "visits": Attribute(name="visits", type=ValueType.NUMBER, kept_for="tests"),
            "wish": Attribute(name="wish", kept_for="tests"),
        },
        questions={
            name: QuestionDocument(name=name, attribute=name, text=f"What {name}?", after=0)
            for name in ("visits", "wish")
        },
    )
    await come(client, services)
    page = (await client.get("/blog")).text
    assert 'type="number"' in page
    for wrong in ("many", "nan", "inf", "1e999", "0x10", "--1"):
        got = await answer(client, "visits", value=wrong)
        # It is put again where it was asked, with what was written and what is wrong with it.
        assert got.status_code == 422, wrong
        assert 'data-block="blog-hero"' in got.text
        assert bar(got.text) == ("question", "What visits?", []), wrong
        assert f'value="{wrong}"' in got.text
        assert "Please write a number, such as 25." in got.text
    got = await answer(client, "visits", value="")
    assert "Please answer, or choose “Not now”." in got.text
    got = await answer(client, "wish", value="y" * 201)
    assert (got.status_code, bar(got.text)) == (422, ("question", "What wish?", []))
    assert "at most 200 characters" in got.text
    # What was asked nowhere is answered in the preferences.
    for place in ("", "/nowhere", "https://evil.example/", "//evil.example", "/start", "[::"):
        got = await answer(client, "visits", value="many", next=place)
        assert got.headers["location"] == "/preferences?problem=answer", place
    await answer(client, "visits", value="12000.5")
    await answer(client, "wish", value="  <b>faster</b>  ")
    told = await facts(client)
    assert (told["visits"], told["wish"]) == (12000.5, "<b>faster</b>")
    assert "<b>faster" not in (await client.get("/preferences")).text
