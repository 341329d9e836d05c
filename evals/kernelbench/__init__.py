"""KernelBench: which of its problems the kernel engine can do, and how fast, by two rules."""
