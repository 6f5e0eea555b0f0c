"""Learners: one file each, listed here; packages may add theirs by entry point."""

from __future__ import annotations

from typing import Final

from persx.experiments.learning.learner import Learner
from persx.experiments.learning.linear import Linear
from persx.experiments.learning.thompson import Thompson
from persx.model.registry import Registry

LEARNERS: Final[Registry[Learner]] = Registry("learner", "persx.learners", [Thompson(), Linear()])
"""Every way in which a block can learn."""
