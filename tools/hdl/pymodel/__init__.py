"""From a reference model in Python to Verilog: read, lower, bound, print."""
