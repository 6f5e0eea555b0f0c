"""Use cases of the workspace: push and pull its files, publish a snapshot, roll back to one."""

from __future__ import annotations

import asyncio
from typing import Final

import msgspec

from persx.app.services import Services
from persx.app.use_cases import AnyUseCase, Noted, UseCase
from persx.decide.compilation import compile_snapshot
from persx.model.errors import BadInput, Conflict, Fault, InvalidWorkspace, Unreadable
from persx.model.workspace import Snapshot
from persx.storage.ports import DraftFile, SnapshotHead
from persx.workspace.history import DocumentChange, changes
from persx.workspace.layout import MAX_FILES, is_workspace_file
from persx.workspace.running import changed_while_running
from persx.workspace.snapshot import canonical, digest
from persx.workspace.source import MAX_CHARACTERS
from persx.workspace.validation import check


class PushRequest(msgspec.Struct, frozen=True, kw_only=True):
    """The files of a working copy.

    Attributes:
        files: All of them, texts by path; paths that are not a workspace's are left out.
        base: Path → digest that the working copy started from; files that are in `base` and no
            longer in `files` were removed.
    """

    files: dict[str, str]
    base: dict[str, str] = {}
    author: str = ""


class PushResult(msgspec.Struct, frozen=True, kw_only=True):
    """What a push did.

    Attributes:
        behind: Files that others have changed in the store, and the working copy has not.
        base: What the working copy has to keep as its base.
        home: Id of the home of which it is the base.
    """

    written: tuple[str, ...]
    removed: tuple[str, ...]
    behind: tuple[str, ...]
    base: dict[str, str]
    home: str


async def push(services: Services, request: PushRequest) -> PushResult:
    """Bring the store's files to those of a working copy, where nobody else has changed them.

    Raises:
        Conflict: Files were changed on both sides; the message names all of them.
        BadInput: A file is too large or not text, or there are too many.
    """
    files = {path: text for path, text in request.files.items() if is_workspace_file(path)}
    mine = _digests(files)
    store = {path: draft.digest for path, draft in (await services.store.drafts()).items()}
    # A store without any file is hardly the one that the copy came from: it gets everything.
    start_from = request.base if store else {}
    written: list[str] = []
    removed: list[str] = []
    behind: list[str] = []
    both: list[str] = []
    for path in sorted({*mine, *store, *start_from}):
        here, there = mine.get(path, ""), store.get(path, "")
        start = start_from.get(path, "")
        if here == there:
            continue
        if here == start:
            behind.append(path)
        elif there == start:
            (written if here else removed).append(path)
        else:
            both.append(path)
    if both:
        raise Conflict(
            f"Changed here and in the home: {', '.join(both)}.",
            value=both,
            hint="Nothing was pushed. First: persx pull FOLDER --beside; merge, then push again. "
            "Or push with --replace, which drops the home's versions.",
        )
    now = services.clock()
    changed = [
        DraftFile(
            path=path, text=files[path], digest=mine[path], changed=now, author=request.author
        )
        for path in written
    ]
    if changed or removed:
        concerned = {path: start_from.get(path, "") for path in (*written, *removed)}
        await services.store.save_drafts(changed, removed, concerned)
    base = {path: mine[path] for path in mine if path not in behind}
    base |= {path: start_from[path] for path in behind if path in start_from}
    return PushResult(
        written=tuple(written),
        removed=tuple(removed),
        behind=tuple(behind),
        base=base,
        home=services.keys.home_id,
    )


def _digests(files: dict[str, str]) -> dict[str, str]:
    if len(files) > MAX_FILES:
        raise BadInput(f"A workspace has at most {MAX_FILES:,} files.", value=len(files))
    found = {}
    for path, text in files.items():
        if len(text) > MAX_CHARACTERS:
            raise BadInput(f"'{path}' is larger than {MAX_CHARACTERS:,} characters.", value=path)
        try:
            found[path] = digest(text.encode())
        except UnicodeEncodeError as error:
            raise BadInput(f"'{path}' is not UTF-8 text.", value=path) from error
    return found


class PullRequest(msgspec.Struct, frozen=True, kw_only=True):
    """All files."""


class PullResult(msgspec.Struct, frozen=True, kw_only=True):
    """The store's files, texts by path, and the id of the home that has them."""

    files: dict[str, str]
    home: str


async def pull(services: Services, _request: PullRequest) -> PullResult:
    """Return the workspace's files as they stand in the store."""
    drafts = await services.store.drafts()
    return PullResult(
        files={path: draft.text for path, draft in sorted(drafts.items())},
        home=services.keys.home_id,
    )


class DraftsRequest(msgspec.Struct, frozen=True, kw_only=True):
    """All drafts."""


class DraftsResult(msgspec.Struct, frozen=True, kw_only=True):
    """The workspace in the store, compared with what is served.

    Attributes:
        drafts: The files, by path.
        active: Number of the served snapshot, 0 where nothing is published.
        changes: What publishing would change; empty where the drafts have errors.
        faults: Everything wrong in the drafts.
    """

    drafts: tuple[DraftFile, ...]
    active: int
    changes: tuple[DocumentChange, ...]
    faults: tuple[Fault, ...]


async def drafts(services: Services, _request: DraftsRequest) -> DraftsResult:
    """Return the workspace's files in the store, their faults, and what publishing would change."""
    files = await services.store.drafts()
    workspace, faults = await asyncio.to_thread(
        check, {path: draft.text for path, draft in files.items()}
    )
    active = await _active(services)
    if active and workspace:
        told = await asyncio.to_thread(changed_while_running, active.workspace, workspace)
        faults = [*faults, *told]
    return DraftsResult(
        drafts=tuple(files[path] for path in sorted(files)),
        active=active.number if active else 0,
        changes=changes(active.workspace if active else None, workspace) if workspace else (),
        faults=tuple(faults),
    )


