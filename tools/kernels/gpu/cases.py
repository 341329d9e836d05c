"""Points of the GPU table: inputs, float64 checks, baselines, and the device's clock."""

from __future__ import annotations

import ast
import hashlib
import importlib
import importlib.util
import math
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from tools.kernels.attention import Attention
from tools.kernels.operators import Gemm

ROUNDS = 21
CACHE = 128 << 20  # bytes read between calls: more than the second-level cache holds


def library(name: str) -> Any:
    """An optional package; ImportError when it is not installed."""
    return importlib.import_module(name)


def compile_kernel(text: str, fast_math: bool = True) -> Any:
    """A callable kernel; TileLang keeps compiled ones on disk. ``fast_math`` lets the compiler take
    the device's approximate functions.
    """
    tilelang = library("tilelang")

    name = "kernel_" + hashlib.sha256(text.encode()).hexdigest()[:16]
    folder = Path(tempfile.gettempdir()) / "qimeng-tilelang"
    folder.mkdir(exist_ok=True)
    path = folder / f"{name}.py"
    if not path.exists():
        path.write_text(text)
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    target = {"kind": "cuda", "arch": "sm_90a"}
    options = {"tl.enable_fast_math": fast_math} | getattr(module, "OPTIONS", {})
    return tilelang.compile(module.kernel, target=target, pass_configs=options)


def bind(texts: Sequence[str], arrays: dict[str, Any]) -> Callable[[], None]:
    """A call that runs modules one after the other on arrays by name.

    Names that are not in ``arrays`` are workspace, allocated here and shared by the modules.
    """
    torch = library("torch")
    steps = []
    for text in texts:
        given = []
        for name, shape, kind in parameters(text):
            if name not in arrays:
                arrays[name] = torch.empty(shape, dtype=getattr(torch, kind), device="cuda")
            given.append(arrays[name])
        steps.append((compile_kernel(text), given))

    def call() -> None:
        for kernel, given in steps:
            kernel(*given)

    return call


def parameters(text: str) -> list[tuple[str, tuple[int, ...], str]]:
    """Name, shape and type of each argument of an emitted TileLang module."""
    function = next(n for n in ast.parse(text).body if isinstance(n, ast.FunctionDef))
    found = []
    for argument in function.args.args:
        tensor = argument.annotation
        assert isinstance(tensor, ast.Call)
        found.append((argument.arg, *(ast.literal_eval(a) for a in tensor.args)))
    return found


