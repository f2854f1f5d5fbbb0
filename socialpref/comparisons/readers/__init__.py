"""Readers of comparisons: pairs, rankings, ratings, choices, votes and PrefLib."""
