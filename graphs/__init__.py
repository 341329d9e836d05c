"""LangGraph state machines: the one loop, the top graph, one file per workflow."""
