"""What the project runs on itself: reference docs, completeness, proofs, pictures."""
