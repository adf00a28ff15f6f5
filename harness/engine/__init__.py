"""The loops of search and of final training."""

# Enter the ids of all searches, and of all trainings: raise one with every change of its loop that can change a result.
VERSION = 1
TRAINING_VERSION = 1
