"""The knowledge base: manuals cut into citable chunks, found by exact name and by meaning."""
