"""Visitors: who belongs together, what is known of them, and how it is folded from events."""
