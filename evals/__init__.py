"""Benchmarks, oracles, scorers, reports. Golden references live here and nowhere else."""
