"""The search loop."""

# Enters the ids of all trials: raise it with every change of the loop that can change a result.
VERSION = 1
