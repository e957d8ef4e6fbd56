"""CUDA kernels of small products of matrices, which CuPy's cuBLAS would launch slowly and no CUDA graph may hold.

The source is plain C but for the two kernels' frames, so that a C compiler can check what they compute.
"""

from __future__ import annotations

TYPES = {
    "float32": ("float", 0),
    "float64": ("double", 0),
    "complex64": ("float", 1),
    "complex128": ("double", 1),
}
"""For each dtype the real type, and whether numbers are complex."""

MACROS = r"""
#define FUNCTION __device__ __forceinline__ static
#define ALIGNED __align__(2 * sizeof(REAL)) /* one load for a complex number */
"""

BODY = r"""
#if COMPLEX
typedef struct ALIGNED { REAL re, im; } number;
FUNCTION number none(void) { number x; x.re = 0; x.im = 0; return x; }
FUNCTION number sum(number a, number b) { a.re += b.re; a.im += b.im; return a; }
FUNCTION number multiplied_and_added(number s, number a, number b) {
    s.re += a.re * b.re - a.im * b.im;
    s.im += a.re * b.im + a.im * b.re;
    return s;
}
#else
typedef REAL number;
FUNCTION number none(void) { return 0; }
FUNCTION number sum(number a, number b) { return a + b; }
FUNCTION number multiplied_and_added(number s, number a, number b) { return s + a * b; }
#endif

/* Where a number of a tensor lies in another order of modes: n pairs of length and step, the innermost first.
   Division of 32 bits is several times faster. */
FUNCTION long long placed(long long at, const long long *order, long long n) {
    long long to = 0;
    if (n == 0) return at;
    if (at < 4294967296LL) {
        unsigned left = (unsigned)at;
        for (long long g = 0; g < n; ++g) {
            const unsigned length = (unsigned)order[2 * g], next = left / length;
            to += (long long)(left - next * length) * order[2 * g + 1];
            left = next;
        }
        return to;
    }
    for (long long g = 0; g < n; ++g) {
        to += (at % order[2 * g]) * order[2 * g + 1];
        at /= order[2 * g];
    }
    return to;
}

/* Terms first, first + by, ... of number `at` of out[b, i, j] = sum_k p[b, i, k] q[b, k, j], where steps between
   numbers of p are pb, pi, pk, and of q likewise; each of the three may lie in another order. */
FUNCTION number part(const number *p, const number *q, long long at, long long n_i, long long n_j, long long n_k,
                     long long pb, long long pi, long long pk, long long qb, long long qk, long long qj,
                     const long long *out_order, long long n_out, const long long *p_order, long long n_p,
                     const long long *q_order, long long n_q, long long first, long long by) {
    long long j, i, b;
    number s = none();
    at = placed(at, out_order, n_out);
    if (at < 4294967296LL) {
        const unsigned place = (unsigned)at, row = place / (unsigned)n_j;
        j = place % (unsigned)n_j, i = row % (unsigned)n_i, b = row / (unsigned)n_i;
    } else {
        j = at % n_j, i = (at / n_j) % n_i, b = at / (n_j * n_i);
    }
    pb = b * pb + i * pi;
    qb = b * qb + j * qj;
    for (long long k = first; k < n_k; k += by)
        s = multiplied_and_added(s, p[placed(pb + k * pk, p_order, n_p)], q[placed(qb + k * qk, q_order, n_q)]);
    return s;
}
"""

SIZES = ("size", "n_i", "n_j", "n_k", "pb", "pi", "pk", "qb", "qk", "qj")
ORDERS = ("out", "p", "q")
"""Arguments of the kernels after `out`, `p` and `q`: sizes, then a pointer and a number of pairs for each order."""

FRAMES = r"""
extern "C" __global__ void each(ARGUMENTS) {
    const long long all = (long long)gridDim.x * blockDim.x;
    for (long long at = (long long)blockIdx.x * blockDim.x + threadIdx.x; at < size; at += all)
        out[at] = part(GIVEN, 0, 1);
}

/* A block for each number: its threads share the sum, and add up in an order that is always the same. */
extern "C" __global__ void shared_sum(ARGUMENTS) {
    __shared__ number partial[THREADS];
    for (long long at = blockIdx.x; at < size; at += gridDim.x) {
        partial[threadIdx.x] = part(GIVEN, threadIdx.x, THREADS);
        __syncthreads();
        for (int half = THREADS / 2; half > 0; half /= 2) {
            if (threadIdx.x < half) partial[threadIdx.x] = sum(partial[threadIdx.x], partial[threadIdx.x + half]);
            __syncthreads();
        }
        if (threadIdx.x == 0) out[at] = partial[0];
        __syncthreads();
    }
}
"""

THREADS = 256


def source(dtype: str) -> str:
    """CUDA C++ of the kernels `each` and `shared_sum` for numbers of a dtype."""
    return f"{_head(dtype)}{MACROS}{BODY}{FRAMES}"


def c_source(dtype: str) -> str:
    """Plain C of what the kernels compute: a function `each_number` with their arguments."""
    frame = (
        "void each_number(ARGUMENTS) {\n    for (long long at = 0; at < size; ++at) out[at] = part(GIVEN, 0, 1);\n}\n"
    )
    return f"{_head(dtype)}#define FUNCTION static inline\n#define ALIGNED\n{BODY}\n{frame}"


def _head(dtype: str) -> str:
    real, is_complex = TYPES[dtype]
    sizes = ", ".join(f"long long {name}" for name in SIZES)
    orders = ", ".join(f"const long long *{name}_order, long long n_{name}" for name in ORDERS)
    given = ", ".join((*SIZES[1:], *(f"{name}_order, n_{name}" for name in ORDERS)))
    return (
        f"#define REAL {real}\n#define COMPLEX {is_complex}\n#define THREADS {THREADS}\n"
        f"#define ARGUMENTS number *out, const number *p, const number *q, {sizes}, {orders}\n"
        f"#define GIVEN p, q, at, {given}\n"
    )
