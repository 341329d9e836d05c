"""Chat sessions: turns that start, change and explain runs."""
