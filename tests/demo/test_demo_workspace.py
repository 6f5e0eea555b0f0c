"""The demo workspace is valid and complete: pages, coverage, links, goals, languages."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from persx.content.texts import localized
from persx.demo import DEMOS, demo_folder
from persx.experiments.statistics import proportions
from persx.model.errors import NotFound
from persx.model.workspace import Block, Variant, Workspace
from persx.workspace.coverage import coverage
from persx.workspace.documents import read_folder
from persx.workspace.validation import check

INDUSTRIES = ["eCommerce", "Healthcare", "SaaS", "Financial Services", "Education"]
VARIANTS = ["ecommerce", "healthcare", "saas", "financial-services", "education"]
SYSTEM_PATHS = {"/start", "/privacy"}
EXAMPLES = Path(__file__).parents[2] / "examples"


@pytest.fixture(scope="module")
def workspace() -> Workspace:
    found, faults = check(read_folder(demo_folder()))
    assert [str(fault) for fault in faults] == []
    assert found is not None
    return found


def contents(block: Block) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield the default content and every variant's own, with its name."""
    yield "default", block.content
    for variant in block.variants:
        yield variant.name, variant.content


def fields(content: Any, ending: str) -> Iterator[str]:
    """Yield the values of all fields, however deep, whose name ends so."""
    if isinstance(content, dict):
        for name, value in content.items():
            if name.endswith(ending) and isinstance(value, str):
                yield value
            yield from fields(value, ending)
    elif isinstance(content, list | tuple):
        for value in content:
            yield from fields(value, ending)


def industry_variants(block: Block) -> dict[str, Variant]:
    return {variant.name: variant for variant in block.variants if variant.name in VARIANTS}


def test_every_demo_is_valid() -> None:
    for name in DEMOS:
        found, faults = check(read_folder(demo_folder(name)))
        assert found is not None
        assert faults == []


def test_an_unknown_demo_is_named_with_a_hint() -> None:
    with pytest.raises(NotFound, match="Did you mean 'persx_ai'"):
        demo_folder("persx-ai")


def test_industries_offer_goals_and_tools(workspace: Workspace) -> None:
    assert list(workspace.industries) == INDUSTRIES
    for industry in workspace.industries.values():
        assert 5 <= len(industry.goals) <= 6
        assert len(industry.tools) == 8
        assert industry.label
        assert industry.description
    assert workspace.industries["eCommerce"].goals[:2] == (
        "Increase AOV",
        "Reduce cart abandonment",
    )


@pytest.mark.parametrize("name", ["goals", "tools"])
def test_what_visitors_may_say_is_what_the_industries_offer(
    workspace: Workspace, name: str
) -> None:
    offered = [word for each in workspace.industries.values() for word in getattr(each, name)]
    assert list(workspace.attributes[name].values) == offered


def test_the_site_has_its_pages(workspace: Workspace) -> None:
    paths = {page.path: page for page in workspace.pages.values()}
    assert {"/", "/about", "/contact", "/blog", "/test-ideas", "/personas"} <= set(paths)
    posts = [page for path, page in paths.items() if path.startswith("/blog/")]
    assert len(posts) == 6
    for post in posts:
        assert post.layout == "article"
        types = [workspace.blocks[name].type for name in post.blocks]
        assert types == ["rich_text", "cta", "recommendations"]
        assert workspace.blocks[post.blocks[0]].coverage_opt_out == ("*",)
    assert [page.navigation for page in paths.values() if page.navigation] != []


def test_every_block_stands_on_a_page(workspace: Workspace) -> None:
    placed = {name for page in workspace.pages.values() for name in page.blocks}
    assert placed == set(workspace.blocks)


def test_every_block_speaks_to_every_industry(workspace: Workspace) -> None:
    for cell in coverage(workspace):
        if not cell.opted_out:
            wanted = VARIANTS[INDUSTRIES.index(cell.industry)]
            assert cell.variant == wanted, f"{cell.block} for {cell.industry}"


def test_only_articles_and_recommendations_opt_out_of_coverage(workspace: Workspace) -> None:
    out = {name for name, block in workspace.blocks.items() if block.coverage_opt_out}
    ranked = {"ideas-for-you"}
    assert out == {name for name in workspace.blocks if name.endswith("-body")} | ranked


def test_variants_beside_the_industries_ask_for_more_than_an_industry(workspace: Workspace) -> None:
    # Somebody who has just told us an industry must get that industry's variant everywhere.
    answers = tuple(question.attribute for question in workspace.questions.values())
    others = [
        variant
        for block in workspace.blocks.values()
        for variant in block.variants
        if variant.name not in VARIANTS
    ]
    assert others
    for variant in others:
        returning = variant.when.endswith(" and returning_visitor")
        assert returning == variant.name.endswith("-returning")
        assert returning or variant.when.startswith(answers), variant.name


def test_questions_are_asked_in_both_languages_and_each_answer_is_good_for_something(
    workspace: Workspace,
) -> None:
    assert len(workspace.questions) >= 5
    rules = " ".join(
        variant.when for block in workspace.blocks.values() for variant in block.variants
    )
    for question in workspace.questions.values():
        assert set(question.locales["de"]) == {
            field for field in ("text", "hint") if getattr(question, field)
        }
        attribute = workspace.attributes[question.attribute]
        assert attribute.kept_for or question.attribute in rules
        said = attribute.locales["de"]
        assert said.label
        assert set(said.values) <= set(attribute.values)


