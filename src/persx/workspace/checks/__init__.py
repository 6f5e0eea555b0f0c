"""What must hold between the documents of a workspace: one file for each kind of document."""
