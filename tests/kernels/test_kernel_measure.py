"""The evaluator passes an honest kernel and refuses a corpus of cheats, each for its reason."""

import pytest

from tools.kernels.arena import Refused
from tools.kernels.c import Array, Source, build
from tools.kernels.measure import Roofline, evaluate
from tools.kernels.operators import Gemm

SPEC = Gemm(24, 40, 64)
ARGUMENTS = (
    Array("A", (1, 24, 64), "fp32", False),
    Array("B", (1, 64, 40), "fp32", False),
    Array("C", (1, 24, 40), "fp32", True),
)
HONEST = """
#include <string.h>
#include <math.h>
HEAD
static void honest(const float *a, const float *b, float *c) {
  for (int i = 0; i < 24; i++)
    for (int j = 0; j < 40; j++) {
      float s = 0;
      for (int k = 0; k < 64; k++) s += a[i * 64 + k] * b[k * 40 + j];
      c[i * 40 + j] = s;
    }
}
void kernel(float *a, float *b, float *c) { BODY }
"""
CHEATS = {
    "zeros": ("", "memset(c, 0, 3840);", "has error"),
    "nothing": ("", "", "has error inf"),
    "copy of an input": ("", "memcpy(c, a, 3840);", "has error"),
    "half the work": ("", "honest(a, b, c); memset(c + 480, 0, 1920);", "has error"),
    "lower precision": (
        "static float cut(float x) { union { float f; unsigned u; } v = {x};"
        " v.u &= 0xffff0000u; return v.f; }\nstatic float A[1536];",
        "for (int i = 0; i < 1536; i++) A[i] = cut(a[i]); honest(A, b, c);",
        "twice the ordinary error",
    ),
    "replay of an answer by address": (
        "static float *seen[9]; static float kept[9][960]; static int n;",
        "for (int i = 0; i < n; i++) if (seen[i] == c) { memcpy(c, kept[i], 3840); return; }"
        " honest(a, b, c); if (n < 9) { seen[n] = c; memcpy(kept[n++], c, 3840); }",
        "has error",
    ),
    "replay after many honest calls": (
        "static int calls; static float kept[960];",
        "if (calls++ < 14) { honest(a, b, c); memcpy(kept, c, 3840); } else memcpy(c, kept, 3840);",
        "after timing",
    ),
    "changed input": ("", "honest(a, b, c); a[5] += 1;", "changed its inputs|has error"),
    "write past the end": ("", "honest(a, b, c); c[960] = 1;", "outside its outputs"),
    "write before the start": ("", "honest(a, b, c); c[-1] = 1;", "outside its outputs"),
    "two answers": (
        "static int odd;",
        "honest(a, b, c); odd ^= 1; c[3] += odd * 1e-7f * fabsf(c[3]);",
        "differ|error",
    ),
    "a library's product": (
        "void cblas_sgemm(void);\n",
        "if (a[0] > 1e30f) cblas_sgemm(); honest(a, b, c);",
        "calls cblas_sgemm",
    ),
    "a clock of its own": (
        "int clock_settime(int, void *);\n",
        "if (a[0] > 1e30f) clock_settime(0, 0); honest(a, b, c);",
        "calls clock_settime",
    ),
    "death": ("", "*(volatile int *)0 = 1;", "process ended"),
}
FLAGS = ("-O2", "-march=native")  # fused multiply-add, as BLAS: its rounding is the measuring rod
GENEROUS = Roofline(1e15, 1e15)


def judge(head, body, folder, roofline=GENEROUS):
    text = HONEST.replace("HEAD", head).replace("BODY", body)
    library = build(Source(text, ARGUMENTS, "gcc", (*FLAGS, "-fno-builtin-memcpy")), folder)
    baseline = "tools.kernels.baselines:gemm_numpy"
    return evaluate(SPEC, library, ARGUMENTS, baseline, roofline, rounds=3, seconds=0.001)


def test_an_honest_kernel_passes_and_is_timed(tmp_path):
    timing = judge("", "honest(a, b, c);", tmp_path)
    assert len(timing.kernel) == len(timing.baseline) == 3
    assert all(1e-7 < t < 1 for t in timing.kernel)


@pytest.mark.parametrize("name", CHEATS)
def test_cheats_are_refused_for_their_reason(name, tmp_path):
    head, body, reason = CHEATS[name]
    with pytest.raises(Refused, match=reason):
        judge(head, body, tmp_path)


def test_a_speed_above_the_roofline_is_a_bug(tmp_path):
    with pytest.raises(Refused, match="above the roofline"):
        judge("", "honest(a, b, c);", tmp_path, Roofline(1e3, 1e15))


def test_work_given_to_another_thread_is_still_counted(tmp_path):
    """The clock is the whole process's: a helper thread that burns time makes the kernel slow."""
    head = (
        "#include <omp.h>\nstatic volatile double sink;\n"
        "static void burn(void) { for (int i = 0; i < 3000000; i++) sink += i; }"
    )
    body = (
        "honest(a, b, c);\n#pragma omp parallel num_threads(2)\n"
        "{ if (omp_get_thread_num() == 1) burn(); }"
    )
    text = HONEST.replace("HEAD", head).replace("BODY", body)
    library = build(Source(text, ARGUMENTS, "gcc", (*FLAGS, "-fopenmp")), tmp_path)
    baseline = "tools.kernels.baselines:gemm_numpy"
    timing = evaluate(SPEC, library, ARGUMENTS, baseline, GENEROUS, rounds=2, seconds=0.001)
    assert timing.seconds > 1e-3
