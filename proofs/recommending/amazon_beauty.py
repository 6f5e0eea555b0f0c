"""amazon-beauty: what somebody reviews next, after all that they reviewed."""

from __future__ import annotations

from typing import Final

from proofs.recommending.contest import Contender, Contest, Published

_S3REC: Final = "as reported by Zhou et al. 2020, S3-Rec"

AMAZON_BEAUTY: Final = Contest(
    title="Amazon Beauty",
    about=(
        "22,363 users and 12,101 products, of which each user reviewed each once. The last one is "
        "asked for; the one before is for validation. As in what is published, nothing is fitted "
        "to either, and the test is asked with the one before known. One of ours also knows the "
        "categories and brands of the products, as S3-Rec does."
    ),
    form="sequences",
    train="recommend/amazon-beauty/Beauty.txt",
    test="",
    metrics=("ndcg@10", "hr@10"),
    published=(
        Published("S3-Rec", {"hr@10": 0.0647, "ndcg@10": 0.0327}, _S3REC),
        Published("SASRec", {"hr@10": 0.0605, "ndcg@10": 0.0318}, _S3REC),
    ),
    contenders=(
        Contender("popularity"),
        Contender("cooccurrence", {"within": "user"}, {"half_life": (1.0, 2.0)}),
        Contender("transitions", {"backward": 0.5}, {"length": (3, 20)}),
        Contender("local_ease", {"regularization": 10}, {"half_life": (1.0, 2.0)}),
        Contender(
            "sequence_knn",
            {},
            {
                "decay": (0.6, 0.7),
                "popularity_damping": (0.1, 0.2),
            },
        ),
        Contender(
            "sequence_knn",
            {},
            {
                "decay": (0.6, 0.7),
                "alike": (0.2, 0.3),
            },
            files={"tags": "recommend/amazon-beauty/Beauty_item2attributes.json"},
            note="with what the products are",
        ),
        Contender("cosine", {"K": 100}, peer=True),
        Contender("BM25", {"K": 100}, peer=True),
    ),
)
