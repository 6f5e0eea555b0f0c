"""The application: settings, wiring, one file per use case, background work."""
