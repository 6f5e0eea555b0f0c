"""Whatever is put in the place of any value, checking finds faults and never fails itself."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from persx.decide.compilation import compile_snapshot
from persx.model.workspace import Snapshot
from persx.workspace.documents import read_folder
from persx.workspace.snapshot import canonical, digest
from persx.workspace.source import load
from persx.workspace.validation import check

FILES = read_folder(Path(__file__).parents[1] / "testdata" / "workspaces" / "shop")
DOCUMENTS = {path: source.value for path, text in FILES.items() if (source := load(text, path)[0])}


def places(value: Any, keys: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """The way to every value."""
    inner = (
        value.items()
        if isinstance(value, dict)
        else enumerate(value)
        if isinstance(value, list)
        else ()
    )
    return [keys, *(place for key, item in inner for place in places(item, (*keys, key)))]


PLACES = [(path, keys) for path, value in DOCUMENTS.items() for keys in places(value)]
NAMES = ["hero", "note", "eCommerce", "de", "big-carts", "order", "home", "default", "targeted"]
FORMS = ["0.5", "-1", "1e999", "true", "*", "home/*", "/", "30d", "2026-03-29 02:30", "UTC"]
RULES = ["cart.value > 1", 'in_audience("regulars")', "persona == 'x'", "{{ x }}", "<script>"]
scalars = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False)
    | st.sampled_from([*NAMES, *FORMS, *RULES])
    | st.text(max_size=12)
)
fields = st.sampled_from(
    ["type", "content", "variants", "when", "schedule", "start", "locales", "values", "compute",
     "kind", "options", "weight", "show", "name", "schema", "template", "properties", "$ref"]
) | st.text(max_size=6)  # fmt: skip
values = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(fields, inner, max_size=3),
    max_leaves=8,
)


def with_value(document: Any, keys: tuple[Any, ...], value: Any) -> Any:
    """A copy of a document with another value at a place."""
    if not keys:
        return value
    changed = copy.deepcopy(document)
    at = changed
    for key in keys[:-1]:
        at = at[key]
    at[keys[-1]] = value
    return changed


@settings(deadline=None, max_examples=100)
@given(st.lists(st.tuples(st.sampled_from(PLACES), values), min_size=1, max_size=3))
def test_any_value_in_any_place(changes: list[tuple[tuple[str, tuple[Any, ...]], Any]]) -> None:
    files = dict(FILES)
    for (path, keys), value in changes:
        files[path] = yaml.safe_dump(with_value(DOCUMENTS[path], keys, value), allow_unicode=True)
    workspace, faults = check(files)
    assert (workspace is None) == any(fault.severity == "error" for fault in faults)
    for fault in faults:
        assert fault.message
        assert fault.file
        assert len(fault.value) <= 200
    if workspace is not None:
        data = canonical(workspace)
        # What is found valid can be served.
        compile_snapshot(
            Snapshot(
                number=1,
                digest=digest(data),
                published=0,
                author="",
                message="",
                workspace=workspace,
            )
        )


@settings(deadline=None, max_examples=50)
@given(st.sampled_from(sorted(FILES)), st.data())
def test_any_damage_to_a_file(path: str, data: st.DataObject) -> None:
    text = FILES[path]
    start = data.draw(st.integers(0, len(text)))
    end = data.draw(st.integers(start, min(len(text), start + 20)))
    put = data.draw(st.text(st.sampled_from(" \n\t:-{}[]&*!|>'\"%@`#,?ab0é\x00\u2028"), max_size=6))
    workspace, faults = check({**FILES, path: text[:start] + put + text[end:]})
    assert workspace is not None or faults
