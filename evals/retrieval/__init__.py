"""How well the knowledge base finds the right passage of the shipped documents."""
