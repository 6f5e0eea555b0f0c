"""retailrocket, diginetica, yoochoose 1/64: which item comes next in a session of a shop.

What stands in `options` was found beforehand one option at a time, by the same held-out sessions
by which the grid is chosen from: the last tenth of the training file, place by place.
"""

from __future__ import annotations

from typing import Any, Final

from proofs.recommending.contest import Contender, Contest, Options, Published

_METRICS: Final = ("hr@20", "mrr@20")
_SAME: Final = "as published for this split"
_OTHER: Final = "session-rec, other preprocessing"


def _figures(hr: float, mrr: float) -> dict[str, float]:
    return {"hr@20": hr, "mrr@20": mrr}


def _contest(
    title: str,
    folder: str,
    about: str,
    published: list[Published],
    options: Options,
    grid: dict[str, tuple[Any, ...]],
) -> Contest:
    return Contest(
        title=title,
        about=about,
        form="sessions",
        train=f"sessions/{folder}/train_sessions.txt.gz",
        test=f"sessions/{folder}/test_prefix_target.tsv.gz",
        metrics=_METRICS,
        published=published,
        contenders=(
            Contender("popularity"),
            Contender("cooccurrence", {"half_life": 1, "history": 20}),
            Contender("transitions"),
            Contender("vmis_knn", note="as it is"),
            Contender("vmis_knn", options, grid),
            Contender("cosine", {"K": 100}, peer=True),
            Contender("BM25", {"K": 100}, peer=True),
        ),
    )


RETAILROCKET: Final = _contest(
    "Retailrocket",
    "retailrocket",
    "126,168 sessions of views of 36,968 items; 15,132 places of later sessions are asked for.",
    [
        Published("STAN", _figures(0.5938, 0.3638), _OTHER),
        Published("VSKNN", _figures(0.5745, 0.3395), _OTHER),
        Published("GRU4Rec", _figures(0.5669, 0.3237), _OTHER),
    ],
    {
        "step_decay": 0.9,
        "size_damping": 0.1,
        "half_life": 60_000,
        "rules_backward": 0.2,
        "rules_decay": 0.7,
        "repeats": 5,
    },
    {"rules": (0.0, 0.1, 0.3)},
)

DIGINETICA: Final = _contest(
    "Diginetica",
    "diginetica",
    "186,670 sessions of views of 43,097 items; 60,858 places of later sessions are asked for.",
    [
        Published("VSKNN", _figures(0.5203, 0.1841), _SAME),
        Published("GRU4Rec", _figures(0.5097, 0.1750), _SAME),
    ],
    {
        "match_decay": 0.7,
        "step_decay": 0.7,
        "backward": 0.6,
        "contrast": 1.5,
        "neighbours": 200,
        "half_life": 180_000,
        "repeats": 3,
        "rarity": 1.5,
    },
    {"rules": (0.0, 0.1)},
)

YOOCHOOSE: Final = _contest(
    "Yoochoose 1/64",
    "yoochoose1_64",
    "116,167 sessions of clicks on 17,376 items; 55,898 places of the next day are asked for.",
    [
        Published("NARM", _figures(0.6998, 0.2957), _SAME),
        Published("VSKNN", _figures(0.6961, 0.2879), _SAME),
    ],
    {
        "sessions": 2_000,
        "neighbours": 200,
        "contrast": 3,
        "decay": 0.8,
        "step_decay": 0.9,
        "size_damping": 0.0,
        "rules_backward": 0.2,
        "rules_length": 1,
    },
    {"rules": (0.3, 1.5)},
)
