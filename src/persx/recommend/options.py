"""Options of recommenders: what a document or a command line says becomes their config."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final, get_origin, get_type_hints

import msgspec

from persx.model.errors import BadInput, did_you_mean
from persx.recommend.recommenders.kind import Recommender

_BARE: Final = re.compile(r"^(-?)(\.\d+)$")
"""A number as people write it and JSON does not: ``.7``."""


def read_options(recommender: Recommender, given: Mapping[str, Any]) -> Any:
    """Return the config of a recommender from its options by name; text is read as their type.

    Args:
        recommender: Whose options they are.
        given: Option → value. A list may be text with commas.

    Raises:
        BadInput: An option is unknown, or its value is not one that it can have.
    """
    known = get_type_hints(recommender.config)
    read: dict[str, Any] = {}
    for name, value in given.items():
        if name not in known:
            listed = ", ".join(recommender.config.__struct_fields__)
            near = did_you_mean(name, known)
            raise BadInput(
                f"'{recommender.name}' has no option '{name}'.",
                value=name,
                hint=f"{near} " * near.startswith("Did") + f"It has: {listed}.",
            )
        if isinstance(value, str):
            value = _BARE.sub(r"\g<1>0\2", value)
        listing = get_origin(known[name]) in (tuple, list, frozenset)
        if listing and isinstance(value, str):
            value = [each.strip() for each in value.split(",") if each.strip()]
        read[name] = value
    try:
        return msgspec.convert(read, recommender.config, strict=False)
    except msgspec.ValidationError as error:
        reason, _, place = str(error).partition(" - at `$.")
        name = place.rstrip("`").partition("[")[0]
        value = given.get(name)
        raise BadInput(
            f"The option '{name}' of '{recommender.name}' cannot be '{value}': {reason}.",
            value=value,
        ) from None
