"""The kernel library finds what is near, of the same variant and instruction set."""

import math
from pathlib import Path

from memory.kernels import KernelLibrary, KnownKernel, distance

SPEC = {"m": 512, "n": 512, "k": 512, "dtype": "fp32", "bias": False}


def known(processor: str = "here", isa: str = "avx512", **changed) -> KnownKernel:
    return KnownKernel(
        operator="gemm",
        spec=SPEC | changed,
        processor=processor,
        isa=isa,
        point={"bm": changed.get("m", 512)},
        gflops=90.0,
        ratio=1.1,
        run="r",
    )


def test_distance_is_in_octaves_and_infinite_between_variants():
    assert distance(SPEC, SPEC) == 0
    assert distance(SPEC, SPEC | {"m": 1024, "k": 256}) == 2
    assert distance(SPEC, SPEC | {"dtype": "bf16"}) == math.inf
    assert distance(SPEC, SPEC | {"bias": True}) == math.inf
    assert distance(SPEC, {"m": 512}) == math.inf


def test_the_nearest_of_this_machine_comes_first(tmp_path: Path):
    library = KernelLibrary(tmp_path)
    for entry in (
        known(m=64),
        known(m=256),
        known("elsewhere"),
        known(isa="avx2"),
        known(bias=True),
        known(m=2, n=2, k=2),
        known(m=256),
    ):
        library.put(entry)
    found = library.near("gemm", SPEC, "here", "avx512", count=9)
    assert found == [known(m=256), known(m=64), known("elsewhere")]
    assert library.near("gemv", SPEC, "here", "avx512") == []


def test_an_empty_or_foreign_folder_is_no_trouble(tmp_path: Path):
    assert KernelLibrary(tmp_path).near("gemm", SPEC, "here", "avx512") == []
    (tmp_path / "kernels").mkdir()
    (tmp_path / "kernels" / "x.json").write_text('{"version": 99}')
    assert KernelLibrary(tmp_path).near("gemm", SPEC, "here", "avx512") == []
