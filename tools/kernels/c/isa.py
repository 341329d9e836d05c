"""Instruction sets the C emitter writes for, as data: registers, flags, vocabulary, emulator."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from tools.kernels.c import vocabulary as words


@dataclass(frozen=True, slots=True)
class Dot:
    """How a target multiplies an element type: ``group`` consecutive k at once, by ``code``.

    ``offset`` is added to the left operand where the instruction takes it unsigned; 128 times
    the column sums of the right one are taken away again. A target with matrix tiles takes
    ``tile_row`` consecutive k of 16 rows at once (``tiles.py``); 0 where products are of vectors.
    """

    group: int
    code: str
    flags: tuple[str, ...] = ()
    offset: int = 0
    tile_row: int = 0

    @property
    def step(self) -> int:
        """Consecutive k of one step of a micro-kernel; packed depths are multiples of it."""
        return self.tile_row or self.group


@dataclass(frozen=True, slots=True)
class Isa:
    """A target of the C emitter. ``lanes`` is fp32 elements a register; ``dots`` are the element
    types it multiplies. ``emulator`` is the command that runs its programs elsewhere, and
    ``packages`` the Debian packages that command and the compiler come from.
    """

    name: str
    lanes: int
    registers: int
    flags: tuple[str, ...]
    needs: frozenset[str]
    code: str
    dots: Mapping[str, Dot]
    compiler: str = "gcc"
    emulator: str = ""
    packages: str = ""

    def prelude(self, dtypes: frozenset[str]) -> str:
        """The vocabulary, with the products of the element types in use."""
        text = words.COMMON.replace("LANES", str(self.lanes), 1)
        text = text.replace("IOTA_LIST", ", ".join(map(str, range(self.lanes))))
        text = text.replace("BASICS", self.code)
        return text + "".join(sorted({self.dots[d].code for d in dtypes}))

    def tiles(self, dtype: str) -> bool:
        """Whether products of an element type are of matrix tiles."""
        return dtype in self.dots and self.dots[dtype].tile_row > 0

    def flags_for(self, dtypes: frozenset[str]) -> tuple[str, ...]:
        """Compiler flags, with those of the products in use."""
        return (*self.flags, *(flag for d in sorted(dtypes) for flag in self.dots[d].flags))


_PLAIN = Dot(1, "")
_WIDE = Dot(1, words.WIDEN)
_X86 = ("-mtune=native", "-mfma", "-mbmi2")


def _neon() -> Isa:
    return Isa(
        *("neon", 4, 32),
        flags=("-march=armv8.2-a+dotprod",),
        needs=frozenset({"asimd", "asimddp"}),
        code=words.NEON,
        dots={"fp32": _PLAIN, "bf16": _WIDE, "int8": Dot(4, words.DOT_NEON)},
        compiler="aarch64-linux-gnu-gcc",
        emulator="qemu-aarch64 -cpu max",
        packages="gcc-aarch64-linux-gnu libc6-dev-arm64-cross qemu-user",
    )


def _sve(bits: int) -> Isa:
    """SVE at one register length; the program runs at that length only."""
    return Isa(
        *(f"sve{bits}", bits // 32, 32),
        flags=("-march=armv8.2-a+sve", f"-msve-vector-bits={bits}"),
        needs=frozenset({f"sve{bits}"}),
        code=words.SVE,
        dots={"fp32": _PLAIN, "int8": Dot(4, words.DOT_SVE)},
        compiler="aarch64-linux-gnu-gcc",
        emulator=f"qemu-aarch64 -cpu max,sve{bits}=on,sve-default-vector-length={bits // 8}",
        packages="gcc-aarch64-linux-gnu libc6-dev-arm64-cross qemu-user",
    )


def _rvv(bits: int) -> Isa:
    """RVV 1.0 at one VLEN; the program runs at that length only."""
    march = f"-march=rv64gcv_zvl{bits}b"
    return Isa(
        *(f"rvv{bits}", bits // 32, 32),
        flags=("--target=riscv64-linux-gnu", march, "-mrvv-vector-bits=zvl"),
        needs=frozenset({f"rvv{bits}"}),
        code=words.RVV,
        dots={"fp32": _PLAIN, "bf16": _WIDE, "int8": _WIDE},
        compiler="clang-19",
        emulator=f"qemu-riscv64 -cpu rv64,v=true,vlen={bits},vext_spec=v1.0",
        packages="clang-19 gcc-riscv64-linux-gnu libc6-dev-riscv64-cross qemu-user",
    )


_AVX512 = Isa(
    *("avx512", 16, 32),
    flags=("-mavx512f", "-mavx512vl", "-mavx512dq", "-mavx512bw", *_X86),
    needs=frozenset({"avx512f", "avx512vl", "avx512dq", "avx512bw", "bmi2"}),
    code=words.AVX512,
    dots={
        "fp32": _PLAIN,
        "bf16": Dot(2, words.DOT_AVX512_BF16, ("-mavx512bf16",)),
        "int8": Dot(4, words.DOT_VNNI, ("-mavx512vnni",), offset=128),
    },
)
ISAS = {
    "avx512": _AVX512,
    # AMX: products of bf16 and int8 by tiles, everything else by AVX-512.
    "amx": replace(
        _AVX512,
        name="amx",
        needs=_AVX512.needs | {"amx_tile", "amx_bf16", "amx_int8"},
        dots={
            "fp32": _PLAIN,
            "bf16": Dot(2, words.TILES, ("-mamx-tile", "-mamx-bf16"), tile_row=32),
            "int8": Dot(4, words.TILES, ("-mamx-tile", "-mamx-int8"), tile_row=64),
        },
    ),
    "avx2": Isa(
        *("avx2", 8, 16),
        flags=("-mavx2", *_X86),
        needs=frozenset({"avx2", "fma"}),
        code=words.AVX2,
        dots={"fp32": _PLAIN, "bf16": _WIDE, "int8": Dot(4, words.DOT_AVX2)},
    ),
    "neon": _neon(),
    **{f"sve{bits}": _sve(bits) for bits in (256, 512, 1024)},
    **{f"rvv{bits}": _rvv(bits) for bits in (128, 256, 512)},
}
# What ``--target`` calls them: a family is checked at every length.
TARGETS = {
    family: tuple(name for name in ISAS if name.startswith(family))
    for family in ("neon", "sve", "rvv")
}
