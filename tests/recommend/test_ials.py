"""iALS: our fold-in is the library's, and where the library is missing that is said."""

from __future__ import annotations

import sys

import numpy as np
import pytest

from persx.model.errors import Unavailable
from persx.recommend.evaluation.trial import interactions
from persx.recommend.query import Query
from persx.recommend.recommenders.ials import IALS, IalsConfig

RNG = np.random.default_rng(4)
# Two tastes: the first twenty items, the last twenty.
ROWS = [(RNG.choice(20, 6, replace=False) + 20 * (user % 2)).tolist() for user in range(80)]
DATA = interactions(ROWS, [f"i{number}" for number in range(40)])
CONFIG = IalsConfig(factors=8, alpha=3.0, half_life=0.0)


def test_whoever_is_unknown_is_folded_in_as_the_library_does() -> None:
    als = pytest.importorskip("implicit.als")
    arrays = IALS.fit(DATA, CONFIG)
    model = als.AlternatingLeastSquares(
        factors=8, regularization=CONFIG.regularization, alpha=1.0, num_threads=1, use_gpu=False
    )
    model.item_factors = arrays["vectors"]
    model.user_factors = np.zeros((1, 8), dtype=np.float32)
    row = DATA.matrix()[[0]] * np.float32(1 + CONFIG.alpha)
    items, scores = model.recommend(
        0, row, N=10, recalculate_user=True, filter_already_liked_items=False
    )
    query = Query(items=np.array(ROWS[0], "i4"), ages=np.zeros(6, "f4"))
    found = IALS.rank(arrays, CONFIG, query, 40)
    order = np.argsort(-found.scores)[:10]
    assert set(found.items[order].tolist()) == set(items.tolist())
    np.testing.assert_allclose(np.sort(found.scores)[::-1][:10], scores, rtol=2e-2)


def test_what_is_found_is_to_the_visitors_taste_and_says_because_of_what() -> None:
    pytest.importorskip("implicit")
    arrays = IALS.fit(DATA, CONFIG)
    query = Query(items=np.array([1, 5], "i4"), ages=np.zeros(2, "f4"))
    found = IALS.rank(arrays, CONFIG, query, 12)
    best = found.items[np.argsort(-found.scores)][:8]
    assert (best < 20).all()
    assert found.because is not None
    assert set(found.because.tolist()) <= {1, 5}


def test_without_the_library_it_says_how_to_install_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "implicit", None)
    with pytest.raises(Unavailable, match=r"pip install 'persx\[recommend\]'"):
        IALS.fit(DATA, CONFIG)
