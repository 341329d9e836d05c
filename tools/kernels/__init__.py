"""Kernels: operators as TL programs, emitters, hardware cards, measurement and search.

Needs numpy and gcc only; torch, triton and tilelang are used where they are installed.
"""
