"""Content: block types, texts and their locales, lint, and rendering to HTML."""
