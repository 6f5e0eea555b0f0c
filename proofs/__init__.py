"""Proofs: what persx claims, each shown by one file that `make proof` runs."""
