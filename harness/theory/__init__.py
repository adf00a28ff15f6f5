"""The papers' theoretical statements, checked numerically: pure functions, no files, no torch.

A check (`result.Check`) says what a paper states and where, and measures whether it holds; its verdict follows
from the numbers by one of the rules in `result`. All of them are in `checks.CHECKS`, by name.
"""
