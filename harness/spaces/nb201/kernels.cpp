// Weighted sums of plain and normalised terms, their gradients, and 3x3 average pooling. Tensors are [rows, channels].
#include <omp.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <new>
#include <vector>

struct Term {
    const void* value;     // [n, c]
    void* gradient;        // [n, c]
    int64_t value_stride;  // elements from row to row
    int64_t gradient_stride;
    double* mean;  // [c], and
    double* var;   // [c], of a term that is normalised; null: a plain term
    double weight;
    double weight_gradient;
    int32_t add;  // whether the gradient is added to what is there
};

namespace {

struct bfloat16 {
    uint16_t bits;
};
inline float load(float v) { return v; }
inline double load(double v) { return v; }
inline float load(bfloat16 v) {
    const uint32_t bits = uint32_t(v.bits) << 16;
    float wide;
    std::memcpy(&wide, &bits, 4);
    return wide;
}
inline void store(float& to, float v) { to = v; }
inline void store(double& to, double v) { to = v; }
inline void store(bfloat16& to, float v) {  // to nearest, ties to even
    uint32_t bits;
    std::memcpy(&bits, &v, 4);
    to.bits = uint16_t((bits + 0x7fff + ((bits >> 16) & 1)) >> 16);
}
template <class T>
struct Wide {
    using type = float;
};
template <>
struct Wide<double> {
    using type = double;
};

// Room that begins on a cache line: no vector of it lies on two.
template <class W>
struct Aligned {
    using value_type = W;
    Aligned() = default;
    template <class V>
    Aligned(const Aligned<V>&) {}
    W* allocate(size_t n) { return static_cast<W*>(::operator new(n * sizeof(W), std::align_val_t(64))); }
    void deallocate(W* p, size_t) { ::operator delete(p, std::align_val_t(64)); }
    bool operator==(const Aligned&) const { return true; }
    bool operator!=(const Aligned&) const { return false; }
};
template <class W>
using Room = std::vector<W, Aligned<W>>;

// Rows are worked on a span at a time, of about so many elements: sums, or the factors of all terms, stay in the
// first-level cache. A longer span sums up in other order: it is what the records in single precision were made with.
constexpr int64_t MAPPED = 64;
template <class T>
constexpr int64_t SUMMED = sizeof(T) == 2 ? 64 : 256;
template <class T>  // spans that are summed up in the type T or float before the sums go on in double
constexpr int64_t BLOCK = 16384 / SUMMED<T>;

struct Grid {
    int64_t c, rows, lanes, spans;
    Grid(int64_t n, int64_t channels, int64_t span) : c(channels), rows(std::max<int64_t>(1, span / channels)) {
        while (n % rows) rows--;
        lanes = rows * c;
        spans = n / rows;
    }
};

template <int64_t C, class F>
inline void by_rows(int64_t rows, int64_t c, F f) {
    const int64_t width = C ? C : c;
    for (int64_t row = 0; row < rows; row++) {
#pragma omp simd
        for (int64_t i = 0; i < width; i++) f(row * width + i, row, i);
    }
}

// Call f(lane, row, channel) for all elements of a span. Dense: no gaps between rows, which then count as one.
template <class F>
inline void each(bool dense, const Grid& grid, F f) {
    if (dense) {
#pragma omp simd
        for (int64_t i = 0; i < grid.lanes; i++) f(i, 0, i);
    } else if (grid.c == 4) {
        by_rows<4>(grid.rows, 4, f);
    } else if (grid.c == 8) {
        by_rows<8>(grid.rows, 8, f);
    } else if (grid.c == 16) {
        by_rows<16>(grid.rows, 16, f);
    } else {
        by_rows<0>(grid.rows, grid.c, f);
    }
}

// Mean and biased variance of every channel.
template <class T>
void measure(const Term& term, int64_t n, int64_t c, int threads) {
    using W = typename Wide<T>::type;
    const Grid grid(n, c, SUMMED<T>);
    const int64_t lanes = grid.lanes, stride = term.value_stride;
    const T* value = static_cast<const T*>(term.value);
    Room<W> first(lanes);  // squares are of differences from the first row, so that they do not cancel
    for (int64_t i = 0; i < lanes; i++) first[i] = load(value[i % c]);
    std::vector<double> sums(2 * c * threads, 0.0);
#pragma omp parallel num_threads(threads)
    {
        double* mine = sums.data() + 2 * c * omp_get_thread_num();
        Room<W> part(2 * lanes);
#pragma omp for schedule(static)
        for (int64_t start = 0; start < grid.spans; start += BLOCK<T>) {
            std::fill(part.begin(), part.end(), W(0));
            W *sum = part.data(), *square = sum + lanes;
            const W* origin = first.data();
            for (int64_t k = start; k < std::min(grid.spans, start + BLOCK<T>); k++) {
                const T* v = value + k * grid.rows * stride;
                each(stride == c, grid, [=](int64_t lane, int64_t row, int64_t i) {
                    const W difference = W(load(v[row * stride + i])) - origin[lane];
                    sum[lane] += difference;
                    square[lane] += difference * difference;
                });
            }
            for (int64_t i = 0; i < lanes; i++) {
                mine[i % c] += sum[i];
                mine[c + i % c] += square[i];
            }
        }
    }
    for (int64_t i = 0; i < c; i++) {
        double sum = 0, square = 0;
        for (int thread = 0; thread < threads; thread++) {
            sum += sums[2 * c * thread + i];
            square += sums[2 * c * thread + c + i];
        }
        term.mean[i] = first[i] + sum / n;
        term.var[i] = std::max(0.0, square / n - sum / n * (sum / n));
    }
}

// out = sum of weight * value, or of weight * (value - mean) / sqrt(var + eps); relu, if not null: its positive part.
template <class T>
void mix(Term* terms, int count, int64_t n, int64_t c, T* out, T* relu, double eps, int threads) {
    using W = typename Wide<T>::type;
    const Grid grid(n, c, MAPPED);
    const int64_t lanes = grid.lanes;
    Room<W> gains(count * lanes), level(lanes, W(0));
    for (int j = 0; j < count; j++) {
        const Term& term = terms[j];
        if (term.mean) measure<T>(term, n, c, threads);
        for (int64_t i = 0; i < lanes; i++) {
            const double gain = term.mean ? term.weight / std::sqrt(term.var[i % c] + eps) : term.weight;
            gains[j * lanes + i] = gain;
            if (term.mean) level[i] -= gain * term.mean[i % c];
        }
    }
#pragma omp parallel num_threads(threads)
    {
        Room<W> sums(lanes);
        W* sum = sums.data();
#pragma omp for schedule(static)
        for (int64_t k = 0; k < grid.spans; k++) {
            std::copy(level.begin(), level.end(), sum);
            for (int j = 0; j < count; j++) {
                const int64_t stride = terms[j].value_stride;
                const T* v = static_cast<const T*>(terms[j].value) + k * grid.rows * stride;
                const W* gain = gains.data() + j * lanes;
                each(stride == c, grid, [=](int64_t lane, int64_t row, int64_t i) {
                    sum[lane] += gain[lane] * W(load(v[row * stride + i]));
                });
            }
            T *o = out + k * lanes, *r = relu + k * lanes;
            each(true, grid, [=](int64_t lane, int64_t, int64_t) { store(o[lane], sum[lane]); });
            if (relu) {
                each(true, grid, [=](int64_t lane, int64_t, int64_t) {
                    store(r[lane], sum[lane] < 0 ? W(0) : sum[lane]);
                });
            }
        }
    }
}

// Per channel, the sums of gradient * value term by term, and last those of the gradient: [count + 1, c].
template <class T>
std::vector<double> products(Term* terms, int count, int64_t n, int64_t c, const T* gradient, int threads, bool plain) {
    using W = typename Wide<T>::type;
    const Grid grid(n, c, SUMMED<T>);
    const int64_t lanes = grid.lanes, size = (count + 1) * c;
    std::vector<double> sums(size * threads, 0.0);
#pragma omp parallel num_threads(threads)
    {
        double* mine = sums.data() + size * omp_get_thread_num();
        Room<W> part((count + 1) * lanes), wide(lanes);
        W *g = wide.data(), *total = part.data() + count * lanes;
#pragma omp for schedule(static)
        for (int64_t start = 0; start < grid.spans; start += BLOCK<T>) {
            std::fill(part.begin(), part.end(), W(0));
            for (int64_t k = start; k < std::min(grid.spans, start + BLOCK<T>); k++) {
                const T* from = gradient + k * lanes;
                each(true, grid, [=](int64_t lane, int64_t, int64_t) {
                    g[lane] = load(from[lane]);
                    total[lane] += g[lane];
                });
                for (int j = 0; j < count; j++) {
                    if (!terms[j].mean && !plain) continue;
                    const int64_t stride = terms[j].value_stride;
                    const T* v = static_cast<const T*>(terms[j].value) + k * grid.rows * stride;
                    W* sum = part.data() + j * lanes;
                    each(stride == c, grid, [=](int64_t lane, int64_t row, int64_t i) {
                        sum[lane] += g[lane] * W(load(v[row * stride + i]));
                    });
                }
            }
            for (int j = 0; j <= count; j++) {
                for (int64_t i = 0; i < lanes; i++) mine[j * c + i % c] += part[j * lanes + i];
            }
        }
    }
    for (int thread = 1; thread < threads; thread++) {
        for (int64_t i = 0; i < size; i++) sums[i] += sums[thread * size + i];
    }
    return sums;
}

// Gradients of all terms from that of their sum; of the weights too, those of plain terms only if asked for.
template <class T>
void mix_backward(Term* terms, int count, int64_t n, int64_t c, const T* gradient, double eps, int threads, int plain) {
    using W = typename Wide<T>::type;
    const Grid grid(n, c, MAPPED);
    const int64_t lanes = grid.lanes;
    const std::vector<double> sums = products<T>(terms, count, n, c, gradient, threads, plain);
    Room<W> factors(3 * count * lanes);  // a term's gradient is slope * gradient + bend * value + level
    for (int j = 0; j < count; j++) {
        Term& term = terms[j];
        term.weight_gradient = 0;
        W *slopes = factors.data() + 3 * j * lanes, *bends = slopes + lanes, *levels = bends + lanes;
        for (int64_t i = 0; i < c; i++) {
            const double total = sums[count * c + i], product = sums[j * c + i];
            double slope = term.weight, bend = 0, level = 0;
            if (term.mean) {
                const double inverse = 1 / std::sqrt(term.var[i] + eps);
                const double centred = product - term.mean[i] * total;
                term.weight_gradient += centred * inverse;
                slope *= inverse;
                bend = -slope * centred * inverse * inverse / n;
                level = -slope * total / n - bend * term.mean[i];
            } else {
                term.weight_gradient += product;
            }
            for (int64_t lane = i; lane < lanes; lane += c) {
                slopes[lane] = slope;
                bends[lane] = bend;
                levels[lane] = level;
            }
        }
    }
#pragma omp parallel num_threads(threads)
    {
        Room<W> wide(lanes);
        W* g = wide.data();
#pragma omp for schedule(static)
        for (int64_t k = 0; k < grid.spans; k++) {
            const T* from = gradient + k * lanes;
            each(true, grid, [=](int64_t lane, int64_t, int64_t) { g[lane] = load(from[lane]); });
            for (int j = 0; j < count; j++) {
                const Term& term = terms[j];
                const int64_t vs = term.value_stride, gs = term.gradient_stride;
                const bool dense = vs == c && gs == c;
                const W *slope = factors.data() + 3 * j * lanes, *bend = slope + lanes, *level = bend + lanes;
                const T* v = static_cast<const T*>(term.value) + k * grid.rows * vs;
                T* to = static_cast<T*>(term.gradient) + k * grid.rows * gs;
                if (term.mean) {
                    each(dense, grid, [=](int64_t lane, int64_t row, int64_t i) {
                        const W value = load(v[row * vs + i]);
                        store(to[row * gs + i], slope[lane] * g[lane] + bend[lane] * value + level[lane]);
                    });
                } else if (term.add) {
                    each(dense, grid, [=](int64_t lane, int64_t row, int64_t i) {
                        T& sum = to[row * gs + i];
                        store(sum, W(load(sum)) + slope[lane] * g[lane]);
                    });
                } else {
                    each(dense, grid, [=](int64_t lane, int64_t row, int64_t i) {
                        store(to[row * gs + i], slope[lane] * g[lane]);
                    });
                }
            }
        }
    }
}

// How many of three neighbours lie inside.
inline int inside(int64_t at, int64_t size) { return (at > 0) + 1 + (at + 1 < size); }

// Pooling: out = the mean over the part of each 3x3 neighbourhood that lies in the image [h, w].
// Its gradient (BACK): out += what pooling passes back, plus the sum of `through` where x is positive.
template <class T, bool BACK>
void pool(const T* in, T* out, int64_t images, int64_t h, int64_t w, int64_t c, const T* x, const T* const* through,
          int count, int threads) {
    using W = typename Wide<T>::type;
    const int64_t line = w * c;
    Room<W> shares(3 * line);  // of a pixel in its mean, by how many rows lie inside; back, of a column
    for (int64_t i = 0; i < 3 * line; i++) {
        shares[i] = W(1) / ((BACK ? 1 : i / line + 1) * inside(i % line / c, w));
    }
#pragma omp parallel num_threads(threads)
    {
        Room<W> padded(line + 2 * c, W(0));
        W* column = padded.data() + c;  // sums of three rows
        Room<W> passed(line);
#pragma omp for schedule(static)
        for (int64_t k = 0; k < images * h; k++) {
            const int64_t y = k % h;
            std::fill(column, column + line, W(0));
            for (int64_t dy = std::max<int64_t>(-1, -y); dy <= 1 && y + dy < h; dy++) {
                const T* from = in + (k + dy) * line;
                const W share = BACK ? W(1) / inside(y + dy, h) : W(1);
#pragma omp simd
                for (int64_t i = 0; i < line; i++) column[i] += share * load(from[i]);
            }
            const W* share = shares.data() + (inside(y, h) - 1) * line;
            T* to = out + k * line;
            if (BACK) {
                const T* sign = x + k * line;
                W* sum = passed.data();
                std::fill(sum, sum + line, W(0));
                for (int j = 0; j < count; j++) {
                    const T* part = through[j] + k * line;
#pragma omp simd
                    for (int64_t i = 0; i < line; i++) sum[i] += load(part[i]);
                }
#pragma omp simd
                for (int64_t i = 0; i < line; i++) column[i] *= share[i];
#pragma omp simd
                for (int64_t i = 0; i < line; i++) {
                    const W other = load(sign[i]) > 0 ? sum[i] : W(0);
                    store(to[i], load(to[i]) + other + column[i - c] + column[i] + column[i + c]);
                }
            } else {
#pragma omp simd
                for (int64_t i = 0; i < line; i++) store(to[i], share[i] * (column[i - c] + column[i] + column[i + c]));
            }
        }
    }
}

}  // namespace

#define EXPORT(T)                                                                                                  \
    extern "C" void mix_##T(Term* t, int k, int64_t n, int64_t c, T* out, T* relu, double eps, int threads) {      \
        mix<T>(t, k, n, c, out, relu, eps, threads);                                                               \
    }                                                                                                              \
    extern "C" void mix_backward_##T(Term* t, int k, int64_t n, int64_t c, const T* gradient, double eps,          \
                                     int threads, int plain) {                                                     \
        mix_backward<T>(t, k, n, c, gradient, eps, threads, plain);                                                \
    }                                                                                                              \
    extern "C" void pool_##T(const T* in, T* out, int64_t b, int64_t h, int64_t w, int64_t c, int threads) {       \
        pool<T, false>(in, out, b, h, w, c, nullptr, nullptr, 0, threads);                                         \
    }                                                                                                              \
    extern "C" void pool_backward_##T(const T* in, T* out, int64_t b, int64_t h, int64_t w, int64_t c, const T* x, \
                                      const T* const* through, int count, int threads) {                           \
        pool<T, true>(in, out, b, h, w, c, x, through, count, threads);                                            \
    }
EXPORT(float)
EXPORT(double)
EXPORT(bfloat16)
