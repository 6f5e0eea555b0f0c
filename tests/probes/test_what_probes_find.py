"""What probes say of pages: of good ones nothing, of each fault where it is and what it is."""

from __future__ import annotations

import pytest

from persx.app import probe_tests
from persx.app.probe_browser import Browser, PageParser, plain
from persx.app.probing import faults_of
from persx.model.decision import Reason
from persx.model.errors import BadInput
from persx.model.probe import (
    CellState,
    ExpectedBlock,
    ProbeCell,
    ProbeCheck,
    ProbeReport,
    ProbeVisitor,
    SeenBlock,
    Stop,
    Walk,
)
from persx.web.admin.probes import ProbesView, arranged

STOP = Stop(
    page="home",
    path="/",
    blocks=(ExpectedBlock("hero", "saas", Reason.TARGETED, "Fewer & better\ntrials"),),
    confirms=True,
)


def section(variant: str = "saas", reason: str = "targeted", text: str = "Fewer") -> str:
    return (
        f'<section data-block="hero" data-variant="{variant}" data-reason="{reason}">'
        f"<h1>{text} &amp; better <em>trials</em></h1></section>"
    )


def found(page: str) -> list[str]:
    return faults_of(PageParser(page), STOP)


def test_a_page_as_it_was_decided_has_no_fault() -> None:
    assert found(section()) == []


@pytest.mark.parametrize(
    ("page", "said"),
    [
        ("<p>Nothing</p>", "'hero' is not in the page"),
        (section(reason="error", variant="default"), "cannot show its variant 'saas' (error)"),
        (section(reason="invalid", variant="default"), "cannot show its variant 'saas' (invalid)"),
        (section(reason="no_match", variant="default"), "shows 'default' (no_match), where 'saas'"),
        (section(variant="education"), "shows 'education' (targeted), where 'saas'"),
        (section(text="More"), "does not say “Fewer & better"),
    ],
)
def test_each_fault_is_told_with_its_block(page: str, said: str) -> None:
    (fault,) = found(page)
    assert said in fault


def test_a_page_is_read_with_its_image_its_forms_and_its_fields() -> None:
    page = PageParser(
        '<form method="post" action="/start"><input type="radio" name="industry" value="A &amp; B">'
        '<button>Go</button></form><form action="/x"><button>No</button></form>'
        '<img src="/v1/x/abc"><img src="/logo.svg">'
    )
    assert (page.offered, page.sendable, page.confirming) == (["A & B"], {"/start"}, "/v1/x/abc")
    assert plain("a &amp;\n  b") == "a & b"


def test_an_address_that_is_none_is_refused() -> None:
    for wrong in ("", "site.example", "ftp://site.example", "http://"):
        with pytest.raises(BadInput, match="no address"):
            Browser(wrong, "mark")


def report() -> ProbeReport:
    def cell(visitor: str, reason: str, *faults: str) -> ProbeCell:
        return ProbeCell(
            visitor=visitor, page="home", path="/", status=200, milliseconds=3.0,
            blocks=(SeenBlock("hero", "saas", reason),), faults=faults,
        )  # fmt: skip

    return ProbeReport(
        at=1, url="http://site.test", snapshot=3,
        cells=(cell("SaaS", "targeted"), cell("anyone", "no_match"), cell("x", "error", "Bad.")),
        checks=(ProbeCheck(asked="a page", promised="404", fault="It answers 500."),),
    )  # fmt: skip


def test_a_report_counts_states_and_lists_what_is_broken_and_where() -> None:
    told = report()
    assert dict(told.states) == dict.fromkeys(CellState, 1)
    assert list(told.broken) == ["x × home (/): Bad.", "a page: It answers 500."]


def test_the_studio_arranges_it_by_page_and_visitor() -> None:
    view = arranged(ProbesView(name="Site"), report())
    assert view.visitors == ("SaaS", "anyone", "x")
    (row,) = view.rows
    assert [cell.dot for cell in row.cells if cell] == ["good", "out", "bad"]
    assert len(view.broken) == 2


HOSTILE = '"""\\ {x} ${{7*7}}\'\n'


def test_generated_tests_are_python_whatever_the_site_says() -> None:
    stop = Stop(
        page=HOSTILE,
        path="/" + HOSTILE,
        blocks=(
            ExpectedBlock("hero", HOSTILE, Reason.TARGETED, HOSTILE),
            ExpectedBlock("drawn", "b", Reason.ARM, "text"),
        ),
        confirms=True,
    )
    visitor = ProbeVisitor(name=HOSTILE, industry=HOSTILE, cookie="c", stops=(stop,))
    walk = Walk(site="S", snapshot=1, write_key="k", industries=(HOSTILE,), visitors=(visitor,))
    names: dict[str, object] = {}
    exec(compile(probe_tests.tests_of(walk), "test_personalization.py", "exec"), names)
    assert names["EXPECTED"] == {
        HOSTILE: {"/" + HOSTILE: {"hero": (HOSTILE, plain(HOSTILE)), "drawn": (None, "")}}
    }
