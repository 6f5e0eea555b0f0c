"""Recommending: what to show of a catalogue, learned from what visitors did with its items."""
