"""A chain of stages as something to call: kernels compiled, arrays bound to them."""

from __future__ import annotations

import ctypes
from collections.abc import Callable
from pathlib import Path
from typing import Any

from evals.kernelbench.problems import torch
from evals.kernelbench.programs import NotHere, Text, for_cpu, for_gpu
from evals.kernelbench.recognise import Chain
from evals.kernelbench.stages import Ref, Stage
from tools.kernels.c import Schedule, build, emit
from tools.kernels.card import best_isa, processor_features
from tools.kernels.gpu.cases import compile_kernel, parameters
from tools.kernels.gpu.persistent import emit_tilelang
from tools.kernels.judge import imports
from tools.tl import parse

Call = Callable[[dict[str, Any]], None]
"""Runs a stage on its arrays by name, ``Y`` the result."""


def arranged(parameter: Any, layout: str) -> Any:
    """A parameter as a stage reads it; done once, when the kernel is made."""
    kind, _, count = layout.partition(" ")
    value = parameter.detach()
    if kind == "repeat":
        value = value.reshape(1).repeat(int(count))
    elif kind == "spread":
        value = value.repeat_interleave(int(count))
    elif kind == "taps":
        co, ci, *_taps = value.shape
        value = value.reshape(co, ci, -1).permute(2, 0, 1)
        value = value.squeeze(2) if ci == 1 and co > 1 else value
    return value.contiguous()


class Answer:
    """The kernels in place of a model's forward: inputs in, a fresh tensor out."""

    def __init__(self, chain: Chain, model: Any, calls: list[Call]) -> None:
        self.chain, self.calls = chain, calls
        self.parameters = {
            ref: arranged(_named(model, ref.name), ref.layout)
            for stage in chain.stages
            for ref in stage.arrays.values()
            if ref.kind == "parameter"
        }

    def __call__(self, *inputs: Any) -> Any:
        made: list[Any] = []
        device = next(v.device for v in inputs if hasattr(v, "device"))
        for stage, call in zip(self.chain.stages, self.calls, strict=True):
            arrays = {
                name: self._array(ref, inputs, made).reshape(stage.shapes[name])
                for name, ref in stage.arrays.items()
            }
            result = torch().empty(stage.out_shape, device=device)
            call(arrays | {"Y": result})
            made.append(result)
        return made[-1].reshape(self.chain.shape)

    def _array(self, ref: Ref, inputs: tuple[Any, ...], made: list[Any]) -> Any:
        if ref.kind == "parameter":
            return self.parameters[ref]
        value = inputs[int(ref.name)] if ref.kind == "input" else made[int(ref.name)]
        return value.contiguous()


def _named(model: Any, path: str) -> Any:
    for part in path.split("."):
        model = getattr(model, part)
    return model


def _output_name(stage: Stage) -> dict[str, str]:
    """What TL calls the result: attention's program says O."""
    return {"O": "Y"} if stage.result == "O" else {}


def native(stage: Stage, folder: Path) -> Call:
    """A stage in C, compiled for this processor. Raises Unsupported, CompileError, Refused and
    what else the road says no with.
    """
    (text,) = for_cpu(stage)
    schedule = Schedule(best_isa(processor_features()), 8, 3)
    large = stage.head is None and stage.rows * stage.columns > 1 << 22
    source = emit(parse(text.code), _streaming(schedule) if large else schedule)
    library = build(source, folder)
    imports(library)
    kernel = ctypes.CDLL(str(library)).kernel
    kernel.restype = None
    rename = _output_name(stage)
    order = [rename.get(a.name, a.name) for a in source.arguments]

    def call(arrays: dict[str, Any]) -> None:
        kernel(*(ctypes.c_void_p(arrays[name].data_ptr()) for name in order))

    return call


def _streaming(schedule: Schedule) -> Schedule:
    """Results larger than the caches go past them."""
    return Schedule(schedule.isa, schedule.rows, schedule.vectors, stream=True)


def gpu_sources(stage: Stage) -> list[list[str]]:
    """TileLang modules of every choice for a stage, each to run in order. Raises NotHere."""
    found, why = [], "no choice can be written"
    for choice in for_gpu(stage):
        try:
            found.append([_module(text) for text in choice])
        except ValueError as problem:
            why = str(problem)
    if not found:
        raise NotHere(why)
    return found


def _module(text: Text) -> str:
    return emit_tilelang(parse(text.code), text.schedule)


def on_gpu(modules: list[str]) -> Call:
    """One choice of a stage on this machine's GPU; its workspace is made once."""
    steps = [(compile_kernel(text, fast_math=False), parameters(text)) for text in modules]
    space: dict[str, Any] = {}

    def call(arrays: dict[str, Any]) -> None:
        for kernel, wanted in steps:
            for name, shape, kind in wanted:
                if name not in arrays and name not in space:
                    dtype = getattr(torch(), kind)
                    space[name] = torch().empty(shape, dtype=dtype, device="cuda")
            here = space | arrays
            kernel(*(here[name].view(shape) for name, shape, _ in wanted))

    return call
