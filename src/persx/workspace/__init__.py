"""The workspace: its documents as files, what must hold between them, and its snapshots."""
