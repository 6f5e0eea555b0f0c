"""Artifacts of recommenders: what is written is what is read, and nothing half-written is used."""

from __future__ import annotations

from pathlib import Path

import msgspec
import numpy as np
import pytest

from persx.app.recommender_training import is_changed
from persx.model.errors import Unavailable
from persx.model.pipeline import Pipeline, PipelineSource
from persx.recommend.artifact import FORMAT, Building, TrainedOn, folder_of, load
from persx.recommend.interactions import Interactions
from persx.recommend.query import Query
from persx.recommend.recommenders import RECOMMENDERS

PIPELINE = Pipeline(
    name="popular",
    sources=(PipelineSource(recommender="popularity", config={"half_life": 0.0}),),
)


def interactions() -> Interactions:
    return Interactions(
        users=np.array([0, 0, 1], dtype=np.int32),
        items=np.array([1, 2, 2], dtype=np.int32),
        times=np.array([0, 1, 0], dtype=np.int64),
        sessions=np.array([0, 0, 1], dtype=np.int32),
        actions=np.zeros(3, dtype=np.uint8),
        ids=["never", "once", "twice"],
        user_count=2,
    )


def built(folder: Path) -> bytes:
    data = interactions()
    building = Building(folder, "key")
    fitted = []
    for place, source in enumerate(PIPELINE.sources):
        recommender = RECOMMENDERS[source.recommender]
        arrays = recommender.fit(data, recommender.config(half_life=0.0))
        fitted.append(building.keep(place, source.recommender, source.config, arrays))
    return building.finish(PIPELINE, data.ids, fitted, TrainedOn(users=2, items=3, rows=3))


def test_what_was_written_is_asked_after_it_is_mapped(tmp_path: Path) -> None:
    trained = load(tmp_path, built(tmp_path), 7)
    assert trained.number == 7
    assert trained.ids == ["never", "once", "twice"]
    assert trained.codes["twice"] == 2
    source = trained.sources[0]
    found = source.recommender.rank(source.arrays, source.config, Query(), 10)
    assert dict(zip(found.items.tolist(), found.scores.tolist(), strict=True)) == {1: 1.0, 2: 2.0}


def test_the_same_work_gives_the_same_artifact(tmp_path: Path) -> None:
    assert built(tmp_path) == built(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == [folder_of(tmp_path, built(tmp_path)).name]


def test_a_damaged_array_is_refused(tmp_path: Path) -> None:
    body = built(tmp_path)
    path = next(folder_of(tmp_path, body).glob("*.npy"))
    written = bytearray(path.read_bytes())
    written[-1] ^= 1
    path.write_bytes(written)
    with pytest.raises(Unavailable, match="damaged"):
        load(tmp_path, body, 1)


def test_a_missing_array_is_refused(tmp_path: Path) -> None:
    body = built(tmp_path)
    next(folder_of(tmp_path, body).glob("*.npy")).unlink()
    with pytest.raises(Unavailable, match="missing"):
        load(tmp_path, body, 1)


def test_half_a_manifest_is_refused(tmp_path: Path) -> None:
    body = built(tmp_path)
    with pytest.raises(Unavailable, match="manifest"):
        load(tmp_path, body[: len(body) // 2], 1)


def test_what_another_version_fitted_is_refused_and_trained_anew(tmp_path: Path) -> None:
    body = built(tmp_path)
    assert not is_changed(body, PIPELINE)
    older = msgspec.json.encode({**msgspec.json.decode(body), "format": FORMAT - 1})
    with pytest.raises(Unavailable, match=f"its format is {FORMAT - 1}") as refused:
        load(tmp_path, older, 1)
    assert "train it anew" in (refused.value.hint or "")
    assert is_changed(older, PIPELINE)


def test_what_was_fitted_before_a_crash_is_not_fitted_again(tmp_path: Path) -> None:
    recommender = RECOMMENDERS["popularity"]
    arrays = recommender.fit(interactions(), recommender.config(half_life=0.0))
    kept = Building(tmp_path, "key").keep(0, "popularity", {"half_life": 0.0}, arrays)
    assert Building(tmp_path, "key").kept(0) == kept
    assert Building(tmp_path, "another key").kept(0) is None


def test_half_an_array_is_fitted_again(tmp_path: Path) -> None:
    recommender = RECOMMENDERS["popularity"]
    arrays = recommender.fit(interactions(), recommender.config(half_life=0.0))
    Building(tmp_path, "key").keep(0, "popularity", {}, arrays)
    path = next(tmp_path.glob("building-*/*.npy"))
    path.write_bytes(path.read_bytes()[:-3])
    assert Building(tmp_path, "key").kept(0) is None
