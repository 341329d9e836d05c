"""NVIDIA GPUs: TL to TileLang, and the table of emitted kernels against cuDNN and cuBLAS."""

from tools.kernels.gpu.emitter import GpuSchedule, emit_tilelang

__all__ = ["GpuSchedule", "emit_tilelang"]
