"""State-BSD as a trace-driven model: what issuing several instructions a cycle would gain."""
