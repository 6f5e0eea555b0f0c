"""A model of rewards for the doubly robust estimator, fitted on other visitors than it judges."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

WEIGHT: Final = 50.0
"""As many visitors speak for the wider mean: of the action, of all actions."""


def predicted_rewards(
    reward: Floats, action: Ints, context: Ints, fold: Ints, *, actions: int
) -> Floats:
    """Return what to expect of each action for each visitor: ``[visitors, actions]``.

    A shrunken mean: that of action and context is drawn towards the action's, that one towards the
    mean of all. Each visitor's comes from visitors of other folds alone (cross-fitting,
    Chernozhukov et al. 2018), so that what somebody did is not in what was expected of them.

    Args:
        action: What was shown, from 0 to `actions` − 1.
        context: Which context the visitor is of, from 0 on.
        fold: Which fold they are in; two folds or more.
    """
    contexts = int(context.max()) + 1 if len(context) else 1
    found = np.zeros((len(reward), actions))
    for each in np.unique(fold):
        judged, fitted = fold == each, fold != each
        if not fitted.any():
            continue
        means = _means(reward[fitted], action[fitted], context[fitted], actions, contexts)
        found[judged] = means[context[judged]]
    return found


def _means(reward: Floats, action: Ints, context: Ints, actions: int, contexts: int) -> Floats:
    everybody = float(reward.mean())
    seen = np.bincount(action, minlength=actions)
    total = np.bincount(action, weights=reward, minlength=actions)
    by_action = (total + WEIGHT * everybody) / (seen + WEIGHT)
    place = context * actions + action
    seen = np.bincount(place, minlength=contexts * actions).reshape(contexts, actions)
    total = np.bincount(place, weights=reward, minlength=contexts * actions)
    found: Floats = (total.reshape(contexts, actions) + WEIGHT * by_action) / (seen + WEIGHT)
    return found
