"""What a workspace may make of a visitor's network: context that was asked for, nothing more."""

from __future__ import annotations

from typing import Any

import pytest
import yaml

from persx.demo import demo_folder
from persx.model.errors import Fault
from persx.workspace.documents import read_folder
from persx.workspace.validation import check

GOOD: dict[str, Any] = {
    "attributes": {"net.org": "autonomous_system_organization", "net.size": "traits.user_count"},
    "industries": {"Education": 'contains(lower(net.org), "university")', "SaaS": "net.size > 3"},
    "suggest": False,
}


def faults(network: dict[str, Any], **attributes: Any) -> list[Fault]:
    files = read_folder(demo_folder("persx_ai"))
    declared = {
        "net.org": {"source": "contextual", "purpose": "personalization"},
        "net.size": {"source": "contextual", "purpose": "personalization", "type": "number"},
        **attributes,
    }
    files["attributes.yaml"] += "\n" + yaml.safe_dump(declared)
    files["settings.yaml"] += "\n" + yaml.safe_dump({"network": network})
    return [each for each in check(files)[1] if "net" in each.path or each.severity == "error"]


def test_a_sound_network_has_no_faults() -> None:
    assert faults(GOOD) == []


@pytest.mark.parametrize(
    ("network", "attributes", "path", "told"),
    [
        ({"attributes": {"net.orgg": "x"}}, {}, "attributes.net.orgg", "Did you mean 'net.org'?"),
        ({"attributes": {"net.org": "a..b"}}, {}, "attributes.net.org", "no path of a field"),
        ({"attributes": {"company": "x"}}, {}, "attributes.company", "never more than context"),
        (
            {"attributes": {"net.necessary": "x"}},
            {"net.necessary": {"source": "contextual", "purpose": "necessary"}},
            "attributes.net.necessary",
            "purpose: personalization",
        ),
        (
            {"attributes": {"net.list": "x"}},
            {"net.list": {"source": "contextual", "type": "strings"}},
            "attributes.net.list",
            "type: string, number or boolean",
        ),
        ({"industries": {"Aerospace": 'net.org == "x"'}}, {}, "industries", "no industry"),
        ({"industries": {"SaaS": "net.org =="}}, {}, "industries.SaaS", "Column"),
        ({"industries": {"SaaS": 'company == "x"'}}, {}, "industries.SaaS", "'company'"),
        (
            {"industries": {"SaaS": 'network.industry == "SaaS"'}},
            {},
            "industries.SaaS",
            "'network.industry'",
        ),
        ({"industries": {"SaaS": "true"}}, {}, "industries.SaaS", ""),
        ({"telepathy": True}, {}, "", "telepathy"),
    ],
)
def test_what_it_may_not_say(
    network: dict[str, Any], attributes: dict[str, Any], path: str, told: str
) -> None:
    given = {**GOOD, **network}
    if "attributes" in network:
        given["attributes"] = {**GOOD["attributes"], **network["attributes"]}
    found = [each for each in faults(given, **attributes) if each.severity == "error"]
    assert found
    assert any(f"network.{path}" in each.path and told in str(each) for each in found), found


def test_network_industry_cannot_be_declared() -> None:
    found = faults(GOOD, **{"network.industry": {"source": "contextual"}})
    assert any("always there" in each.message for each in found)
