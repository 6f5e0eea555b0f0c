"""Health: indicators, objectives that hold or do not, alerts, and the brief's scorecard."""
