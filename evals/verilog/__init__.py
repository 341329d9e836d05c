"""VerilogEval (v1, v2) and RTLLM (v1.1, v2) from a local checkout, which is never copied."""
