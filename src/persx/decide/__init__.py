"""Deciding: the pure path from a snapshot and a profile to what each block shows."""
