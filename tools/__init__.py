"""Deterministic engines. They never see a model."""