class PublishRequest(msgspec.Struct, frozen=True, kw_only=True):
    """Who publishes, and why."""

    author: str = ""
    message: str = ""


class PublishResult(msgspec.Struct, frozen=True, kw_only=True):
    """The snapshot that is active now.

    Attributes:
        unchanged: The drafts are what was active already: there is no new number.
        warnings: What publishing did not refuse, but somebody should look at.
    """

    number: int
    digest: str
    unchanged: bool
    changes: tuple[DocumentChange, ...] = ()
    warnings: tuple[Fault, ...] = ()


async def publish(services: Services, request: PublishRequest) -> PublishResult:
    """Publish the workspace's files as the next snapshot, and make it the active one.

    Raises:
        InvalidWorkspace: The workspace has faults; all of them are in the error.
        BadInput: There are no files.
    """
    files = await services.store.drafts()
    if not files:
        raise BadInput(
            "There is nothing to publish.", hint="Push a workspace first: persx push FOLDER"
        )
    workspace, faults = await asyncio.to_thread(
        check, {path: draft.text for path, draft in files.items()}
    )
    if workspace is None:
        raise InvalidWorkspace(faults)
    content = digest(canonical(workspace))
    active = await _active(services)
    if active is not None and active.digest == content:
        return PublishResult(
            number=active.number, digest=content, unchanged=True, warnings=tuple(faults)
        )
    if active is not None:
        told = await asyncio.to_thread(changed_while_running, active.workspace, workspace)
        if refused := [each for each in told if each.severity == "error"]:
            raise InvalidWorkspace(refused)
        faults = [*faults, *told]
    snapshot = Snapshot(
        number=0,
        digest=content,
        published=services.clock(),
        author=request.author,
        message=request.message,
        workspace=workspace,
    )
    # What cannot be compiled would be refused by every server that tries to serve it.
    plan = await asyncio.to_thread(compile_snapshot, snapshot)
    if plan.faults:
        raise InvalidWorkspace([Fault(message=each) for each in plan.faults])
    number = await services.store.publish(snapshot)
    return PublishResult(
        number=number,
        digest=content,
        unchanged=False,
        changes=changes(active.workspace if active else None, workspace),
        warnings=tuple(faults),
    )


async def _active(services: Services) -> Snapshot | None:
    """Return the active snapshot; none where it cannot be read: it is about to be replaced."""
    try:
        return await services.store.snapshot()
    except Unreadable:
        return None


class RollbackRequest(msgspec.Struct, frozen=True, kw_only=True):
    """The snapshot that shall be active again."""

    number: int


class RollbackResult(msgspec.Struct, frozen=True, kw_only=True):
    """The snapshot that is active now, and the one that was."""

    number: int
    previous: int


async def rollback(services: Services, request: RollbackRequest) -> RollbackResult:
    """Make an earlier (or later) snapshot the active one; all snapshots stay as they are.

    Drafts are not touched: publishing them again makes a new number.

    Raises:
        NotFound: There is no such snapshot.
    """
    previous = await services.store.active_number()
    if request.number != previous:
        await services.store.activate(request.number)
    return RollbackResult(number=request.number, previous=previous)


class SnapshotsRequest(msgspec.Struct, frozen=True, kw_only=True):
    """All snapshots."""


class SnapshotsResult(msgspec.Struct, frozen=True, kw_only=True):
    """The snapshots, newest first."""

    snapshots: tuple[SnapshotHead, ...]


async def snapshots(services: Services, _request: SnapshotsRequest) -> SnapshotsResult:
    """Return the heads of all snapshots."""
    return SnapshotsResult(snapshots=tuple(await services.store.snapshots()))


_LISTED: Final = 12


def _pushed(_request: PushRequest, done: PushResult) -> list[Noted]:
    paths = [*done.written, *(f"-{path}" for path in done.removed)]
    if not paths:
        return []
    counts = f"{len(done.written)} written, {len(done.removed)} removed"
    return [Noted("drafts.push", "", f"{counts}: {_few(paths)}")]


def _published(request: PublishRequest, done: PublishResult) -> list[Noted]:
    if done.unchanged:
        return []
    told = _few([str(change) for change in done.changes]) or "nothing differs"
    message = f" ({request.message})" if request.message else ""
    return [Noted("snapshot.publish", str(done.number), told + message)]


def _rolled_back(_request: RollbackRequest, done: RollbackResult) -> list[Noted]:
    if done.number == done.previous:
        return []
    return [Noted("snapshot.activate", str(done.number), f"{done.previous} → {done.number}")]


def _few(names: list[str]) -> str:
    more = f" and {len(names) - _LISTED} more" if len(names) > _LISTED else ""
    return ", ".join(names[:_LISTED]) + more


PUSH: Final = UseCase("push", PushRequest, PushResult, push, notes=_pushed)
PULL: Final = UseCase("pull", PullRequest, PullResult, pull, writes=False)
DRAFTS: Final = UseCase("drafts", DraftsRequest, DraftsResult, drafts, writes=False)
PUBLISH: Final = UseCase("publish", PublishRequest, PublishResult, publish, notes=_published)
ROLLBACK: Final = UseCase("rollback", RollbackRequest, RollbackResult, rollback, notes=_rolled_back)
SNAPSHOTS: Final = UseCase("snapshots", SnapshotsRequest, SnapshotsResult, snapshots, writes=False)

USE_CASES: Final[tuple[AnyUseCase, ...]] = (PUSH, PULL, DRAFTS, PUBLISH, ROLLBACK, SNAPSHOTS)
"""What the workspace can be asked for, by commands and over HTTP."""
