/* Kernels of the sector engine on a GPU, in the C that CUDA and a plain C compiler both take.

   A vector is PLANES arrays of rows x columns, real parts and then imaginary parts, each `plane` long. Compiled with
   PLANES 1 or 2, and with NARROW where strings are at most 32768, for tables of half the size. A block does whole units of work, its threads share one; without CUDA the six names below are
   given by whoever includes this file. Sums are added in an order that the launch fixes: same bits on each call. */

typedef long long Int;
typedef unsigned int Index;
#if NARROW
typedef unsigned short Place;
#define SIGN 0x8000u
#else
typedef unsigned int Place;
#define SIGN 0x80000000u
#endif

#ifdef __CUDACC__
#define KERNEL extern "C" __global__ void __launch_bounds__(512)
#define INSIDE static __device__ __forceinline__
#define BLOCK ((Int)blockIdx.x)
#define BLOCKS ((Int)gridDim.x)
#define THREAD ((Int)threadIdx.x)
#define THREADS ((Int)blockDim.x)
#define SYNC __syncthreads()
#define WARP 32
extern __shared__ double shared_memory[];
INSIDE double warp_sum(double value) {
    for (int step = 16; step; step >>= 1) value += __shfl_xor_sync(0xffffffffu, value, step);
    return value;
}
#else
#define WARP 1
static double warp_sum(double value) { return value; }
#endif

enum { REAL_EXCITATION = 0, IMAGINARY_EXCITATION = 1, NUMBER = 2 };

/* A pair's target has the sign of the pair in its highest bit. */
INSIDE double sign_of(Place target) { return target & SIGN ? -1.0 : 1.0; }
INSIDE Int place_of(Place target) { return target & (SIGN - 1); }

/* The sum of all threads' values, on thread 0; `shared_memory` has room for one number of each thread. */
INSIDE double block_sum(double value) {
    double total = 0;
    shared_memory[THREAD] = value;
    SYNC;
    if (THREAD < WARP) {
        for (Int t = THREAD; t < THREADS; t += WARP) total += shared_memory[t];
        total = warp_sum(total);
    }
    SYNC;
    return total;
}

/* x, y = c x - conj(a) y, c y + a x */
INSIDE void rotate(double *x, Int i, double *y, Int j, Int plane, double c, double ar, double ai) {
#if PLANES == 1
    double u = x[i], v = y[j];
    x[i] = c * u - ar * v;
    y[j] = c * v + ar * u;
#else
    double xr = x[i], xi = x[i + plane], yr = y[j], yi = y[j + plane];
    x[i] = c * xr - (ar * yr + ai * yi);
    x[i + plane] = c * xi - (ar * yi - ai * yr);
    y[j] = c * yr + (ar * xr - ai * xi);
    y[j + plane] = c * yi + (ar * xi + ai * xr);
#endif
}

/* Re eta (conj(v) x - u conj(y)) with eta = 1 or i */
INSIDE double overlap(const double *x, Int i, const double *y, Int j, const double *u, const double *v, Int plane,
                      Int kind) {
#if PLANES == 1
    return v[j] * x[i] - u[i] * y[j];
#else
    double xr = x[i], xi = x[i + plane], yr = y[j], yi = y[j + plane];
    double ur = u[i], ui = u[i + plane], vr = v[j], vi = v[j + plane];
    if (kind == REAL_EXCITATION) return (vr * xr + vi * xi) - (ur * yr + ui * yi);
    return (ui * yr - ur * yi) - (vr * xi - vi * xr);
#endif
}

/* x = w x */
INSIDE void turn(double *x, Int i, Int plane, double wr, double wi) {
#if PLANES == 2
    double xr = x[i], xi = x[i + plane];
    x[i] = wr * xr - wi * xi;
    x[i + plane] = wr * xi + wi * xr;
#endif
}

