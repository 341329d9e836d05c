"""The vector vocabulary in C: what the emitted code says, and how each target means it.

``COMMON`` is written in the vector extension that GCC and Clang share; a target supplies what
the extension lacks: ``v_max``, ``v_min``, ``v_if_more``, ``v_scale`` (times two to the n),
``v_inverse`` (of a finite positive number), and operations on the first n lanes (``v_below`` and
``v_from`` replace the others, ``v_loadm``/``v_storem`` touch no more memory). ``v_stream`` is a
store of whole vectors that goes past the caches where a target can.
"""

COMMON = """
#include <math.h>
#include <stdint.h>
#include <string.h>
#define VL LANES
typedef float vf __attribute__((vector_size(4 * VL)));
typedef int32_t vi __attribute__((vector_size(4 * VL)));
typedef float vfu __attribute__((vector_size(4 * VL), aligned(4), may_alias));
typedef int32_t viu __attribute__((vector_size(4 * VL), aligned(4), may_alias));
typedef uint16_t vh __attribute__((vector_size(2 * VL), aligned(2), may_alias));
#define MIN(a, b) ((a) < (b) ? (a) : (b))
#define MAX(a, b) ((a) > (b) ? (a) : (b))
#define CEIL(a, b) (((a) + (b) - 1) / (b))
#define ALIGNED __attribute__((aligned(64)))
#define IOTA ((vi){IOTA_LIST})
static inline vf v_set1(float x) { return x - (vf){0}; }
static inline vi i_set1(int32_t x) { return x - (vi){0}; }
static inline vf v_load(const float *p) { return *(const vfu *)p; }
static inline void v_store(float *p, vf x) { *(vfu *)p = x; }
static inline vi i_load(const void *p) { return *(const viu *)p; }
static inline void i_store(int32_t *p, vi x) { *(viu *)p = x; }
static inline float v_sum(vf x) {
  float s[VL];
  memcpy(s, &x, sizeof s);
  for (int w = VL / 2; w; w /= 2) for (int i = 0; i < w; i++) s[i] += s[i + w];
  return s[0];
}
static inline float v_top(vf x) {
  float s[VL];
  memcpy(s, &x, sizeof s);
  for (int w = VL / 2; w; w /= 2) for (int i = 0; i < w; i++) s[i] = MAX(s[i], s[i + w]);
  return s[0];
}

BASICS
/* exp: x = n ln 2 + r, and a fit of (e^r - 1 - r) / r^2, relative error 4e-9. */
static inline vf v_exp(vf x) {
  const vf magic = v_set1(12582912.0f);
  x = v_max(v_set1(-104.0f), v_min(v_set1(89.0f), x));
  vf n = (x * v_set1(1.44269504f) + magic) - magic;
  vf r = x - n * v_set1(0.693145752f) - n * v_set1(1.42860677e-6f);
  vf q = v_set1(0.0013946561f);
  q = q * r + v_set1(0.0083692232f);
  q = q * r + v_set1(0.0416662619f);
  q = q * r + v_set1(0.1666651517f);
  q = q * r + v_set1(0.5f);
  return v_scale(q * r * r + r + v_set1(1.0f), n);
}
static inline vf v_abs(vf x) { return (vf)((vi)x & i_set1(0x7fffffff)); }
static inline vf v_sign(vf size, vf of) {
  return (vf)((vi)size | ((vi)of & i_set1((int32_t)0x80000000)));
}
static inline vf v_tanh(vf x) {
  vf e = v_exp(v_abs(x) * v_set1(-2.0f));
  return v_sign((v_set1(1.0f) - e) / (v_set1(1.0f) + e), x);
}
static inline vf v_sigmoid(vf x) { return v_set1(1.0f) / (v_set1(1.0f) + v_exp(-x)); }
/* Gelu: (x + |x|) / 2 - |x| q / 2, where q = 1 - erf(|x| / sqrt 2) = t g(t) exp(-x^2 / 2) with
   t = 1 / (1 + 0.45 |x| / sqrt 2); the fit of g is good to 1.3e-9. Past 20 q is 0. */
static inline vf v_gelu(vf x) {
  vf a = v_min(v_abs(x), v_set1(20.0f)), t = v_inverse(a * v_set1(0.318198052f) + v_set1(1.0f));
  vf g = v_set1(0.0927705540f);
  g = g * t + v_set1(-0.4950902350f);
  g = g * t + v_set1(0.8591716510f);
  g = g * t + v_set1(-0.3779615560f);
  g = g * t + v_set1(0.4614703600f);
  g = g * t + v_set1(0.2005948310f);
  g = g * t + v_set1(0.2590443970f);
  vf q = g * t * v_exp(a * a * v_set1(-0.5f)), half = v_set1(0.5f) * x;
  return half + v_abs(half) - v_set1(0.5f) * a * q;
}
static inline float bf16_value(uint16_t h) {
  uint32_t b = (uint32_t)h << 16;
  float f;
  memcpy(&f, &b, 4);
  return f;
}
static inline uint16_t bf16_round(float f) {
  uint32_t b; memcpy(&b, &f, 4);
  return f != f ? 0x7fc0 : (uint16_t)((b + 0x7fff + ((b >> 16) & 1)) >> 16);
}
/* bf16: whole vectors at once, parts by way of memory. */
static inline vf h_load(const uint16_t *p, long n) {
  if (n == VL) return (vf)(__builtin_convertvector(*(const vh *)p, vi) << 16);
  float s[VL] = {0};
  for (long i = 0; i < n; i++) s[i] = bf16_value(p[i]);
  return v_load(s);
}
static inline void h_store(uint16_t *p, vf x, long n) {
  if (n == VL) {
    const vi bits = (vi)x, rounded = bits + i_set1(0x7fff) + ((bits >> 16) & 1);
    const vi number = x == x;
    const vi kept = (rounded & number) | (i_set1(0x7fc00000) & ~number);
    *(vh *)p = __builtin_convertvector(kept >> 16, vh);
    return;
  }
  float s[VL];
  v_store(s, x);
  for (long i = 0; i < n; i++) p[i] = bf16_round(s[i]);
}
"""
# In two steps: at the ends of the range one power of two is not a float.
SCALE = """
static inline vf v_power(vi n) { return (vf)((n + i_set1(127)) << 23); }
static inline vf v_scale(vf x, vf n) {
  const vi whole = __builtin_convertvector(n, vi), half = whole >> 1;
  return x * v_power(half) * v_power(whole - half);
}
static inline vf v_inverse(vf x) { return v_set1(1.0f) / x; }
"""
STREAM = """
static inline void v_stream(float *p, vf x) { v_store(p, x); }
static inline void streamed(void) {}
"""
SELECT = """
static inline vf v_if_more(vf x, vf y, vf a, vf b) {
  const vi more = x > y;
  return (vf)((more & (vi)a) | (~more & (vi)b));
}
static inline vf v_lanes(vf x, vi keep, float other) {
  return (vf)((keep & (vi)x) | (~keep & (vi)v_set1(other)));
}
static inline vf v_below(vf x, long n, float other) {
  return v_lanes(x, IOTA < i_set1((int32_t)MAX(MIN(n, VL), 0)), other);
}
static inline vf v_from(vf x, long n, float other) {
  return v_lanes(x, IOTA >= i_set1((int32_t)MAX(MIN(n, VL), 0)), other);
}
"""
AVX512 = """
#include <immintrin.h>
static inline vf v_scale(vf x, vf n) { return (vf)_mm512_scalef_ps((__m512)x, (__m512)n); }
/* An estimate good to 14 bits, and Newton's step: a third of a division's time. */
static inline vf v_inverse(vf x) {
  const vf near = (vf)_mm512_rcp14_ps((__m512)x);
  return near + near * (v_set1(1.0f) - x * near);
}
static inline void v_stream(float *p, vf x) {
  if ((uintptr_t)p % sizeof x == 0) _mm512_stream_ps(p, (__m512)x);
  else v_store(p, x);
}
static inline void streamed(void) { _mm_sfence(); }
#define LANES_BELOW(n) (__mmask16) _bzhi_u32(0xffff, (unsigned)(n))
static inline vf v_max(vf a, vf b) { return (vf)_mm512_max_ps((__m512)a, (__m512)b); }
static inline vf v_min(vf a, vf b) { return (vf)_mm512_min_ps((__m512)a, (__m512)b); }
static inline vf v_if_more(vf x, vf y, vf a, vf b) {
  const __mmask16 more = _mm512_cmp_ps_mask((__m512)x, (__m512)y, _CMP_GT_OQ);
  return (vf)_mm512_mask_blend_ps(more, (__m512)b, (__m512)a);
}
static inline vf v_below(vf x, long n, float other) {
  const __mmask16 keep = LANES_BELOW(MAX(MIN(n, VL), 0));
  return (vf)_mm512_mask_blend_ps(keep, (__m512)v_set1(other), (__m512)x);
}
static inline vf v_from(vf x, long n, float other) {
  const __mmask16 lose = LANES_BELOW(MAX(MIN(n, VL), 0));
  return (vf)_mm512_mask_blend_ps(lose, (__m512)x, (__m512)v_set1(other));
}
static inline vf v_loadm(const float *p, long n) {
  return (vf)_mm512_maskz_loadu_ps(LANES_BELOW(n), p);
}
static inline void v_storem(float *p, vf x, long n) {
  _mm512_mask_storeu_ps(p, LANES_BELOW(n), (__m512)x);
}
static inline vi i_loadm(const int32_t *p, long n) {
  return (vi)_mm512_maskz_loadu_epi32(LANES_BELOW(n), p);
}
static inline void i_storem(int32_t *p, vi x, long n) {
  _mm512_mask_storeu_epi32(p, LANES_BELOW(n), (__m512i)x);
}
"""
AVX2 = (
    SELECT
    + SCALE
    + """
#include <immintrin.h>
static inline vf v_max(vf a, vf b) { return (vf)_mm256_max_ps((__m256)a, (__m256)b); }
static inline vf v_min(vf a, vf b) { return (vf)_mm256_min_ps((__m256)a, (__m256)b); }
static inline void v_stream(float *p, vf x) {
  if ((uintptr_t)p % sizeof x == 0) _mm256_stream_ps(p, (__m256)x);
  else v_store(p, x);
}
static inline void streamed(void) { _mm_sfence(); }
static const int32_t LANE_MASK[16] = {-1, -1, -1, -1, -1, -1, -1, -1, 0, 0, 0, 0, 0, 0, 0, 0};
#define LANES_BELOW(n) _mm256_loadu_si256((const __m256i *)(LANE_MASK + 8 - (n)))
static inline vf v_loadm(const float *p, long n) {
  return (vf)_mm256_maskload_ps(p, LANES_BELOW(n));
}
static inline void v_storem(float *p, vf x, long n) {
  _mm256_maskstore_ps(p, LANES_BELOW(n), (__m256)x);
}
static inline vi i_loadm(const int32_t *p, long n) {
  return (vi)_mm256_maskload_epi32(p, LANES_BELOW(n));
}
static inline void i_storem(int32_t *p, vi x, long n) {
  _mm256_maskstore_epi32(p, LANES_BELOW(n), (__m256i)x);
}
"""
)
NEON = (
    SELECT
    + SCALE
    + STREAM
    + """
#include <arm_neon.h>
static inline vf v_max(vf a, vf b) { return (vf)vmaxq_f32((float32x4_t)a, (float32x4_t)b); }
static inline vf v_min(vf a, vf b) { return (vf)vminq_f32((float32x4_t)a, (float32x4_t)b); }
/* No load or store here takes a mask: part vectors go by way of memory. */
static inline vf v_loadm(const float *p, long n) {
  float s[VL] = {0};
  memcpy(s, p, 4 * (size_t)n);
  return v_load(s);
}
static inline void v_storem(float *p, vf x, long n) {
  float s[VL];
  v_store(s, x);
  memcpy(p, s, 4 * (size_t)n);
}
static inline vi i_loadm(const int32_t *p, long n) { return (vi)v_loadm((const float *)p, n); }
static inline void i_storem(int32_t *p, vi x, long n) { v_storem((float *)p, (vf)x, n); }
"""
)
SVE = (
    SELECT
    + SCALE
    + STREAM
    + """
#include <arm_sve.h>
#define LANES_BELOW(n) svwhilelt_b32_s64(0, n)
static inline vf v_max(vf a, vf b) { return svmax_f32_x(svptrue_b32(), a, b); }
static inline vf v_min(vf a, vf b) { return svmin_f32_x(svptrue_b32(), a, b); }
static inline vf v_loadm(const float *p, long n) { return svld1_f32(LANES_BELOW(n), p); }
static inline void v_storem(float *p, vf x, long n) { svst1_f32(LANES_BELOW(n), p, x); }
static inline vi i_loadm(const int32_t *p, long n) { return svld1_s32(LANES_BELOW(n), p); }
static inline void i_storem(int32_t *p, vi x, long n) { svst1_s32(LANES_BELOW(n), p, x); }
"""
)
RVV = (
    SCALE
    + STREAM
    + """
#include <riscv_vector.h>
typedef vfloat32m1_t rf __attribute__((riscv_rvv_vector_bits(32 * VL)));
typedef vint32m1_t ri __attribute__((riscv_rvv_vector_bits(32 * VL)));
static inline vf v_max(vf a, vf b) { return (vf)(rf)__riscv_vfmax_vv_f32m1((rf)a, (rf)b, VL); }
static inline vf v_min(vf a, vf b) { return (vf)(rf)__riscv_vfmin_vv_f32m1((rf)a, (rf)b, VL); }
static inline vf v_if_more(vf x, vf y, vf a, vf b) {
  return (vf)(rf)__riscv_vmerge_vvm_f32m1((rf)b, (rf)a, __riscv_vmfgt((rf)x, (rf)y, VL), VL);
}
/* A vector length of n touches the first n lanes; the tail keeps what it held (tu). */
static inline vf v_first(vf first, vf rest, long n) {
  return (vf)(rf)__riscv_vmv_v_v_f32m1_tu((rf)rest, (rf)first, (size_t)MAX(MIN(n, VL), 0));
}
static inline vf v_below(vf x, long n, float other) { return v_first(x, v_set1(other), n); }
static inline vf v_from(vf x, long n, float other) { return v_first(v_set1(other), x, n); }
static inline vf v_loadm(const float *p, long n) {
  return (vf)(rf)__riscv_vle32_v_f32m1_tu((rf)v_set1(0.0f), p, (size_t)n);
}
static inline void v_storem(float *p, vf x, long n) { __riscv_vse32(p, (rf)x, (size_t)n); }
static inline vi i_loadm(const int32_t *p, long n) {
  return (vi)(ri)__riscv_vle32_v_i32m1_tu((ri)i_set1(0), p, (size_t)n);
}
static inline void i_storem(int32_t *p, vi x, long n) { __riscv_vse32(p, (ri)x, (size_t)n); }
"""
)

