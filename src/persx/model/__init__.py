"""The nouns of persx as frozen structs, and what every room shares: errors, registry, clock."""
