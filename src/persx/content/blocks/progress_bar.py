"""Block type progress_bar: how far a visitor is from something, such as free shipping."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Annotated, Any, Final

import msgspec

from persx.content.builtin import BuiltinType
from persx.content.fields import Content, Line, Text
from persx.content.money import number
from persx.content.schema import join
from persx.model.errors import Fault, did_you_mean

PLACES: Final = ("remaining", "current", "goal")
"""What a message may hold in braces."""

_PLACE: Final = re.compile(r"\{([^{}]*)\}")
_SIGNS: Final = frozenset("$€£¥₹")


class ProgressBar(Content, frozen=True, kw_only=True):
    """What a progress bar measures and says.

    Attributes:
        label: What the bar stands for.
        attribute: The number that is measured, such as ``cart.value``; unknown counts as 0.
        goal: What it shall reach.
        unit: Written before the number where it is a currency's sign and the page English,
            else after it.
        message: Said on the way; ``{remaining}``, ``{current}`` and ``{goal}`` are filled in.
        bar: Whether the bar itself is shown, or what it says alone.
        done_message: Said once the goal is reached; the same places are filled in.
    """

    label: Line
    attribute: Line
    goal: Annotated[float, msgspec.Meta(gt=0)]
    message: Text
    done_message: Text
    bar: bool = True
    unit: Annotated[str, msgspec.Meta(max_length=20)] = ""


class Progress(ProgressBar, frozen=True, kw_only=True):
    """A progress bar as one visitor gets it: `share` runs from 0 to 1, `line` is what it says."""

    current: float = 0.0
    share: float = 0.0
    line: str = ""


class _ProgressBarType(BuiltinType):
    def problems(self, content: Mapping[str, Any], path: str) -> Iterator[Fault]:
        for field in ("message", "done_message"):
            text = content.get(field)
            for place in _PLACE.findall(text) if isinstance(text, str) else ():
                if place not in PLACES:
                    yield Fault(
                        path=join(path, field),
                        value=f"{{{place}}}",
                        message=f"Nothing is known as '{{{place}}}'.",
                        hint=did_you_mean(place, PLACES),
                    )

    def reads(self, content: Mapping[str, Any]) -> frozenset[str]:
        attribute = content.get("attribute")
        return frozenset({attribute}) if isinstance(attribute, str) else frozenset()

    def arrange(
        self, content: Mapping[str, Any], attributes: Mapping[str, Any], locale: str = "en"
    ) -> Mapping[str, Any]:
        """Fill in the visitor's amount."""
        value = attributes.get(content["attribute"])
        counts = isinstance(value, int | float) and not isinstance(value, bool)
        current = max(float(value), 0.0) if counts and value == value else 0.0  # type: ignore[arg-type]
        goal = float(content["goal"])
        unit = content.get("unit", "")
        filled = {
            "remaining": amount(max(goal - current, 0.0), unit, locale),
            "current": amount(current, unit, locale),
            "goal": amount(goal, unit, locale),
        }
        text = content["done_message"] if current >= goal else content["message"]
        line = _PLACE.sub(lambda place: filled.get(place[1], place[0]), text)
        return {**content, "current": current, "share": min(current / goal, 1.0), "line": line}

    def view(self, content: Mapping[str, Any], locale: str = "en") -> Any:
        """Return what the template sees; content that nobody arranged counts from zero."""
        return super().view(content if "line" in content else self.arrange(content, {}, locale))


def amount(value: float, unit: str, locale: str = "en") -> str:
    """Write a number with its unit, as a language writes it.

    >>> amount(12.5, "$"), amount(3.0, "orders"), amount(1012.5, "€", "de")
    ('$12.50', '3 orders', '1.012,50\\xa0€')
    """
    whole = value == float("inf") or value == int(value)
    text = "∞" if value == float("inf") else number(value, 0 if whole else 2, locale)
    if unit not in _SIGNS:
        return f"{text} {unit}".strip()
    return unit + text if locale.partition("-")[0] == "en" else f"{text}\xa0{unit}"


PROGRESS_BAR = _ProgressBarType(
    "progress_bar",
    "How far the visitor is from a goal.",
    ProgressBar,
    __file__,
    arranged=Progress,
)
