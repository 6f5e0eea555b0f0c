"""The demo's copy keeps the content guide: own terms, own tools, enough of it, and no hype."""

from __future__ import annotations

import html
import re
from collections.abc import Iterator, Mapping
from itertools import combinations
from typing import Any

import pytest

from persx.content.texts import localized
from persx.content.types import block_types
from persx.demo import demo_folder
from persx.model.workspace import Block, Workspace
from persx.workspace.documents import read_folder
from persx.workspace.validation import check

VARIANTS = {
    "ecommerce": "eCommerce",
    "healthcare": "Healthcare",
    "saas": "SaaS",
    "financial-services": "Financial Services",
    "education": "Education",
}
NOT_PROSE = {"form", "type", "icon", "layout", "attribute", "tags", "rank_by", "limit", "goal"}
BANNED = (
    "revolution|unlock|seamless|cutting-edge|game-chang|leverag|supercharg|empower|next-level|"
    "best-in-class|world-class|effortless|state-of-the-art|turnkey|synerg|lorem|ipsum|delve|"
    "holistic|robust solution|tailored solutions|take your .{3,20} to the next|in today's"
)
CLOUDS = r"(?! (?:Health|Financial Services|Education) Cloud)"


@pytest.fixture(scope="module")
def workspace() -> Workspace:
    found, _ = check(read_folder(demo_folder()))
    assert found is not None
    return found


def prose(content: Any) -> Iterator[str]:
    """Yield every text that a visitor reads; HTML as plain text."""
    if isinstance(content, str):
        yield html.unescape(re.sub(r"<[^>]*>", " ", content))
    elif isinstance(content, Mapping):
        for name, value in content.items():
            if name not in NOT_PROSE and not name.endswith("href"):
                yield from prose(value)
    elif isinstance(content, list | tuple):
        for value in content:
            yield from prose(value)


def text(content: Any) -> str:
    return " ".join(prose(content))


def words(content: Any) -> list[str]:
    return re.findall(r"[^\W_]+(?:['’][^\W_]+)?", text(content).casefold())


def own_texts(block: Block) -> dict[str, dict[str, Any]]:
    """Industry → what its variant itself says."""
    return {
        VARIANTS[variant.name]: variant.content
        for variant in block.variants
        if variant.name in VARIANTS
    }


def tools_named(said: str, tools: tuple[str, ...]) -> set[str]:
    """Return the tools that a text names; ``Salesforce Health Cloud`` does not name Salesforce."""
    found = set()
    for tool in sorted(tools, key=len, reverse=True):
        clouds = (
            r"(?! (?:Health|Financial Services|Education) Cloud)" if tool == "Salesforce" else ""
        )
        if re.search(rf"\b{re.escape(tool)}\b{clouds}", said):
            found.add(tool)
    return found


def four_grams(said: list[str]) -> set[tuple[str, ...]]:
    return set(zip(said, said[1:], said[2:], said[3:], strict=False))


def everything(workspace: Workspace, industry: str, locale: str | None = None) -> list[Any]:
    found: list[Any] = []
    for block in workspace.blocks.values():
        for variant in block.variants:
            if VARIANTS.get(variant.name) == industry:
                found.append(variant.content if locale is None else variant.locales.get(locale, {}))
    return found


@pytest.mark.parametrize("locale", [None, "de"])
def test_two_industries_share_few_four_grams(workspace: Workspace, locale: str | None) -> None:
    grams = {
        industry: set().union(
            *(four_grams(words(said)) for said in everything(workspace, industry, locale))
        )
        for industry in VARIANTS.values()
    }
    for first, second in combinations(grams, 2):
        shared = len(grams[first] & grams[second])
        smaller = min(len(grams[first]), len(grams[second]))
        assert smaller > 300
        assert shared / smaller < 0.05, f"{first} and {second}: {shared} of {smaller}"


def test_what_two_industries_see_differs_with_shared_lists_counted_too(
    workspace: Workspace,
) -> None:
    types = block_types(workspace)
    shown: dict[str, set[tuple[str, ...]]] = {industry: set() for industry in VARIANTS.values()}
    for block in workspace.blocks.values():
        for variant in block.variants:
            industry = VARIANTS.get(variant.name)
            if industry is not None:
                content = localized(block, variant, "en", workspace.locales)
                arranged = types[block.type].arrange(content, {"industry": industry})
                shown[industry] |= four_grams(words(arranged))
    for first, second in combinations(shown, 2):
        shared = len(shown[first] & shown[second])
        assert shared < 0.3 * min(len(shown[first]), len(shown[second])), f"{first} {second}"


