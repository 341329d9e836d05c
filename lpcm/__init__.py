"""The language-model layer: one gateway is the only door to any model."""
