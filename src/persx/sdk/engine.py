"""The engine: decide in your own process from a workspace folder or a published snapshot."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec

from persx.app.explaining import explain_rule
from persx.audience.explain import Explanation
from persx.decide.compilation import compile_snapshot
from persx.decide.engine import decide
from persx.decide.plan import Plan
from persx.model.attribute import Value
from persx.model.clock import system_clock
from persx.model.decision import PageDecision
from persx.model.errors import BadInput, InvalidWorkspace, NotFound, did_you_mean
from persx.model.event import anonymous_key, user_key
from persx.model.visitor import Profile
from persx.model.workspace import Snapshot
from persx.workspace.documents import read_folder
from persx.workspace.snapshot import canonical, digest
from persx.workspace.validation import check


class Engine:
    """Decides without a server: no network, no storage, microseconds a page.

    Example:
        >>> from persx import Engine
        >>> from persx.demo import demo_folder
        >>> engine = Engine.from_folder(demo_folder("persx_ai"))
        >>> page = engine.decide("contact", anonymous_id="v1", attributes={"industry": "SaaS"})
        >>> page.page
        'contact'
    """

    def __init__(self, snapshot: Snapshot) -> None:
        self._plan: Plan = compile_snapshot(snapshot)

    @classmethod
    def from_folder(cls, folder: str | Path) -> Engine:
        """Read, check and compile a workspace folder.

        Raises:
            InvalidWorkspace: It has faults; the message lists all of them.
        """
        workspace, faults = check(read_folder(Path(folder)))
        errors = [fault for fault in faults if fault.severity == "error"]
        if workspace is None or errors:
            raise InvalidWorkspace(errors)
        return cls(
            Snapshot(
                number=0,
                digest=digest(canonical(workspace)),
                published=0,
                author="",
                message=str(folder),
                workspace=workspace,
            )
        )

    @classmethod
    def from_json(cls, text: str | bytes) -> Engine:
        """Compile a snapshot as ``GET /v1/snapshot`` answers it.

        Raises:
            BadInput: It is not a snapshot.
        """
        try:
            return cls(msgspec.json.decode(text, type=Snapshot))
        except msgspec.DecodeError as error:
            raise BadInput(f"This is not a snapshot: {error}.") from error

    @property
    def snapshot(self) -> Snapshot:
        """The snapshot that decisions come from."""
        return self._plan.snapshot

    def decide(
        self,
        page: str | None = None,
        *,
        blocks: Sequence[str] = (),
        anonymous_id: str = "",
        user_id: str = "",
        attributes: Mapping[str, Value] | None = None,
        context: Mapping[str, Value] | None = None,
        now: int | None = None,
        forced: Mapping[str, str] | None = None,
    ) -> PageDecision:
        """Decide a page, or a set of blocks, for a visitor.

        Args:
            page: Name of a page of the workspace.
            blocks: Names of blocks, where no page is named; unknown ones are left out.
            anonymous_id, user_id: Whom experiments bucket by; the user id where both are given.
                Without either no experiment applies.
            attributes: What you know of the visitor, by attribute name.
            context: What the request tells, such as ``device`` or ``page.path``.
            now: Epoch milliseconds; the clock's time unless given.
            forced: For previews: block → variant.

        Raises:
            NotFound: There is no such page.
        """
        if page is None:
            page_plan = self._plan.page_of(tuple(blocks))
        elif (found := self._plan.pages.get(page)) is not None:
            page_plan = found
        else:
            raise NotFound(f"Unknown page '{page}'.", hint=did_you_mean(page, self._plan.pages))
        identity = user_key(user_id) if user_id else anonymous_key(anonymous_id)
        profile = Profile(
            identities=(identity,),
            bucketing_id=identity,
            attributes=dict(attributes or {}),
            storable=bool(user_id or anonymous_id),
        )
        return decide(
            self._plan,
            page_plan,
            profile,
            context or {},
            system_clock() if now is None else now,
            forced=forced,
        )

    def explain(
        self, rule: str, attributes: Mapping[str, Any] | None = None, *, now: int | None = None
    ) -> Explanation:
        """Tell why a rule is true or false for these attributes.

        Args:
            rule: Any rule of this workspace's names; a variant's, or ``in_audience("…")``.
            attributes: What is known, by attribute name.
            now: Epoch milliseconds; the clock's time unless given.

        Raises:
            BadInput: The rule is faulty, or an attribute is unknown or has another type.
        """
        moment = system_clock() if now is None else now
        return explain_rule(self._plan, rule, {}, attributes or {}, moment)
