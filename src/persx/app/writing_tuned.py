"""Writing what tuning found into the home's pipelines.yaml, as a draft that somebody publishes."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Final

import msgspec

from persx.app.services import Services
from persx.app.use_cases import AnyUseCase, Noted, UseCase
from persx.model.errors import Conflict, InvalidWorkspace
from persx.model.pipeline import PipelineSource
from persx.recommend.evaluation.tuning import changes_of
from persx.storage.ports import DraftFile
from persx.workspace.editing import Keys, Plain, with_values
from persx.workspace.layout import KINDS
from persx.workspace.snapshot import digest
from persx.workspace.source import load
from persx.workspace.validation import check

FILE: Final = next(kind.file("") for kind in KINDS if kind.field == "pipelines")

_HINT: Final = "Publish or take back what was changed, then tune again."


class WriteRequest(msgspec.Struct, frozen=True, kw_only=True):
    """What tuning found.

    Attributes:
        start: The sources that it began with.
        sources: The same sources with better options and weights.
        worth: How much better they are, in words, for the audit log.
    """

    pipeline: str
    start: tuple[PipelineSource, ...]
    sources: tuple[PipelineSource, ...]
    worth: str = ""
    author: str = ""


class WriteResult(msgspec.Struct, frozen=True, kw_only=True):
    """The file that was written, and what of it: ``sources.0.config.half_life: 15.0``."""

    file: str
    written: tuple[str, ...]


async def write_tuned(services: Services, request: WriteRequest) -> WriteResult:
    """Write options and weights into the draft of pipelines.yaml; comments and order stay.

    Nothing else is changed, and nothing is published.

    Raises:
        Conflict: The pipeline was changed or taken away meanwhile.
        InvalidWorkspace: What was fine before would not be any more.
        BadInput: The file is written so that only a person can edit it.
    """
    drafts = await services.store.drafts()
    draft = drafts.get(FILE)
    source = load(draft.text, FILE)[0] if draft is not None else None
    if draft is None or source is None or not _is_the_same(source.value, request):
        raise Conflict(
            f"The sources of '{request.pipeline}' in {FILE} of the home are not those that were "
            "tuned.",
            value=request.pipeline,
            hint=_HINT,
        )
    values: dict[Keys, Plain] = {
        (request.pipeline, "sources", *keys): value
        for keys, value in changes_of(request.start, request.sources).items()
    }
    text = with_values(draft.text, FILE, values)
    texts = {path: each.text for path, each in drafts.items()}
    before, _ = await asyncio.to_thread(check, texts)
    after, faults = await asyncio.to_thread(check, {**texts, FILE: text})
    if after is None and before is not None:
        raise InvalidWorkspace(faults)
    mine = DraftFile(
        path=FILE,
        text=text,
        digest=digest(text.encode()),
        changed=services.clock(),
        author=request.author,
    )
    await services.store.save_drafts([mine], [], {FILE: draft.digest})
    return WriteResult(file=FILE, written=tuple(_told(values)))


def _is_the_same(document: object, request: WriteRequest) -> bool:
    """Tell whether the draft's pipeline has the sources that were tuned."""
    pipeline = document.get(request.pipeline) if isinstance(document, Mapping) else None
    sources = pipeline.get("sources") if isinstance(pipeline, Mapping) else None
    try:
        return msgspec.convert(sources, tuple[PipelineSource, ...]) == request.start
    except msgspec.ValidationError:
        return False


def _told(values: Mapping[Keys, Plain]) -> list[str]:
    return [f"{'.'.join(map(str, keys[1:]))}: {value}" for keys, value in values.items()]


def _noted(request: WriteRequest, done: WriteResult) -> list[Noted]:
    worth = f" ({request.worth})" if request.worth else ""
    return [Noted("recommender.tune", request.pipeline, ", ".join(done.written) + worth)]


WRITE: Final = UseCase("recommend-write", WriteRequest, WriteResult, write_tuned, notes=_noted)

USE_CASES: Final[tuple[AnyUseCase, ...]] = (WRITE,)
