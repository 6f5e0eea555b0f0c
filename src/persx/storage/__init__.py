"""Where things are kept: ports (what the rest of persx may ask for) and backends (who does it)."""
