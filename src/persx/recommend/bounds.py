"""What options of recommenders may be: numbers with bounds."""

from __future__ import annotations

from typing import Annotated, TypeAlias

import msgspec

Share: TypeAlias = Annotated[float, msgspec.Meta(ge=0, lt=1)]
"""A share of a whole, less than all of it."""

Amount: TypeAlias = Annotated[float, msgspec.Meta(ge=0, le=1e12)]
"""A number that is not negative."""

Positive: TypeAlias = Annotated[float, msgspec.Meta(gt=0, le=1e12)]
"""A number above 0."""

Count: TypeAlias = Annotated[int, msgspec.Meta(ge=1, le=1_000_000_000)]
"""How many, at least one."""

Exponent: TypeAlias = Annotated[float, msgspec.Meta(ge=-2, le=2)]
"""A power to which something is raised."""

Weight: TypeAlias = Annotated[float, msgspec.Meta(ge=0, le=1)]
"""What something counts, compared with something else: from nothing to all of it."""

Steps: TypeAlias = Annotated[int, msgspec.Meta(ge=1, le=100)]
"""How many steps apart."""

Newest: TypeAlias = Annotated[int, msgspec.Meta(ge=1, le=256)]
"""How many of the newest items; places among them are kept in 8 bits."""
