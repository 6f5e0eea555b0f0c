"""movielens-1m: who rated which film, in the split of LCFN and UltraGCN."""

from __future__ import annotations

from typing import Final

from proofs.recommending.contest import Contender, Contest, Published

_ULTRAGCN: Final = "as reported by Mao et al. 2021, UltraGCN"

MOVIELENS: Final = Contest(
    title="MovieLens 1M",
    about="6,022 users and 3,043 films; about a tenth of each user's ratings is asked for.",
    form="interactions",
    train="recommend/movielens-1m/train.txt",
    test="recommend/movielens-1m/test.txt",
    metrics=("recall@20", "ndcg@20"),
    published=(
        Published("UltraGCN", {"recall@20": 0.2787, "ndcg@20": 0.2642}, _ULTRAGCN),
        Published("LightGCN", {"recall@20": 0.2576, "ndcg@20": 0.2427}, _ULTRAGCN),
        Published("NGCF", {"recall@20": 0.2513, "ndcg@20": 0.2511}, _ULTRAGCN),
    ),
    contenders=(
        Contender("popularity"),
        Contender(
            "cooccurrence",
            {"within": "user", "longest": 2_000, "history": 2_000, "shrink": 0, "neighbours": 50},
        ),
        Contender("ials", note="as it is"),
        Contender("ials", {"history": 2_000, "factors": 64}, {"popularity_damping": (0.0, 0.1)}),
        Contender(
            "local_ease",
            {"history": 2_000, "user_damping": 0.6, "dropout": 0.5, "regularization": 20},
        ),
        Contender(
            "ease",
            {"history": 2_000, "dropout": 0, "user_damping": 0, "popularity_damping": 0},
            {"regularization": (300, 1_000)},
            note="its regularization alone",
        ),
        Contender(
            "ease",
            {"history": 2_000},
            {
                "regularization": (20, 50),
                "dropout": (0.5,),
                "user_damping": (0.6, 1.0),
            },
        ),
        Contender("cosine", {"K": 50}, peer=True),
        Contender("BM25", {}, {"K": (20, 100)}, peer=True),
        Contender(
            "ALS", {"factors": 64}, {"regularization": (1.0, 30.0), "alpha": (2.0, 5.0)}, peer=True
        ),
        Contender("BPR", {"factors": 64, "iterations": 20}, peer=True),
    ),
)
