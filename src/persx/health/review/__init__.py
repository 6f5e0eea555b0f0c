"""Reviews: what a week or a month of personalization was worth, and what to rewrite."""
