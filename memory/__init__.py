"""What the system remembers: records, the run store, and later the knowledge base."""