def test_links_lead_to_pages_that_exist(workspace: Workspace) -> None:
    known = {page.path for page in workspace.pages.values()} | SYSTEM_PATHS
    links = [
        (name, href)
        for name, block in workspace.blocks.items()
        for _, content in contents(block)
        for href in fields(content, "href")
    ]
    assert len(links) > 200
    assert [link for link in links if link[1] not in known] == []


def test_an_article_does_not_recommend_itself(workspace: Workspace) -> None:
    for page in workspace.pages.values():
        if page.layout == "article":
            instead = workspace.blocks[page.blocks[2]].content["instead"]
            assert page.path.strip("/") not in instead
            paths = {each.path for each in workspace.pages.values()}
            assert len({f"/{id}" for id in instead} & paths) == 3, page.name


def test_links_to_related_articles_are_named_after_the_industry(workspace: Workspace) -> None:
    for block in workspace.blocks.values():
        if block.name.endswith("-related"):
            for variant, industry in zip(VARIANTS, INDUSTRIES, strict=True):
                headline = industry_variants(block)[variant].content["headline"]
                assert headline.startswith(f"Related for {industry}: ")


def test_ideas_carry_tags_that_visitors_can_have(workspace: Workspace) -> None:
    content = workspace.blocks["test-ideas-list"].content
    assert content["rank_by"] == ["industry", "goals", "tools"]
    items = content["items"]
    assert len(items) == 30
    for industry in workspace.industries.values():
        own = [item for item in items if industry.name in item["tags"]]
        assert len(own) == 6
        for item in own:
            known = {industry.name, *industry.goals, *industry.tools}
            assert set(item["tags"]) <= known, item["title"]
            assert item["kicker"] in industry.goals
            assert set(item["tags"]) & set(industry.tools)
    goals = {goal for each in workspace.industries.values() for goal in each.goals}
    assert goals <= {tag for item in items for tag in item["tags"]}


def test_the_list_of_personas_is_that_of_the_workspace(workspace: Workspace) -> None:
    items = workspace.blocks["personas-list"].content["items"]
    assert {item["kicker"] for item in items} == set(workspace.personas)
    for item in items:
        persona = workspace.personas[item["kicker"]]
        assert item["title"] == persona.label
        assert item["tags"] == [persona.industry]


def test_goals_are_events_that_the_site_sends(workspace: Workspace) -> None:
    forms = {
        block.content["form"] for block in workspace.blocks.values() if block.type == "contact_form"
    } | {"start"}
    assert {goal.where["form"] for goal in workspace.goals.values()} == forms
    assert set(workspace.settings.holdout.goals) <= set(workspace.goals)
    assert workspace.settings.holdout.share == 0.1
    assert workspace.experiments == {}


def test_a_contact_form_has_five_reasons_for_each_industry(workspace: Workspace) -> None:
    block = workspace.blocks["contact-form"]
    for name, content in contents(block):
        assert len(content["reasons"]) == 5, name
    assert industry_variants(block)["ecommerce"].content["headline"] == (
        "Ready to drive more revenue through personalization?"
    )


def test_home_and_contact_are_wholly_german_for_german_readers(workspace: Workspace) -> None:
    untranslated = {"name", "company", "form"}
    pages = [page for page in workspace.pages.values() if page.path in ("/", "/contact")]
    for name in [name for page in pages for name in page.blocks]:
        block = workspace.blocks[name]
        sides = [("default", block.content, block.locales)]
        sides += [(v.name, v.content, v.locales) for v in block.variants]
        for side, content, locales in sides:
            wanted = {field for field in content if not field.endswith("href")} - untranslated
            assert set(locales["de"]) == wanted, f"{name} {side}"
            for field in wanted:
                german, english = locales["de"][field], content[field]
                assert german != english, f"{name} {side} {field}"
                if isinstance(english, list):
                    assert len(german) <= len(english)


def test_austrian_german_falls_back_to_german_and_differs_where_it_must(
    workspace: Workspace,
) -> None:
    block = workspace.blocks["home-offer"]
    german = localized(block, None, "de", workspace.locales)
    austrian = localized(block, None, "de-AT", workspace.locales)
    assert "dieses Jahr" in german["text"]
    assert "heuer" in austrian["text"]
    assert "Januar" in german["terms"]
    assert "Jänner" in austrian["terms"]
    assert austrian["headline"] == german["headline"]
    for variant in block.variants:
        shown = localized(block, variant, "de-AT", workspace.locales)
        assert not re.search(r"\bJanuar\b", shown["terms"]), variant.name


def test_the_example_experiment_has_six_lines_and_fits_the_demo() -> None:
    path = EXAMPLES / "experiments" / "contact-page-personalization-v1.yaml"
    document = path.read_text(encoding="utf-8")
    lines = [line for line in document.splitlines() if line and not line.startswith("#")]
    assert len(lines) <= 6
    found, faults = check({**read_folder(demo_folder()), f"experiments/{path.name}": document})
    assert faults == []
    assert found is not None
    experiment = found.experiments["contact-page-personalization-v1"]
    arms = {arm.name: (arm.weight, arm.show) for arm in experiment.arms}
    assert arms == {
        "generic-content": (1.0, "default"),
        "industry-personalized-content": (1.0, "targeted"),
    }


def test_the_worked_example_of_the_article_on_lift_is_right(workspace: Workspace) -> None:
    article = workspace.blocks["measuring-lift-body"].content["html"]
    found = proportions.lift(450, 9_000, 43, 1_000)
    assert "450 conversions, so 5.0%" in article
    assert f"{found.lift:.0%}" == "16%"
    low, high = f"{abs(found.low):.0%}", f"{found.high:.0%}"
    assert re.search(rf"roughly −{low} to \+{high}", article)
