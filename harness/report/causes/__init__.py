"""The page on a design of causes: what was expected, what was found, what is missing (`docs/why.md`)."""
