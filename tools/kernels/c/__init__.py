"""C for CPUs: TL lowered to vector code with packing and register-tiled products."""

from tools.kernels.c.build import CompileError, build
from tools.kernels.c.emitter import Source, emit
from tools.kernels.c.isa import ISAS
from tools.kernels.c.plan import Array, Schedule, Unsupported

__all__ = ["ISAS", "Array", "CompileError", "Schedule", "Source", "Unsupported", "build", "emit"]