DOT_AVX512_BF16 = """
static inline vf dot_bf16(vf c, vi a, vi b) {
  return (vf)_mm512_dpbf16_ps((__m512)c, (__m512bh)a, (__m512bh)b);
}
"""
DOT_VNNI = """
static inline vi dot_int8(vi c, vi a, vi b) {
  return (vi)_mm512_dpbusd_epi32((__m512i)c, (__m512i)a, (__m512i)b);
}
"""
# Eight tiles of 16 rows of 64 bytes each. The system lets a process use them once it has asked:
# arch_prctl(ARCH_REQ_XCOMP_PERM, XFEATURE_XTILEDATA), as the program is loaded. Without a leave
# the first tile instruction ends the process.
TILES = """
static const struct {
  uint8_t palette, start, none[14];
  uint16_t bytes[16];
  uint8_t rows[16];
} TILES ALIGNED = {1, 0, {0}, {64, 64, 64, 64, 64, 64, 64, 64}, {16, 16, 16, 16, 16, 16, 16, 16}};
__attribute__((constructor)) static void ask_for_tiles(void) {
  long call = 158;
  __asm__ volatile("syscall" : "+a"(call) : "D"(0x1023L), "S"(18L) : "rcx", "r11", "memory");
}
static inline void tiles_on(void) { _tile_loadconfig(&TILES); }
static inline void tiles_off(void) { _tile_release(); }
"""
# Four products by two multiplications of 16-bit pairs: the even bytes, then the odd ones.
DOT_AVX2 = """
static inline __m256i pairs(vi a, vi b) { return _mm256_madd_epi16((__m256i)a, (__m256i)b); }
static inline vi even_bytes(vi a) {
  return (vi)_mm256_srai_epi16(_mm256_slli_epi16((__m256i)a, 8), 8);
}
static inline vi odd_bytes(vi a) { return (vi)_mm256_srai_epi16((__m256i)a, 8); }
static inline vi dot_int8(vi c, vi a, vi b) {
  return c + (vi)pairs(even_bytes(a), even_bytes(b)) + (vi)pairs(odd_bytes(a), odd_bytes(b));
}
"""
DOT_NEON = """
static inline vi dot_int8(vi c, vi a, vi b) {
  return (vi)vdotq_s32((int32x4_t)c, (int8x16_t)a, (int8x16_t)b);
}
"""
DOT_SVE = """
static inline vi dot_int8(vi c, vi a, vi b) {
  return svdot_s32(c, svreinterpret_s8_s32(a), svreinterpret_s8_s32(b));
}
"""
# Types without a dot instruction become 32-bit lanes as they are loaded.
WIDEN = """
typedef int8_t vb __attribute__((vector_size(VL), aligned(1), may_alias));
static inline vf widen_bf16(const uint16_t *p) {
  return (vf)(__builtin_convertvector(*(const vh *)p, vi) << 16);
}
static inline vi widen_int8(const int8_t *p) {
  return __builtin_convertvector(*(const vb *)p, vi);
}
"""
