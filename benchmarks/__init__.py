"""Benchmarks: each module measures one thing beside its peers; `make bench` runs them all."""


class Skipped(Exception):
    """A benchmark cannot run here; the message says what is missing."""