/* -Im conj(u) x */
INSIDE double phase_overlap(const double *x, const double *u, Int i, Int plane) {
#if PLANES == 2
    return u[i + plane] * x[i] - u[i] * x[i + plane];
#else
    return 0;
#endif
}

/* Copy a row between a vector and shared memory; the imaginary parts lie `plane` and `width` further on. */
INSIDE void load_row(double *near, const double *row, Int plane, Int width) {
    for (Int t = THREAD; t < width; t += THREADS)
        for (int k = 0; k < PLANES; ++k) near[t + k * width] = row[t + k * plane];
}
INSIDE void store_row(const double *near, double *row, Int plane, Int width) {
    for (Int t = THREAD; t < width; t += THREADS)
        for (int k = 0; k < PLANES; ++k) row[t + k * plane] = near[t + k * width];
}

/* Cosine and eta times sine of each factor's angle; of a number product cosine and sine themselves. */
KERNEL coefficients(const double *angle, const Int *kind, Int n, double *c, double *wr, double *wi) {
    for (Int f = BLOCK * THREADS + THREAD; f < n; f += BLOCKS * THREADS) {
        double cosine = cos(angle[f]), sine = sin(angle[f]);
        c[f] = cosine;
        wr[f] = kind[f] == REAL_EXCITATION ? sine : kind[f] == NUMBER ? cosine : 0.0;
        wi[f] = kind[f] == REAL_EXCITATION ? 0.0 : sine;
    }
}

/* The determinant at one place. */
KERNEL reference(double *psi, Int n, Int place) {
    for (Int i = BLOCK * THREADS + THREAD; i < n; i += BLOCKS * THREADS) psi[i] = i == place ? 1.0 : 0.0;
}

/* Factors first to last (exclusive) of `order`, whose row ladder they share; a unit is a pair of rows. */
KERNEL rows_forward(double *psi, Int plane, Int width, const Place *row_source, const Place *row_target, Int units,
                    const Int *order, Int first, Int last, const Int *ladder, const Int *kind, const Int *start,
                    const Place *source, const Place *target, const double *c, const double *wr, const double *wi,
                    Int staged) {
    for (Int u = BLOCK; u < units; u += BLOCKS) {
        Int a = row_source[u], b = place_of(row_target[u]), far = plane;
        double s = sign_of(row_target[u]);
        double *x = psi + a * width, *y = psi + b * width;
        if (staged) {
            x = shared_memory;
            y = a == b ? x : x + PLANES * width;
            far = width;
            load_row(x, psi + a * width, plane, width);
            if (a != b) load_row(y, psi + b * width, plane, width);
            SYNC;
        }
        for (Int k = first; k < last; ++k) {
            Int f = order[k], n = ladder[f];
            double cf = c[f], ar = wr[f] * s, ai = wi[f] * s;
            if (kind[f] == NUMBER) {
                for (Int q = start[n] + THREAD; q < start[n + 1]; q += THREADS) turn(x, source[q], far, wr[f], wi[f]);
            } else {
                for (Int q = start[n] + THREAD; q < start[n + 1]; q += THREADS) {
                    double e = sign_of(target[q]);
                    rotate(x, source[q], y, place_of(target[q]), far, cf, ar * e, ai * e);
                }
            }
            SYNC;
        }
        if (staged) {
            store_row(x, psi + a * width, plane, width);
            if (a != b) store_row(y, psi + b * width, plane, width);
            SYNC;
        }
    }
}

