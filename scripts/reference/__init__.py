"""Writes docs/reference from the registries and structs, so that it cannot fall behind them."""
