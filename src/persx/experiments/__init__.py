"""Experiments: metrics, statistics and the readout that says what personalization was worth."""