/* The same, undone, on psi and lambda; partial[f * BLOCKS + block] gets Re <lambda|G|psi> of the block's units. */
KERNEL rows_back(double *psi, double *lam, Int plane, Int width, const Place *row_source, const Place *row_target,
                 Int units, const Int *order, Int first, Int last, const Int *ladder, const Int *kind,
                 const Int *start, const Place *source, const Place *target, const double *c, const double *wr,
                 const double *wi, Int staged, double *partial, Int stride) {
    Int turns = 0;
    for (Int u_ = BLOCK; u_ < units; u_ += BLOCKS) {
        Int a = row_source[u_], b = place_of(row_target[u_]), far = plane;
        double s = sign_of(row_target[u_]);
        double *x = psi + a * width, *y = psi + b * width, *u = lam + a * width, *v = lam + b * width;
        if (staged) {
            x = shared_memory + 2 * THREADS;
            u = x + PLANES * width;
            y = a == b ? x : u + PLANES * width;
            v = a == b ? u : y + PLANES * width;
            far = width;
            load_row(x, psi + a * width, plane, width);
            load_row(u, lam + a * width, plane, width);
            if (a != b) load_row(y, psi + b * width, plane, width);
            if (a != b) load_row(v, lam + b * width, plane, width);
            SYNC;
        }
        for (Int k = last - 1; k >= first; --k) {
            Int f = order[k], n = ladder[f];
            double cf = c[f], ar = wr[f] * s, ai = wi[f] * s, sum = 0;
            if (kind[f] == NUMBER) {
                for (Int q = start[n] + THREAD; q < start[n + 1]; q += THREADS) {
                    Int i = source[q];
                    sum += phase_overlap(x, u, i, far);
                    turn(x, i, far, wr[f], -wi[f]);
                    turn(u, i, far, wr[f], -wi[f]);
                }
            } else {
                for (Int q = start[n] + THREAD; q < start[n + 1]; q += THREADS) {
                    Int i = source[q], j = place_of(target[q]);
                    double e = sign_of(target[q]);
                    sum += e * s * overlap(x, i, y, j, u, v, far, kind[f]);
                    rotate(x, i, y, j, far, cf, -ar * e, -ai * e);
                    rotate(u, i, v, j, far, cf, -ar * e, -ai * e);
                }
            }
            /* Two buffers in turn: one warp adds up while the others go on, until the next SYNC but one. */
            double *sums = shared_memory + (turns & 1) * THREADS;
            sums[THREAD] = sum;
            SYNC;
            if (THREAD / WARP == turns % (THREADS / WARP)) {
                double total = 0;
                for (Int t = THREAD % WARP; t < THREADS; t += WARP) total += sums[t];
                total = warp_sum(total);
                if (THREAD % WARP == 0) {
                    double *place = partial + f * stride + BLOCK;
                    *place = u_ == BLOCK ? total : *place + total;
                }
            }
            ++turns;
        }
        if (staged) {
            store_row(x, psi + a * width, plane, width);
            store_row(u, lam + a * width, plane, width);
            if (a != b) store_row(y, psi + b * width, plane, width);
            if (a != b) store_row(v, lam + b * width, plane, width);
        }
        SYNC;
    }
}

#define TILE 32

/* Columns x rows from rows x columns. */
KERNEL transpose(const double *from, double *to, Int rows, Int columns) {
    Int across = (columns + TILE - 1) / TILE, tiles = across * ((rows + TILE - 1) / TILE);
    for (Int u = BLOCK; u < tiles * PLANES; u += BLOCKS) {
        Int r0 = u % tiles / across * TILE, c0 = u % tiles % across * TILE, plane = u / tiles * rows * columns;
        for (Int t = THREAD; t < TILE * TILE; t += THREADS) {
            Int r = t / TILE, c = t % TILE;
            if (r0 + r < rows && c0 + c < columns)
                shared_memory[r * (TILE + 1) + c] = from[plane + (r0 + r) * columns + c0 + c];
        }
        SYNC;
        for (Int t = THREAD; t < TILE * TILE; t += THREADS) {
            Int c = t / TILE, r = t % TILE;
            if (r0 + r < rows && c0 + c < columns)
                to[plane + (c0 + c) * rows + r0 + r] = shared_memory[r * (TILE + 1) + c];
        }
        SYNC;
    }
}

