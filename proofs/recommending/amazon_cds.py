"""amazon-cds: who reviewed which record, in the split of UltraGCN."""

from __future__ import annotations

from typing import Final

from proofs.recommending.contest import Contender, Contest, Published

AMAZON_CDS: Final = Contest(
    title="Amazon CDs",
    about="43,169 users and 35,648 records; about a fifth of each user's reviews is asked for.",
    form="interactions",
    train="recommend/amazon-cds/train.txt",
    test="recommend/amazon-cds/test.txt",
    metrics=("recall@20", "ndcg@20"),
    published=(
        Published("SimpleX", {"recall@20": 0.1763, "ndcg@20": 0.1145}, "Mao et al. 2021, SimpleX"),
        Published(
            "UltraGCN", {"recall@20": 0.1622, "ndcg@20": 0.1043}, "Mao et al. 2021, UltraGCN"
        ),
    ),
    contenders=(
        Contender("popularity"),
        Contender("cooccurrence", {"within": "user"}),
        Contender("ials", note="as it is"),
        Contender("ials", {"factors": 256}, note="with more factors"),
        Contender("local_ease", {}, {"regularization": (50, 100), "dropout": (0.3, 0.5)}),
        Contender("cosine", {"K": 200}, peer=True),
        Contender("BM25", {}, {"K": (50, 200)}, peer=True),
        Contender(
            "ALS",
            {"factors": 256, "iterations": 10, "regularization": 10.0},
            {"alpha": (11.0, 41.0)},
            peer=True,
        ),
        Contender("BPR", {"factors": 64, "iterations": 20}, peer=True),
    ),
)
