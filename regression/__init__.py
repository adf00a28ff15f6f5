"""Regression: searches with every kind of part, against what they gave before."""
