"""The site: the workspace's pages, the start form, form submissions, and the visitor's own page."""
