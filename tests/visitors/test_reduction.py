"""Reduction: no address and no user agent is stored as it was sent."""

from __future__ import annotations

import ipaddress
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from persx.model.event import Event, EventType, RejectedEvent
from persx.visitors.reduction import (
    reduced_address,
    reduced_agent,
    reduced_body,
    reduced_context,
    reduced_event,
)

CHROME = (
    "Mozilla/5.0 (Linux; Android 14; Pixel 8 Pro Build/UQ1A) AppleWebKit/537.36 "
    "(KHTML, like Gecko) Chrome/131.0.6778.81 Mobile Safari/537.36"
)


@pytest.mark.parametrize(
    ("agent", "reduced"),
    [
        (CHROME, "Chrome 131; Android; phone"),
        (
            "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 "
            "(KHTML, like Gecko) Version/17.4.1 Safari/605.1.15",
            "Safari 17; macOS; desktop",
        ),
        (
            "Mozilla/5.0 (iPhone; CPU iPhone OS 17_4 like Mac OS X) AppleWebKit/605.1.15 "
            "(KHTML, like Gecko) Version/17.4 Mobile/15E148 Safari/604.1",
            "Safari 17; iOS; phone",
        ),
        (
            "Mozilla/5.0 (iPad; CPU OS 17_4 like Mac OS X) AppleWebKit/605.1.15 "
            "(KHTML, like Gecko) CriOS/131.0.6778.73 Mobile/15E148 Safari/604.1",
            "Chrome 131; iOS; tablet",
        ),
        (
            "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) "
            "Chrome/131.0.0.0 Safari/537.36 Edg/131.0.2903.70",
            "Edge 131; Windows; desktop",
        ),
        (
            "Mozilla/5.0 (X11; Ubuntu; Linux x86_64; rv:133.0) Gecko/20100101 Firefox/133.0",
            "Firefox 133; Linux; desktop",
        ),
        (
            "Mozilla/5.0 (Linux; Android 13; SM-X710) AppleWebKit/537.36 (KHTML, like Gecko) "
            "SamsungBrowser/27.0 Chrome/125.0.0.0 Safari/537.36",
            "Samsung Internet 27; Android; tablet",
        ),
        (
            "Mozilla/5.0 (Windows NT 10.0) AppleWebKit/537.36 Chrome/131.0 Safari/537.36 "
            "OPR/116.0.0.0",
            "Opera 116; Windows; desktop",
        ),
        ("Mozilla/5.0 (compatible; Googlebot/2.1)", "Other; Other; bot"),
        ("My secret serial number 4711", "Other; Other; desktop"),
        ("", "Other; Other; desktop"),
    ],
)
def test_a_user_agent_keeps_family_version_system_and_device(agent: str, reduced: str) -> None:
    assert reduced_agent(agent) == reduced
    assert reduced_agent(reduced) == reduced


@given(st.ip_addresses(v=4))
def test_an_ipv4_address_keeps_its_network_of_24_bits(address: ipaddress.IPv4Address) -> None:
    reduced = reduced_address(str(address))
    assert int(ipaddress.ip_address(reduced)) == int(address) >> 8 << 8
    assert reduced_address(reduced) == reduced
    assert reduced_address(f"::ffff:{address}") == reduced


@given(st.ip_addresses(v=6).filter(lambda address: address.ipv4_mapped is None))
def test_an_ipv6_address_keeps_its_network_of_48_bits(address: ipaddress.IPv6Address) -> None:
    reduced = reduced_address(str(address))
    assert int(ipaddress.ip_address(reduced)) == int(address) >> 80 << 80
    assert reduced_address(reduced) == reduced


@pytest.mark.parametrize("odd", ["1.2.3.4:80", "[::1]:80", "1.2.3", "localhost", "", "1.2.3.4, 5"])
def test_what_is_no_address_is_not_kept(odd: str) -> None:
    assert reduced_address(odd) == ""
    assert reduced_context({"ip": odd}) == {}


@settings(max_examples=300)
@given(st.text(max_size=1_200))
def test_any_text_is_reduced_to_a_few_words(agent: str) -> None:
    reduced = reduced_agent(agent)
    assert len(reduced) < 60
    assert reduced_agent(reduced) == reduced


def test_a_context_keeps_what_tells_nothing_of_the_device() -> None:
    context = {
        "ip": "203.0.113.77",
        "userAgent": CHROME,
        "userAgentData": {"mobile": True, "platform": "Android", "model": "Pixel 8 Pro"},
        "locale": "de-AT",
    }
    assert reduced_context(context) == {
        "ip": "203.0.113.0",
        "userAgent": "Chrome 131; Android; phone",
        "userAgentData": {"mobile": True, "platform": "Android"},
        "locale": "de-AT",
    }
    assert context["ip"] == "203.0.113.77"


@pytest.mark.parametrize("odd", [None, 7, ["1.2.3.4"], {"v4": "1.2.3.4"}])
def test_odd_values_are_not_kept(odd: Any) -> None:
    assert reduced_context({"ip": odd, "userAgent": odd, "userAgentData": "1.2.3.4"}) == {}


def test_an_event_without_them_is_left_alone() -> None:
    event = Event(type=EventType.PAGE, message_id="m", anonymous_id="v", context={"locale": "de"})
    assert reduced_event(event) is event


@pytest.mark.parametrize(
    ("body", "kept"),
    [
        ('{"context": {"ip": "203.0.113.77"}}', '{"context": {"ip": "203.0.113.0"}}'),
        ('{"ip":"203.0.113.77', '{"ip":"203.0.113.0'),
        ('{"ip": "somewhere \\" else"}', '{"ip": ""}'),
        (f'{{"userAgent": "{CHROME}", oops', '{"userAgent": "Chrome 131; Android; phone", oops'),
        ("not json at all", "not json at all"),
    ],
)
def test_what_is_no_event_is_reduced_by_name(body: str, kept: str) -> None:
    assert reduced_body(RejectedEvent(received=1, reason="odd", body=body)).body == kept
