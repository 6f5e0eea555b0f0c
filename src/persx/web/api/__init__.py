"""The JSON API: decisions, the bearer's state, exposures, commands, operations."""