/* Re <x|y>, a part from each block; n counts both planes. */
KERNEL dot(const double *x, const double *y, Int n, double *partial) {
    double sum = 0;
    for (Int i = BLOCK * THREADS + THREAD; i < n; i += BLOCKS * THREADS) sum += x[i] * y[i];
    sum = block_sum(sum);
    if (THREAD == 0) partial[BLOCK] = sum;
}

/* out[f] = the sum of partial[f * stride + b] over b < count[f]. */
KERNEL fold(const double *partial, Int stride, const Int *count, Int n, double *out) {
    for (Int f = BLOCK; f < n; f += BLOCKS) {
        double sum = 0;
        for (Int b = THREAD; b < count[f]; b += THREADS) sum += partial[f * stride + b];
        sum = block_sum(sum);
        if (THREAD == 0) out[f] = sum;
    }
}

/* A diagonal run: list 0 has its products on the rows' spin alone, list 1 those on the columns' spin alone, each
   other list those with one and the same part on the rows' spin, `part[list]`. `held[f]` is what factor f needs on
   the lists' other spin (on the rows' spin for list 0). table[list * longest + string] is a list's angle. */
KERNEL run_angles(const double *angle, const Int *list_start, const Int *list_factor, Int lists, const Int *held,
                  const Int *row_string, const Int *column_string, Int rows, Int columns, Int longest, double *table) {
    for (Int u = BLOCK; u < lists; u += BLOCKS)
        for (Int t = THREAD; t < (u == 0 ? rows : columns); t += THREADS) {
            Int string = u == 0 ? row_string[t] : column_string[t];
            double sum = 0;
            for (Int k = list_start[u]; k < list_start[u + 1]; ++k) {
                Int f = list_factor[k];
                if ((string & held[k]) == held[k]) sum += angle[f];
            }
            table[u * longest + t] = sum;
        }
}

INSIDE double run_angle(const double *table, Int longest, Int lists, const Int *part, Int string, Int r, Int t) {
    double sum = table[r] + table[longest + t];
    for (Int list = 2; list < lists; ++list)
        if ((string & part[list]) == part[list]) sum += table[list * longest + t];
    return sum;
}

KERNEL run_forward(double *psi, Int plane, Int rows, Int columns, const double *table, Int longest, Int lists,
                   const Int *part, const Int *row_string) {
    for (Int r = BLOCK; r < rows; r += BLOCKS)
        for (Int t = THREAD; t < columns; t += THREADS) {
            double a = run_angle(table, longest, lists, part, row_string[r], r, t);
            turn(psi, r * columns + t, plane, cos(a), sin(a));
        }
}

/* Undone on psi and lambda; density[r, t] = -Im conj(lambda) psi. */
KERNEL run_back(double *psi, double *lam, Int plane, Int rows, Int columns, const double *table, Int longest,
                Int lists, const Int *part, const Int *row_string, double *density) {
    for (Int r = BLOCK; r < rows; r += BLOCKS)
        for (Int t = THREAD; t < columns; t += THREADS) {
            Int i = r * columns + t;
            double a = run_angle(table, longest, lists, part, row_string[r], r, t);
            double c = cos(a), s = sin(a);
            density[i] = phase_overlap(psi, lam, i, plane);
            turn(psi, i, plane, c, -s);
            turn(lam, i, plane, c, -s);
        }
}

/* The density summed over columns (list 0), or over the rows that contain the list's part. */
KERNEL run_sums(const double *density, Int rows, Int columns, Int lists, const Int *part, const Int *row_string,
                Int longest, double *table) {
    Int strips = (columns + THREADS - 1) / THREADS;
    for (Int u = BLOCK; u < rows + (lists - 1) * strips; u += BLOCKS) {
        if (u < rows) {
            double sum = 0;
            for (Int t = THREAD; t < columns; t += THREADS) sum += density[u * columns + t];
            sum = block_sum(sum);
            if (THREAD == 0) table[u] = sum;
        } else {
            Int list = 1 + (u - rows) / strips, t = (u - rows) % strips * THREADS + THREAD;
            if (t < columns) {
                double sum = 0;
                for (Int r = 0; r < rows; ++r)
                    if (list == 1 || (row_string[r] & part[list]) == part[list]) sum += density[r * columns + t];
                table[list * longest + t] = sum;
            }
        }
    }
}

