"""Judging recommenders: files of interactions, splits, metrics over all items, and the run."""
