"""Prediction: what visitors who declared nothing are taken for, by what their visits leave."""
