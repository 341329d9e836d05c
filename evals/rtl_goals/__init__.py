"""Everyday RTL goals with golden modules, which no agent ever sees.

``goals/`` is the set that figures are reported on; ``tuning/`` is a different set, the only one
that prompts and rules were tried on.
"""
