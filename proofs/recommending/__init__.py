"""What the proof of the recommenders is made of: the sets, one file each, and how they are run."""
