"""HTTP: decide, collect, the site, the studio; handlers parse, call one use case, and present."""
