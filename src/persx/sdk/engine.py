"""The engine: decide in your own process from a workspace folder or a published snapshot."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import msgspec

from persx.app.explaining import explain_rule
from persx.audience.explain import Explanation
from persx.decide.compilation import compile_snapshot
from persx.decide.engine import decide
from persx.decide.learned import BlockProbabilities, bound
from persx.decide.plan import Plan
from persx.experiments.probabilities import decode
from persx.model.attribute import Value
from persx.model.clock import system_clock
from persx.model.decision import PageDecision
from persx.model.errors import (
    BadInput,
    InvalidWorkspace,
    NotFound,
    Unreadable,
    did_you_mean,
)
from persx.model.event import anonymous_key, user_key
from persx.model.visitor import Profile
from persx.model.workspace import Snapshot
from persx.workspace.documents import read_folder
from persx.workspace.snapshot import canonical, digest
from persx.workspace.validation import check

_NONE: Final = msgspec.Raw(b"null")


class _Publication(msgspec.Struct, frozen=True):
    number: int
    probabilities: msgspec.Raw = _NONE


class _Learning(msgspec.Struct, frozen=True):
    block: str
    active: int = 0
    published: tuple[_Publication, ...] = ()


class _Shown(msgspec.Struct, frozen=True):
    """What `persx learn show --json` prints, as far as deciding needs it."""

    blocks: tuple[_Learning, ...]


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

    def __init__(self, snapshot: Snapshot, *, learned: str | bytes = b"") -> None:
        """Compile a snapshot.

        Args:
            learned: What its blocks have learned, as `use_learned` takes it.
        """
        self._plan: Plan = compile_snapshot(snapshot)
        self._learned: Mapping[str, BlockProbabilities] = {}
        if learned:
            self.use_learned(learned)

    @classmethod
    def from_folder(cls, folder: str | Path, *, learned: str | bytes = b"") -> Engine:
        """Read, check and compile a workspace folder.

        Args:
            learned: What its blocks have learned, as `use_learned` takes it.

        Raises:
            InvalidWorkspace: It has faults; the message lists all of them.
            BadInput: `learned` cannot be read.
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
            ),
            learned=learned,
        )

    @classmethod
    def from_json(cls, text: str | bytes, *, learned: str | bytes = b"") -> Engine:
        """Compile a snapshot from its JSON.

        Args:
            learned: What its blocks have learned, as `use_learned` takes it.

        Raises:
            BadInput: It is not a snapshot, or `learned` cannot be read.
        """
        try:
            snapshot = msgspec.json.decode(text, type=Snapshot)
        except msgspec.DecodeError as error:
            raise BadInput(f"This is not a snapshot: {error}.") from error
        return cls(snapshot, learned=learned)

    def use_learned(self, text: str | bytes) -> tuple[str, ...]:
        """Draw by what blocks have learned from now on; blocks that are not in it do not draw.

        The same visitor gets the same variant with the same propensity as from the server that
        published it. May be called again whenever something new was published, also while other
        threads decide.

        Args:
            text: What ``persx learn show --json`` prints.

        Returns:
            The blocks that draw. One that learns by other attributes in this workspace than it did
            when that was published is not among them.

        Raises:
            BadInput: It is something else, or its numbers are no probabilities. What was used
                before stays.

        >>> from persx import Engine
        >>> from persx.demo import demo_folder
        >>> Engine.from_folder(demo_folder("persx_ai")).use_learned('{"blocks": []}')
        ()
        """
        try:
            shown = msgspec.json.decode(text, type=_Shown)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise BadInput(
                f"This is not what blocks have learned: {error}.",
                hint="Write it with  persx learn show --json",
            ) from error
        published = {}
        for each in shown.blocks:
            for publication in each.published:
                if publication.number == each.active:
                    if publication.probabilities == _NONE:
                        raise BadInput(
                            f"Number {each.active} of '{each.block}' tells no probabilities.",
                            value=each.active,
                            hint="Write it with  persx learn show --json",
                        )
                    try:
                        found = decode(bytes(publication.probabilities))
                    except Unreadable as error:
                        raise BadInput(str(error)) from error
                    published[each.block] = (publication.number, found)
        self._learned = bound(self._plan, published)
        return tuple(self._learned)

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
            learned=self._learned,
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
