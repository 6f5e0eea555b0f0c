"""What other programs import: an engine that decides in process, and a client of the server."""