def median_ms(call: Callable[[], Any]) -> float:
    """Median device time of a call with a cold second-level cache."""
    times = sorted([cold_ms(call) for _ in range(ROUNDS + 3)][3:])
    return times[len(times) // 2]


def cold_ms(call: Callable[[], Any]) -> float:
    """Device time of a call that finds nothing of its own in the second-level cache."""
    torch = library("torch")
    start, stop = (torch.cuda.Event(enable_timing=True) for _ in range(2))
    # Read, not written: the call would have to wait while written lines go back to memory.
    torch.empty(CACHE // 4, dtype=torch.int32, device="cuda").max()
    # A pause lets the host run ahead, so that no launch gap falls inside the interval.
    torch.cuda._sleep(1_000_000)
    start.record()
    call()
    stop.record()
    torch.cuda.synchronize()  # work on other streams ends too, before anything is read
    return float(start.elapsed_time(stop))


class AttentionCase:
    """Inputs, baselines and the float64 check of one attention point."""

    def __init__(self, spec: Attention) -> None:
        torch = library("torch")

        self.spec = spec
        make = torch.Generator("cuda").manual_seed(spec.keys + spec.width)

        def draw(heads: int, rows: int, width: int) -> Any:
            shape = (spec.batch, heads, rows, width)
            return torch.randn(shape, dtype=torch.float16, device="cuda", generator=make)

        self.q = draw(spec.heads, spec.queries, spec.width)
        self.k = draw(spec.kv_heads, spec.keys, spec.width)
        self.v = draw(spec.kv_heads, spec.keys, spec.value_width)
        self.arrays = {"Q": self.q, "K": self.k, "V": self.v}
        self.rows = torch.arange(max(0, spec.queries - 256), spec.queries, device="cuda")
        self.want = self.reference()

    def reference(self) -> Any:
        """The last rows of the first two heads, in float64."""
        torch = library("torch")

        spec = self.spec
        group = spec.heads // spec.kv_heads
        heads = [0, min(1, spec.heads - 1)]
        near = [h // group for h in heads]
        key = self.k[:1, near].double()
        value = key[..., : spec.value_width] if spec.latent else self.v[:1, near].double()
        score = self.q[:1, heads][:, :, self.rows].double() @ key.transpose(2, 3) * spec.scale
        if spec.softcap:
            score = spec.softcap * torch.tanh(score / spec.softcap)
        row = self.rows[:, None] + spec.keys - spec.queries
        column = torch.arange(spec.keys, device="cuda")[None]
        hidden = torch.zeros_like(row * column, dtype=torch.bool)
        if spec.masked:
            hidden |= (column > row) & (column >= spec.prefix)
        if spec.window:
            hidden |= column <= row - spec.window
        return score.masked_fill(hidden, -math.inf).softmax(-1) @ value

    def error(self, out: Any) -> float:
        part = out[:1, [0, min(1, self.spec.heads - 1)]][:, :, self.rows].double()
        worst = (part - self.want).abs().max() / self.want.abs().max()
        return float(worst) if bool(out.isfinite().all()) else math.inf

    def output(self) -> dict[str, Any]:
        torch = library("torch")

        shape = (*self.q.shape[:3], self.spec.value_width)
        return {"O": torch.full(shape, math.nan, dtype=self.q.dtype, device="cuda")}

    def baselines(self) -> dict[str, Callable[[], Any]]:
        attention = library("torch.nn.attention")
        product = library("torch.nn.functional").scaled_dot_product_attention

        if self.spec.window or self.spec.softcap:
            return {"flex": self.flex()}
        backends = {
            "cudnn": attention.SDPBackend.CUDNN_ATTENTION,
            "flash2": attention.SDPBackend.FLASH_ATTENTION,
        }
        grouped = self.spec.heads != self.spec.kv_heads

        def run(backend: Any) -> Callable[[], Any]:
            def call() -> Any:
                with attention.sdpa_kernel(backend):
                    return product(
                        *(self.q, self.k, self.v),
                        is_causal=self.spec.causal,
                        enable_gqa=grouped,
                    )

            return call

        calls = {name: run(backend) for name, backend in backends.items()}
        if grouped or self.spec.width != self.spec.value_width:
            calls["flex"] = self.flex()
        return calls

    def flex(self) -> Callable[[], Any]:
        """Compiled FlexAttention with the same mask and score function."""
        torch = library("torch")
        flex = library("torch.nn.attention.flex_attention")

        spec = self.spec

        def keep(b: Any, h: Any, row: Any, column: Any) -> Any:
            seen = column <= row if spec.masked else column == column
            return seen & (column > row - spec.window) if spec.window else seen

        def cap(score: Any, b: Any, h: Any, row: Any, column: Any) -> Any:
            return spec.softcap * torch.tanh(score / spec.softcap)

        mask = flex.create_block_mask(keep, None, None, spec.queries, spec.keys)
        compiled = torch.compile(flex.flex_attention)
        change = cap if spec.softcap else None
        grouped = spec.heads != spec.kv_heads
        return lambda: compiled(
            *(self.q, self.k, self.v), score_mod=change, block_mask=mask, enable_gqa=grouped
        )


class GemmCase:
    """Inputs, baseline and the float64 check of one matrix product."""

    def __init__(self, spec: Gemm) -> None:
        torch = library("torch")

        self.spec = spec
        kinds = {"bf16": torch.bfloat16, "fp16": torch.float16, "fp32": torch.float32}
        kind = kinds[spec.dtype]
        make = torch.Generator("cuda").manual_seed(spec.m + spec.k)
        a = torch.randn((1, spec.m, spec.k), dtype=kind, device="cuda", generator=make)
        b = torch.randn((1, spec.k, spec.n), dtype=kind, device="cuda", generator=make)
        self.arrays = {"A": a, "B": b}
        self.want = a[0, -256:].double() @ b[0].double()

    def error(self, out: Any) -> float:
        part = out.reshape(self.spec.m, self.spec.n)[-256:].double()
        worst = (part - self.want).abs().max() / self.want.abs().max()
        return float(worst) if bool(out.isfinite().all()) else math.inf

    def output(self) -> dict[str, Any]:
        torch = library("torch")

        shape, kind = (1, self.spec.m, self.spec.n), self.arrays["A"].dtype
        return {"C": torch.full(shape, math.nan, dtype=kind, device="cuda")}

    def baselines(self) -> dict[str, Callable[[], Any]]:
        torch = library("torch")

        a, b = (self.arrays[name][0] for name in "AB")
        out = torch.empty((self.spec.m, self.spec.n), dtype=a.dtype, device="cuda")
        return {"cublas": lambda: torch.mm(a, b, out=out)}
