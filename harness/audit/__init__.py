"""Published numbers tested for internal truth: against the benchmark's table, against each other, by arithmetic."""
