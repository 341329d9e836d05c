"""GPUs: TL to TileLang and Triton, and the table of emitted kernels against cuDNN and cuBLAS."""

from tools.kernels.gpu.emitter import GpuSchedule
from tools.kernels.gpu.persistent import emit_tilelang
from tools.kernels.gpu.triton import emit_triton

__all__ = ["GpuSchedule", "emit_tilelang", "emit_triton"]