/* partial[f * stride] of each factor of the run; a unit is one entry of the lists. */
KERNEL run_derivatives(const double *table, Int longest, const Int *list_of, const Int *list_factor, Int entries,
                       const Int *held, const Int *row_string, const Int *column_string, Int rows, Int columns,
                       double *partial, Int stride) {
    for (Int k = BLOCK; k < entries; k += BLOCKS) {
        Int list = list_of[k];
        const Int *string = list == 0 ? row_string : column_string;
        double sum = 0;
        for (Int t = THREAD; t < (list == 0 ? rows : columns); t += THREADS)
            if ((string[t] & held[k]) == held[k]) sum += table[list * longest + t];
        sum = block_sum(sum);
        if (THREAD == 0) partial[list_factor[k] * stride] = sum;
    }
}

/* For `chunk` strings of the rows' spin from `row` on and their hops first to first + m: C[j, e] = the source row,
   with its sign, both planes side by side. */
KERNEL gather_rows(const double *psi, Int plane, Int width, const Index *source, const signed char *sign, Int hops,
                   Int row, Int chunk, Int first, Int m, double *C) {
    for (Int u = BLOCK; u < chunk * m; u += BLOCKS) {
        Int place = (row + u / m) * hops + first + u % m;
        double s = sign[place];
        for (int k = 0; k < PLANES; ++k)
            for (Int t = THREAD; t < width; t += THREADS)
                C[(u * PLANES + k) * width + t] = s * psi[k * plane + source[place] * (Int)width + t];
    }
}

/* A[j, P, e] = g[p0 + P, pair of hop e to string j], for a block of p pairs. */
KERNEL gather_integrals(const double *g, Int pairs, Int p0, Int p, const Index *pair, Int hops, Int row, Int chunk,
                        Int first, Int m, double *A) {
    for (Int u = BLOCK * THREADS + THREAD; u < chunk * p * m; u += BLOCKS * THREADS) {
        Int e = u % m, P = u / m % p, j = u / m / p;
        A[u] = g[(p0 + P) * pairs + pair[(row + j) * hops + first + e]];
    }
}

/* lam[row + j] += sum of A_P W[j, P] over the orbital pairs P; those of one block of g lie together in W. A unit is a
   string and a segment of `length` columns; the pairs of strings are sorted by segment, orbital pair and target. */
KERNEL collect(const double *W, Int chunk, Int pairs, const Int *block_first, const Int *block_size, Int segments,
               Int length, const Int *start, const Place *source, const Place *target, double *lam, Int plane,
               Int width, Int row) {
    for (Int u = BLOCK; u < chunk * segments; u += BLOCKS) {
        Int j = u / segments, segment = u % segments, low = segment * length;
        Int size = low + length < width ? length : width - low;
        double *out = lam + (row + j) * width + low;
        load_row(shared_memory, out, plane, size);
        SYNC;
        for (Int P = 0; P < pairs; ++P) {
            const double *w = W + (chunk * block_first[P] + j * block_size[P] + P - block_first[P]) * PLANES * width;
            const Int *range = start + segment * pairs + P;
            for (Int q = range[0] + THREAD; q < range[1]; q += THREADS) {
                double s = sign_of(target[q]);
                Int i = place_of(target[q]) - low;
                for (int k = 0; k < PLANES; ++k) shared_memory[i + k * size] += s * w[source[q] + k * width];
            }
            SYNC;
        }
        store_row(shared_memory, out, plane, size);
        SYNC;
    }
}
