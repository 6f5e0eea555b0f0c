"""The studio: signing in, what is served, submitted forms, reports, and the utility bar."""
