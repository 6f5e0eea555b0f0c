"""Sample content of every built-in block type, and a way to turn it into decisions."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import pytest

from persx.content.blocks import BLOCK_TYPES
from persx.content.rendering import Renderer
from persx.model.decision import Decision, Reason

SAMPLES: dict[str, dict[str, Any]] = {
    "hero": {
        "eyebrow": "For online stores",
        "headline": "Turn first carts into second orders",
        "text": "The page that fits each shopper.",
        "primary_label": "See it",
        "primary_href": "/contact",
        "secondary_label": "Test ideas",
        "secondary_href": "/test-ideas",
        "proof": [{"value": "+18%", "label": "repeat purchases"}],
    },
    "feature_grid": {
        "headline": "What changes",
        "intro": "Three things.",
        "features": [
            {"title": "Carts", "text": "come back", "icon": "shopping-cart"},
            {"title": "Offers", "text": "with a reason"},
            {"title": "Proof", "text": "not promises", "icon": "chart-line"},
        ],
    },
    "contact_form": {
        "headline": "Write to us",
        "intro": "Tell us where shoppers drop off.",
        "reasons": [{"title": f"Reason {n}", "description": f"Because of {n}"} for n in range(3)],
        "form": "contact",
        "fields": [
            {"name": "name", "label": "Name", "required": True},
            {"name": "email", "label": "E-mail", "type": "email", "required": True},
            {"name": "topic", "label": "Topic", "type": "select", "options": ["A", "B"]},
            {"name": "message", "label": "Message", "type": "textarea"},
        ],
        "submit_label": "Send it",
        "thanks": "Thank you.",
    },
    "cta": {"headline": "Start", "text": "Today.", "label": "Go", "href": "/start"},
    "rich_text": {"html": "<h2>Why</h2><p>Seven of <strong>ten</strong> carts.</p>"},
    "offer": {
        "headline": "A free audit",
        "text": "Of five pages.",
        "label": "Book",
        "href": "https://example.com/book",
        "code": "FITS-5",
        "terms": "One each.",
        "badge": "New",
    },
    "progress_bar": {
        "label": "Free shipping",
        "attribute": "cart.value",
        "goal": 100,
        "unit": "$",
        "bar": True,
        "message": "{remaining} of {goal} to go, {current} so far",
        "done_message": "Shipping is free",
    },
    "testimonial": {
        "quote": "It fits.",
        "name": "Mara Lindqvist",
        "role": "Head of eCommerce",
        "company": "Fjord & Field",
        "outcome": "+14%",
        "note": "Fictional",
    },
    "collection": {
        "headline": "Ideas",
        "intro": "For you.",
        "items": [
            {"title": "A", "text": "a", "href": "/a", "tags": ["SaaS"], "kicker": "k", "meta": "m"},
            {"title": "B", "text": "b", "href": "/b", "tags": ["Healthcare", "Fill capacity"]},
            {"title": "C", "text": "c", "href": "/c"},
            {"title": "D", "text": "d", "href": "/d", "tags": ["saas", "Reduce churn"]},
        ],
        "rank_by": ["industry", "goals"],
        "limit": 3,
        "layout": "cards",
        "more_label": "All",
        "more_href": "/all",
    },
    "quiz": {
        "headline": "Three questions",
        "intro": "Stop whenever you like.",
        "questions": ["company-size", "role"],
        "thanks": "That was all.",
        "link_label": "See ideas",
        "link_href": "/ideas",
    },
    "products": {
        "eyebrow": "Runners",
        "headline": "Shoes",
        "intro": "And socks.",
        "products": [
            {
                "id": "shoe",
                "name": "Shoe",
                "price": 89.9,
                "was": 100,
                "category": "Shoes",
                "href": "/shoe",
                "art": "shoe",
            },
            {
                "id": "sock",
                "name": "Sock",
                "price": 9,
                "category": "Socks",
                "href": "/sock",
                "tags": ["Shoes"],
            },
            {
                "id": "gel",
                "name": "Gel",
                "price": 2,
                "category": "Food",
                "href": "/gel",
                "tags": ["Socks"],
            },
        ],
        "rank_by": ["viewed_categories"],
        "match": "category",
        "limit": 2,
        "layout": "hero",
        "currency": "USD",
        "categories": {"Shoes": "Footwear"},
        "add_label": "Add",
        "added_label": "Added",
        "more_label": "All",
        "more_href": "/all",
    },
    "product": {
        "id": "shoe",
        "name": "Shoe",
        "price": 89.9,
        "was": 100,
        "currency": "USD",
        "category": "Shoes",
        "category_label": "Footwear",
        "text": "It runs.",
        "details": ["8 mm drop"],
        "art": "shoe",
        "add_label": "Add",
        "added_label": "Added",
        "note": "Two days.",
    },
    "cart": {
        "headline": "Cart",
        "empty": "Nothing yet.",
        "thanks": "Thank you.",
        "attribute": "cart.units",
        "currency": "USD",
        "shipping": 5,
        "free_from": 100,
        "codes": [{"code": "TEN", "percent": 10}],
        "order_label": "Order",
        "remove_label": "Remove",
        "code_label": "Code",
        "shipping_label": "Delivery",
        "free_label": "free",
        "total_label": "Total",
        "wrong_code": "Unknown.",
        "shop_label": "Shop",
        "shop_href": "/",
        "note": "A demo.",
    },
    "recommendations": {
        "headline": "For you",
        "pipeline": "for-you",
        "eyebrow": "Chosen",
        "intro": "Follows what you look at.",
        "count": 3,
        "layout": "list",
        "anchor": "none",
        "instead": ["storm"],
        "empty": "Nothing yet.",
        "show_why": True,
        "show_price": False,
        "currency": "USD",
        "categories": {"Apparel": "Clothes"},
        "add_label": "Add",
        "added_label": "Added",
        "more_label": "All",
        "more_href": "/products",
    },
}


@pytest.fixture
def samples() -> dict[str, dict[str, Any]]:
    """Valid content of every built-in type, every optional field set; a fresh copy."""
    return copy.deepcopy(SAMPLES)


@pytest.fixture
def decided() -> Callable[..., Decision]:
    """Make a decision that shows this content."""

    def decide(type: str, content: dict[str, Any], block: str = "main-block") -> Decision:
        return Decision(
            block=block,
            type=type,
            variant="saas",
            content=content,
            reason=Reason.TARGETED,
            arms={},
        )

    return decide


@pytest.fixture(scope="module")
def renderer() -> Renderer:
    """A renderer of the built-in types."""
    return Renderer({entry.name: entry for entry in BLOCK_TYPES})
