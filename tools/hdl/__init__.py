"""The Verilog engine: interfaces, repair, simulation, equivalence, synthesis, waveforms."""
