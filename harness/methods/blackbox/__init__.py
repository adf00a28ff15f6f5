"""Black-box searchers on a look-up table: no supernet, only queries that cost simulated seconds."""