@pytest.mark.parametrize("industry", VARIANTS.values())
def test_no_block_repeats_a_sentence_frame_in_another_industry(
    workspace: Workspace, industry: str
) -> None:
    for block in workspace.blocks.values():
        own = own_texts(block)
        if industry not in own:
            continue
        mine = four_grams(words(own[industry]))
        for other, said in own.items():
            if other != industry:
                assert len(mine & four_grams(words(said))) < 0.3 * len(mine), block.name


@pytest.mark.parametrize("locale", ["en", "de"])
def test_every_variant_names_two_tools_of_its_industry(workspace: Workspace, locale: str) -> None:
    for block in workspace.blocks.values():
        for variant in block.variants:
            if variant.name in VARIANTS:
                said = text({**variant.content, **variant.locales.get(locale, {})})
                found = tools_named(said, workspace.industries[VARIANTS[variant.name]].tools)
                assert len(found) >= 2, f"{block.name} {variant.name}: {found}"


@pytest.mark.parametrize("industry", VARIANTS.values())
def test_an_industry_names_every_one_of_its_tools_somewhere(
    workspace: Workspace, industry: str
) -> None:
    tools = workspace.industries[industry].tools
    said = text(everything(workspace, industry))
    ideas = [
        item["tags"]
        for item in workspace.blocks["test-ideas-list"].content["items"]
        if industry in item["tags"]
    ]
    mentioned = tools_named(said, tools) | {tag for tags in ideas for tag in tags}
    assert len(tools_named(said, tools)) >= 6
    assert set(tools) <= mentioned


def test_a_store_reads_of_no_patients_and_a_clinic_of_no_carts(workspace: Workspace) -> None:
    strange = {
        "eCommerce": "patient|clinic|seats|trial|deposit|applicant|student|yield",
        "Healthcare": "AOV|shopper|trial-to-paid|APR|student|deposit|checkout",
        "SaaS": "patient|shopper|student|borrower|applicant|AOV|clinic",
        "Financial Services": "patient|shopper|student|trial-to-paid|AOV|campus",
        "Education": "patient|shopper|trial-to-paid|borrower|AOV|checkout",
    }
    allowed = {"Rate shoppers"}  # people who compare interest rates are called so
    for industry, pattern in strange.items():
        for block in workspace.blocks.values():
            said = text(own_texts(block).get(industry, {}))
            for phrase in allowed:
                said = said.replace(phrase, "")
            found = re.search(rf"\b(?:{pattern})s?\b", said, re.IGNORECASE)
            assert found is None, f"{block.name} {industry}: {found and found[0]}"


def test_no_variant_is_a_stub(workspace: Workspace) -> None:
    for block in workspace.blocks.values():
        for variant in block.variants:
            fields = {name for name in variant.content if name in block.content}
            default = text({name: block.content[name] for name in fields})
            own = text(variant.content)
            assert len(own) >= 0.6 * len(default), f"{block.name} {variant.name}"
            for name in ("headline", "text", "quote", "html", "reasons", "features"):
                if name in block.content:
                    assert name in variant.content, f"{block.name} {variant.name} {name}"


def test_articles_are_articles(workspace: Workspace) -> None:
    bodies = [block for name, block in workspace.blocks.items() if name.endswith("-body")]
    assert len(bodies) == 6
    for block in bodies:
        assert 350 <= len(words(block.content)) <= 600, block.name
        assert block.content["html"].count("<h2>") >= 4


def test_there_is_no_hype(workspace: Workspace) -> None:
    said: list[Any] = [workspace.settings.tagline, workspace.settings.footer]
    for block in workspace.blocks.values():
        said += [block.content, *(variant.content for variant in block.variants)]
    said += [persona.description for persona in workspace.personas.values()]
    said += [(page.title, page.description) for page in workspace.pages.values()]
    found = re.findall(BANNED, text(said), re.IGNORECASE)
    assert found == []
    assert "!" not in text(said)


def test_quotes_are_labelled_as_invented(workspace: Workspace) -> None:
    label = re.compile(
        r"fictional|invented|made-up|imaginary|does not exist|erfunden|ausgedacht|gibt es nicht",
        re.IGNORECASE,
    )
    quotes = [block for block in workspace.blocks.values() if block.type == "testimonial"]
    assert quotes
    for block in quotes:
        sides = [block.content, block.locales["de"]]
        for variant in block.variants:
            sides += [variant.content, variant.locales["de"]]
        for side in sides:
            assert label.search(side["note"]), side["note"]


def test_proof_figures_are_targets_or_facts_about_the_site(workspace: Workspace) -> None:
    # A percentage in a proof is either said to be a goal, or is one of the site's own settings.
    for variant in workspace.blocks["home-hero"].variants:
        for proof in variant.content["proof"]:
            if "%" in proof["value"] or "pts" in proof["value"]:
                assert re.search(r"aim|goal|target|moment", proof["label"]), proof
