"""Ranking: from what recommenders say to the list that is shown. Pure: values in, values out."""
