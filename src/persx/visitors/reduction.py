"""Reduction: what an event tells of a network and a browser, made coarse before it is stored.

An address keeps the part that tells the network (IPv4 /24, IPv6 /48), a user agent its browser
family with the major version, the operating system and the class of the device. What cannot be
read is left out. Reducing twice changes nothing.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Mapping
from functools import lru_cache
from typing import Any, Final

import msgspec

from persx.model.event import Event, RejectedEvent

V4_BITS: Final = 24
V6_BITS: Final = 48

# In this order: each browser names those whose pages it also shows. The first one found counts.
_BROWSERS: Final[tuple[tuple[str, re.Pattern[str]], ...]] = tuple(
    (name, re.compile(rf"(?:{tokens})[/ ](\d{{1,4}})"))
    for name, tokens in (
        ("Edge", r"\bEdge?|EdgA|EdgiOS"),
        ("Opera", r"\bOPR|\bOpera"),
        ("Samsung Internet", r"SamsungBrowser"),
        ("Firefox", r"\bFirefox|FxiOS"),
        ("Chrome", r"\bChrome|CriOS|\bChromium"),
        ("Safari", r"\bVersion(?=/\d+[\d.]* (?:Mobile/\S+ )?Safari/)"),
    )
)
_SYSTEMS: Final[tuple[tuple[str, re.Pattern[str]], ...]] = tuple(
    (name, re.compile(tokens))
    for name, tokens in (
        ("iOS", r"iPhone|iPad|iPod"),
        ("Android", r"Android"),
        ("Windows", r"Windows"),
        ("ChromeOS", r"\bCrOS\b"),
        ("macOS", r"Macintosh|Mac OS X"),
        ("Linux", r"Linux|X11"),
    )
)
_BOT: Final = re.compile(
    r"(?<!\bcu)bot\b|crawl|spider|slurp|facebookexternalhit|mediapartners|bingpreview|embedly|scrapy"
    r"|phantomjs|lighthouse|gtmetrix|pingdom|statuscake|site24x7|uptime|monitoring",
    re.IGNORECASE,
)
"""Agents that say what they are. Cubot is a maker of phones, which people hold."""

_PHONE: Final = re.compile(r"iPhone|iPod|Android.{0,200}Mobile|Windows Phone")
_TABLET: Final = re.compile(r"iPad|Android|Tablet|Kindle")
_OTHER: Final = "Other"
_REDUCED: Final = re.compile(
    rf"(?:{'|'.join(name for name, _ in _BROWSERS)}|{_OTHER})(?: \d{{1,4}})?; "
    rf"(?:{'|'.join(name for name, _ in _SYSTEMS)}|{_OTHER}); (?:bot|phone|tablet|desktop)"
)

_HINTS: Final = frozenset({"brands", "mobile", "platform"})
"""The client hints that every site gets; the others tell a device from others of its kind."""

_QUOTED: Final = r'"((?:[^"\\]|\\.)*+)'
_SENT_ADDRESS: Final = re.compile(rf'("(?:ip|request_ip|ipAddress|ip_address)"\s*:\s*){_QUOTED}')
_SENT_AGENT: Final = re.compile(rf'("(?:userAgent|user_agent)"\s*:\s*){_QUOTED}')


def reduced_address(address: str) -> str:
    """Return the network that an address belongs to; empty where it is no address.

    >>> reduced_address("203.0.113.77"), reduced_address("2001:db8:1:2::9")
    ('203.0.113.0', '2001:db8:1::')
    >>> reduced_address("::ffff:203.0.113.77"), reduced_address("somewhere")
    ('203.0.113.0', '')
    """
    try:
        found = ipaddress.ip_address(address.strip()[:64])
    except ValueError:
        return ""
    if isinstance(found, ipaddress.IPv6Address) and found.ipv4_mapped is not None:
        found = found.ipv4_mapped
    bits = V4_BITS if found.version == 4 else V6_BITS
    return str(ipaddress.ip_network((int(found), bits), strict=False).network_address)


@lru_cache(maxsize=4_096)
def is_bot_agent(agent: str) -> bool:
    """Tell whether a user agent, whole or reduced, says that it is a bot.

    >>> [is_bot_agent(each) for each in ("Googlebot/2.1", "Other; Other; bot", "CUBOT X30 Build/1")]
    [True, True, False]
    """
    return _BOT.search(agent) is not None


@lru_cache(maxsize=4_096)
def reduced_agent(agent: str) -> str:
    """Return browser family with major version, operating system and class of device.

    >>> reduced_agent(
    ...     "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) "
    ...     "Chrome/131.0.6778.86 Safari/537.36"
    ... )
    'Chrome 131; Windows; desktop'
    """
    if _REDUCED.fullmatch(agent):
        return agent
    agent = agent[:1_000]
    browser = next(
        (f"{name} {found[1]}" for name, form in _BROWSERS if (found := form.search(agent))), _OTHER
    )
    system = next((name for name, form in _SYSTEMS if form.search(agent)), _OTHER)
    device = "desktop"
    if _BOT.search(agent):
        device = "bot"
    elif _PHONE.search(agent):
        device = "phone"
    elif _TABLET.search(agent):
        device = "tablet"
    return f"{browser}; {system}; {device}"


def reduced_context(context: Mapping[str, Any]) -> dict[str, Any]:
    """Return an event's context with `ip`, `userAgent` and `userAgentData` reduced."""
    reduced = dict(context)
    if "ip" in reduced:
        given = reduced.pop("ip")
        if isinstance(given, str) and (network := reduced_address(given)):
            reduced["ip"] = network
    if "userAgent" in reduced:
        given = reduced.pop("userAgent")
        if isinstance(given, str) and given:
            reduced["userAgent"] = reduced_agent(given[:1_000])
    if "userAgentData" in reduced:
        given = reduced.pop("userAgentData")
        if isinstance(given, dict):
            reduced["userAgentData"] = {
                name: value for name, value in given.items() if name in _HINTS
            }
    return reduced


def reduced_event(event: Event) -> Event:
    """Return an event as it may be stored."""
    context = event.context
    if "ip" in context or "userAgent" in context or "userAgentData" in context:
        return msgspec.structs.replace(event, context=reduced_context(context))
    return event


def reduced_body(rejected: RejectedEvent) -> RejectedEvent:
    """Return what is kept of something that was no event, as it may be stored.

    It may not be JSON at all, so that addresses and user agents are found by their names.
    """
    body = _SENT_ADDRESS.sub(lambda found: f'{found[1]}"{reduced_address(found[2])}', rejected.body)
    body = _SENT_AGENT.sub(lambda found: f'{found[1]}"{reduced_agent(found[2])}', body)
    return rejected if body == rejected.body else msgspec.structs.replace(rejected, body=body)
