"""List receipts: what has become of the items and the artifact of a list that is explained."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

import msgspec

from persx.app.services import Services
from persx.decide.list_receipt import ArtifactState, ListedItem, ListReceipt
from persx.model.artifact import RECOMMENDER, artifact_key
from persx.recommend.artifact import TrainedOn
from persx.recommend.catalogue import Catalogue


class _Told(msgspec.Struct, frozen=True):
    """What a training tells of its artifact, as far as it is told here."""

    trained: TrainedOn = TrainedOn()


async def as_it_is_now(
    services: Services, told: ListReceipt, artifacts: Mapping[str, int]
) -> ListReceipt:
    """Return a receipt with what is left of what the list was made of.

    Args:
        artifacts: Those that the line names.
    """
    catalogue = await services.current_catalogue()
    number = artifacts.get(artifact_key(RECOMMENDER, told.pipeline), 0)
    return msgspec.structs.replace(
        told,
        items=tuple(_with_state(each, catalogue) for each in told.items),
        artifact=await _artifact(services, told.pipeline, number),
    )


def _with_state(listed: ListedItem, catalogue: Catalogue) -> ListedItem:
    item = catalogue.get(listed.id)
    if item is None:
        return msgspec.structs.replace(listed, state="gone")
    state = "shown" if item.shown else "hidden"
    return msgspec.structs.replace(listed, title=item.title or item.id, state=state)


async def _artifact(services: Services, pipeline: str, number: int) -> ArtifactState:
    if not number:
        return ArtifactState(number=0, state="none")
    heads = await services.artifacts.heads(RECOMMENDER, pipeline)
    head = next((each for each in heads if each.number == number), None)
    if head is None:
        return ArtifactState(number=number, state="unknown")
    there = await asyncio.to_thread(services.recommender_folder.has, head.digest)
    return ArtifactState(
        number=number,
        state="removed" if not there else "active" if head.active else "kept",
        made=head.origin.made,
        trained=msgspec.convert(head.meta, _Told).trained,
    )
