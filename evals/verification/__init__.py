"""Figures on the equivalence engine itself, over published goldens; no language model is asked."""
