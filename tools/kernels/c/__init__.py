"""C for CPUs: TL lowered to vector code with packing and register-tiled products."""

from tools.kernels.c.build import CompileError, assembly, build, build_object, compile_with
from tools.kernels.c.emitter import Source, emit
from tools.kernels.c.isa import ISAS, TARGETS
from tools.kernels.c.plan import Array, Schedule, Unsupported

__all__ = [
    "ISAS",
    "TARGETS",
    "Array",
    "CompileError",
    "Schedule",
    "Source",
    "Unsupported",
    "assembly",
    "build",
    "build_object",
    "compile_with",
    "emit",
]
