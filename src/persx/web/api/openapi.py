"""``/openapi.json``: the JSON API described from its routes and structs (OpenAPI 3.1)."""
def routes(): return []
