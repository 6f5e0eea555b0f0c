"""The built-in block types: one file each, a struct and the template beside it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from persx.content.blocks.cart import CART
from persx.content.blocks.collection import COLLECTION
from persx.content.blocks.contact_form import CONTACT_FORM
from persx.content.blocks.cta import CTA
from persx.content.blocks.feature_grid import FEATURE_GRID
from persx.content.blocks.hero import HERO
from persx.content.blocks.offer import OFFER
from persx.content.blocks.product import PRODUCT
from persx.content.blocks.products import PRODUCTS
from persx.content.blocks.progress_bar import PROGRESS_BAR
from persx.content.blocks.quiz import QUIZ
from persx.content.blocks.recommendations import RECOMMENDATIONS
from persx.content.blocks.rich_text import RICH_TEXT
from persx.content.blocks.testimonial import TESTIMONIAL
from persx.model.registry import Registry

if TYPE_CHECKING:  # types.py imports this registry to build on it
    from persx.content.types import BlockType

BLOCK_TYPES: Final[Registry[BlockType]] = Registry(
    "block type",
    "persx.block_types",
    [
        HERO,
        FEATURE_GRID,
        CONTACT_FORM,
        CTA,
        RICH_TEXT,
        OFFER,
        PROGRESS_BAR,
        TESTIMONIAL,
        COLLECTION,
        QUIZ,
        PRODUCTS,
        PRODUCT,
        CART,
        RECOMMENDATIONS,
    ],
)
"""Every block type that works without being declared; packages add theirs as entry points."""
