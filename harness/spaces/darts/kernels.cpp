// Separable convolutions of maps [b, h, w, c], many from one input at once, their gradients, weighted sums, 3x3 pools.
#include <omp.h>

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <vector>

// One depthwise convolution k x k, then a pointwise one. Weights lie as in torch: [c, k * k] and [c, c] (to, from).
struct Branch {
    int64_t kernel, dilation, stride;
    const void* depth;
    const void* point;
    void* middle;  // [b, h / stride, w / stride, c], between the two convolutions; may be null
    void* out;     // the same after both
    double* sums;  // [2, c]: of out, and of its squares
    // The gradient of out is factors[0] * gradient + factors[1] * out + factors[2], channel by channel.
    const void* gradient;
    const void* factors;   // [3, c]
    void* depth_gradient;  // as the weights; null: not wanted, of both
    void* point_gradient;
};

struct Value {
    const void* value;  // [n, c]
    const void* gain;   // [c]
};

namespace {

template <class T, int N>
struct Pack {
    typedef T type __attribute__((vector_size(N * sizeof(T)), aligned(sizeof(T)), may_alias));
};

template <class T>
using Buffer = std::vector<T>;

// Maps with a border of zeros.
struct Padded {
    int64_t h, w, c, pad, row;
    Padded(int64_t height, int64_t width, int64_t channels, int64_t border)
        : h(height), w(width), c(channels), pad(border), row((width + 2 * border) * channels) {}
    int64_t size() const { return (h + 2 * pad) * row; }
    int64_t at(int64_t y, int64_t x) const { return (y + pad) * row + (x + pad) * c; }
};

template <class T, int N>
struct Work {
    using V = typename Pack<T, N>::type;
    static V load(const T* p) { return *reinterpret_cast<const V*>(p); }
    static void store(T* p, V v) { *reinterpret_cast<V*>(p) = v; }

    // out[x] (+)= sum over taps of in[x * step + tap] * weights; taps lie apart by rows and columns.
    template <int Q, bool ADD>
    static void taps(const T* in, int64_t rows, int64_t columns, int64_t step, int64_t k, const T* weights, T* out,
                     int64_t c) {
        for (int64_t i = 0; i < c; i += N) {
            V sum[Q];
            for (int q = 0; q < Q; q++) sum[q] = ADD ? load(out + q * c + i) : V{};
            for (int64_t y = 0; y < k; y++) {
                for (int64_t x = 0; x < k; x++) {
                    const V weight = load(weights + (y * k + x) * c + i);
                    const T* from = in + y * rows + x * columns + i;
                    for (int q = 0; q < Q; q++) sum[q] += load(from + q * step) * weight;
                }
            }
            for (int q = 0; q < Q; q++) store(out + q * c + i, sum[q]);
        }
    }
    template <bool ADD>
    static void depth_row(const T* in, int64_t rows, int64_t columns, int64_t step, int64_t k, const T* weights, T* out,
                          int64_t width, int64_t c) {
        int64_t x = 0;
        for (; x + 4 <= width; x += 4) taps<4, ADD>(in + x * step, rows, columns, step, k, weights, out + x * c, c);
        for (; x < width; x++) taps<1, ADD>(in + x * step, rows, columns, step, k, weights, out + x * c, c);
    }

    // out[p] = in[p] * matrix [c, c], for several p at once.
    template <int Q>
    static void times(const T* in, const T* matrix, T* out, int64_t c) {
        for (int64_t i = 0; i < c; i += N) {
            V sum[Q] = {};
            for (int64_t k = 0; k < c; k++) {
                const V row = load(matrix + k * c + i);
                for (int q = 0; q < Q; q++) sum[q] += in[q * c + k] * row;
            }
            for (int q = 0; q < Q; q++) store(out + q * c + i, sum[q]);
        }
    }
    static void point_row(const T* in, const T* matrix, T* out, int64_t width, int64_t c) {
        int64_t x = 0;
        for (; x + 8 <= width; x += 8) times<8>(in + x * c, matrix, out + x * c, c);
        for (; x < width; x++) times<1>(in + x * c, matrix, out + x * c, c);
    }

    // sums[k][i] += sum over p of a[p][k] * b[p][i].
    static void outer_row(const T* a, const T* b, T* sums, int64_t width, int64_t c) {
        for (int64_t i = 0; i < c; i += N) {
            for (int64_t k = 0; k < c; k += 4) {
                V sum[4];
                for (int q = 0; q < 4; q++) sum[q] = load(sums + (k + q) * c + i);
                for (int64_t x = 0; x < width; x++) {
                    const V other = load(b + x * c + i);
                    for (int q = 0; q < 4; q++) sum[q] += a[x * c + k + q] * other;
                }
                for (int q = 0; q < 4; q++) store(sums + (k + q) * c + i, sum[q]);
            }
        }
    }

    // sums[tap] += sum over x of in[x * step + tap] * gradient[x].
    template <int K>
    static void depth_products(const T* in, int64_t rows, int64_t columns, int64_t step, const T* gradient, T* sums,
                               int64_t width, int64_t c) {
        for (int64_t i = 0; i < c; i += N) {
            for (int64_t y = 0; y < K; y++) {
                V sum[K];
                for (int x = 0; x < K; x++) sum[x] = load(sums + (y * K + x) * c + i);
                const T* from = in + y * rows + i;
                for (int64_t p = 0; p < width; p++) {
                    const V slope = load(gradient + p * c + i);
                    for (int x = 0; x < K; x++) sum[x] += load(from + p * step + x * columns) * slope;
                }
                for (int x = 0; x < K; x++) store(sums + (y * K + x) * c + i, sum[x]);
            }
        }
    }
    static void depth_products(int64_t k, const T* in, int64_t rows, int64_t columns, int64_t step, const T* gradient,
                               T* sums, int64_t width, int64_t c) {
        if (k == 3) depth_products<3>(in, rows, columns, step, gradient, sums, width, c);
        if (k == 5) depth_products<5>(in, rows, columns, step, gradient, sums, width, c);
        if (k == 7) depth_products<7>(in, rows, columns, step, gradient, sums, width, c);
    }
};

// Weights in the order in which rows of channels are multiplied.
template <class T>
struct Weights {
    Buffer<T> depth, flipped, point, turned;  // [k * k, c]; taps from the last to the first; [from, to]; [to, from]
    Weights(const Branch& branch, int64_t c) {
        const int64_t taps = branch.kernel * branch.kernel;
        const T *deep = static_cast<const T*>(branch.depth), *wide = static_cast<const T*>(branch.point);
        depth.resize(taps * c), flipped.resize(taps * c), point.resize(c * c);
        turned.assign(wide, wide + c * c);
        for (int64_t i = 0; i < c; i++) {
            for (int64_t tap = 0; tap < taps; tap++) {
                depth[tap * c + i] = flipped[(taps - 1 - tap) * c + i] = deep[i * taps + tap];
            }
            for (int64_t j = 0; j < c; j++) point[j * c + i] = wide[i * c + j];
        }
    }
};

template <class T>
std::vector<Weights<T>> all_weights(const Branch* branches, int count, int64_t c) {
    std::vector<Weights<T>> found;
    for (int j = 0; j < count; j++) found.emplace_back(branches[j], c);
    return found;
}

inline int64_t reach(const Branch& branch) { return branch.dilation * (branch.kernel / 2); }

inline int64_t farthest(const Branch* branches, int count) {
    int64_t most = 0;
    for (int j = 0; j < count; j++) most = std::max(most, reach(branches[j]));
    return most;
}

// Fill the inside of a padded map with max(0, gain * x + level).
template <class T, int N>
void fill(const T* x, const T* gain, const T* level, const Padded& map, T* to) {
    using W = Work<T, N>;
    const typename W::V zero{};
    for (int64_t y = 0; y < map.h; y++) {
        const T* from = x + y * map.w * map.c;
        T* into = to + map.at(y, 0);
        for (int64_t i = 0; i < map.c; i += N) {
            const auto a = gain ? W::load(gain + i) : zero + T(1), d = gain ? W::load(level + i) : zero;
            for (int64_t p = i; p < map.w * map.c; p += map.c) {
                const auto value = a * W::load(from + p) + d;
                W::store(into + p, value > 0 ? value : zero);
            }
        }
    }
}

// Sums of rows in the type T, which go on in double after so many positions.
constexpr int64_t FLUSH = 256;

template <class T>
void flush(Buffer<T>& part, double* sums) {
    for (size_t i = 0; i < part.size(); i++) sums[i] += part[i], part[i] = 0;
}

template <class T, int N>
void separable(const T* x, const T* gain, const T* level, int64_t b, int64_t h, int64_t w, int64_t c,
               const Branch* branches, int count, int threads) {
    using W = Work<T, N>;
    const Padded map(h, w, c, farthest(branches, count));
    const auto weights = all_weights<T>(branches, count, c);
    const int64_t size = 2 * c * count;
    std::vector<double> sums(size * threads, 0.0);
#pragma omp parallel num_threads(threads)
    {
        Buffer<T> image(map.size(), T(0)), row(w * c), part(2 * c, T(0));
        double* mine = sums.data() + size * omp_get_thread_num();
#pragma omp for schedule(static)
        for (int64_t k = 0; k < b; k++) {
            fill<T, N>(x + k * h * w * c, gain, level, map, image.data());
            for (int j = 0; j < count; j++) {
                const Branch& branch = branches[j];
                const int64_t s = branch.stride, height = h / s, width = w / s, r = reach(branch);
                int64_t pending = 0;
                for (int64_t y = 0; y < height; y++) {
                    const int64_t place = (k * height + y) * width * c;
                    T* middle = branch.middle ? static_cast<T*>(branch.middle) + place : row.data();
                    T* out = static_cast<T*>(branch.out) + place;
                    W::template depth_row<false>(image.data() + map.at(y * s - r, -r), branch.dilation * map.row,
                                                 branch.dilation * c, s * c, branch.kernel, weights[j].depth.data(),
                                                 middle, width, c);
                    W::point_row(middle, weights[j].point.data(), out, width, c);
                    for (int64_t i = 0; i < c; i += N) {
                        auto sum = W::load(part.data() + i), square = W::load(part.data() + c + i);
                        for (int64_t p = 0; p < width; p++) {
                            const auto value = W::load(out + p * c + i);
                            sum += value;
                            square += value * value;
                        }
                        W::store(part.data() + i, sum), W::store(part.data() + c + i, square);
                    }
                    pending += width;
                    if (pending >= FLUSH) flush(part, mine + 2 * c * j), pending = 0;
                }
                flush(part, mine + 2 * c * j);
            }
        }
    }
    for (int j = 0; j < count; j++) {
        std::fill(branches[j].sums, branches[j].sums + 2 * c, 0.0);
        for (int thread = 0; thread < threads; thread++) {
            for (int64_t i = 0; i < 2 * c; i++) branches[j].sums[i] += sums[size * thread + 2 * c * j + i];
        }
    }
}

// What one thread needs for the gradients of one branch after the other.
template <class T>
struct Scratch {
    Buffer<T> image, slopes, out, row, depth, point, part;
    Scratch(const Padded& map, int64_t w)
        : image(map.size(), T(0)), slopes(map.size()), row(w * map.c), part(2 * map.c) {}
};

// Add to the slopes of an image what comes through one branch; to its weights' sums too, where they are wanted.
template <class T, int N>
void through(const Branch& branch, const Weights<T>& weights, const Padded& map, int64_t k, Scratch<T>& own,
             double* depth_sums, double* point_sums) {
    using W = Work<T, N>;
    const int64_t c = map.c, s = branch.stride, r = reach(branch), taps = branch.kernel * branch.kernel;
    const Padded inner(map.h / s, map.w / s, c, s == 1 ? r : 0);
    const T* factors = static_cast<const T*>(branch.factors);
    own.out.assign(inner.size(), T(0));
    if (depth_sums) own.depth.assign(taps * c, T(0)), own.point.assign(c * c, T(0));
    for (int64_t y = 0; y < inner.h; y++) {
        const int64_t place = (k * inner.h + y) * inner.w * c;
        const T* gradient = static_cast<const T*>(branch.gradient) + place;
        const T* out = static_cast<const T*>(branch.out) + place;
        for (int64_t i = 0; i < c; i += N) {
            const auto a = W::load(factors + i), e = W::load(factors + c + i), d = W::load(factors + 2 * c + i);
            for (int64_t p = i; p < inner.w * c; p += c) {
                W::store(own.row.data() + p, a * W::load(gradient + p) + e * W::load(out + p) + d);
            }
        }
        T* slopes = own.out.data() + inner.at(y, 0);
        W::point_row(own.row.data(), weights.turned.data(), slopes, inner.w, c);
        const T* origin = own.image.data() + map.at(y * s - r, -r);
        if (depth_sums) {
            const T* middle = static_cast<const T*>(branch.middle) + place;
            W::outer_row(middle, own.row.data(), own.point.data(), inner.w, c);
            W::depth_products(branch.kernel, origin, branch.dilation * map.row, branch.dilation * c, s * c, slopes,
                              own.depth.data(), inner.w, c);
        }
        if (s == 1) continue;
        for (int64_t p = 0; p < inner.w; p++) {
            for (int64_t tap = 0; tap < taps; tap++) {
                const int64_t down = y * s - r + branch.dilation * (tap / branch.kernel);
                T* to = own.slopes.data() + map.at(down, p * s - r + branch.dilation * (tap % branch.kernel));
                const T *weight = weights.depth.data() + tap * c, *slope = slopes + p * c;
#pragma omp simd
                for (int64_t i = 0; i < c; i++) to[i] += slope[i] * weight[i];
            }
        }
    }
    for (int64_t y = 0; s == 1 && y < map.h; y++) {
        W::template depth_row<true>(own.out.data() + inner.at(y - r, -r), branch.dilation * inner.row,
                                    branch.dilation * c, c, branch.kernel, weights.flipped.data(),
                                    own.slopes.data() + map.at(y, 0), map.w, c);
    }
    if (depth_sums) flush(own.depth, depth_sums), flush(own.point, point_sums);
}

// The gradient of gain * x + level where that was positive; sums, if not null: of it, and of it times x.
template <class T, int N>
void separable_backward(const T* x, const T* gain, const T* level, int64_t b, int64_t h, int64_t w, int64_t c,
                        const Branch* branches, int count, T* out, double* sums, int threads) {
    using W = Work<T, N>;
    const Padded map(h, w, c, farthest(branches, count));
    const auto weights = all_weights<T>(branches, count, c);
    std::vector<int64_t> starts{2 * c};  // of each branch's sums
    for (int j = 0; j < count; j++) {
        const int64_t taps = branches[j].kernel * branches[j].kernel;
        starts.push_back(starts.back() + (branches[j].depth_gradient ? (taps + c) * c : 0));
    }
    std::vector<double> all(starts.back() * threads, 0.0);
#pragma omp parallel num_threads(threads)
    {
        Scratch<T> own(map, w);
        double* mine = all.data() + starts.back() * omp_get_thread_num();
#pragma omp for schedule(static)
        for (int64_t k = 0; k < b; k++) {
            fill<T, N>(x + k * h * w * c, gain, level, map, own.image.data());
            std::fill(own.slopes.begin(), own.slopes.end(), T(0));
            for (int j = 0; j < count; j++) {
                const bool wanted = branches[j].depth_gradient != nullptr;
                const int64_t taps = branches[j].kernel * branches[j].kernel;
                double* deep = wanted ? mine + starts[j] : nullptr;
                through<T, N>(branches[j], weights[j], map, k, own, deep, deep + taps * c);
            }
            for (int64_t y = 0; y < h; y++) {
                T *to = out + (k * h + y) * w * c, *part = own.part.data();
                const T *slopes = own.slopes.data() + map.at(y, 0), *inside = own.image.data() + map.at(y, 0);
                const T* from = x + (k * h + y) * w * c;
                for (int64_t i = 0; i < c; i += N) {
                    auto sum = W::load(part + i), product = W::load(part + c + i);
                    for (int64_t p = i; p < w * c; p += c) {
                        const auto kept = W::load(inside + p) > 0 ? W::load(slopes + p) : typename W::V{};
                        W::store(to + p, kept);
                        sum += kept;
                        product += kept * W::load(from + p);
                    }
                    W::store(part + i, sum), W::store(part + c + i, product);
                }
                flush(own.part, mine);
            }
        }
    }
    for (int thread = 1; thread < threads; thread++) {
        for (int64_t i = 0; i < starts.back(); i++) all[i] += all[starts.back() * thread + i];
    }
    if (sums) std::copy(all.begin(), all.begin() + 2 * c, sums);
    for (int j = 0; j < count; j++) {
        if (!branches[j].depth_gradient) continue;
        const int64_t taps = branches[j].kernel * branches[j].kernel;
        const double *deep = all.data() + starts[j], *wide = deep + taps * c;
        T *depth = static_cast<T*>(branches[j].depth_gradient), *point = static_cast<T*>(branches[j].point_gradient);
        for (int64_t i = 0; i < c; i++) {
            for (int64_t tap = 0; tap < taps; tap++) depth[i * taps + tap] = deep[tap * c + i];
            for (int64_t from = 0; from < c; from++) point[i * c + from] = wide[from * c + i];
        }
    }
}

// out = level + sum of gain * value.
template <class T, int N>
void combine(const Value* values, int count, const T* level, int64_t n, int64_t c, T* out, int threads) {
    using W = Work<T, N>;
#pragma omp parallel for schedule(static) num_threads(threads)
    for (int64_t row = 0; row < n; row++) {
        for (int64_t i = 0; i < c; i += N) {
            auto sum = W::load(level + i);
            for (int j = 0; j < count; j++) {
                const T* value = static_cast<const T*>(values[j].value) + row * c;
                sum += W::load(value + i) * W::load(static_cast<const T*>(values[j].gain) + i);
            }
            W::store(out + row * c + i, sum);
        }
    }
}

// Per channel the sums of gradient * value, value by value, and last that of the gradient: [count + 1, c].
template <class T, int N>
void products(const Value* values, int count, const T* gradient, int64_t n, int64_t c, double* sums, int threads) {
    using W = Work<T, N>;
    const int64_t size = (count + 1) * c, rows = std::max<int64_t>(1, FLUSH / (c / N));
    std::vector<double> all(size * threads, 0.0);
#pragma omp parallel num_threads(threads)
    {
        Buffer<T> part(size, T(0));
        double* mine = all.data() + size * omp_get_thread_num();
#pragma omp for schedule(static)
        for (int64_t start = 0; start < n; start += rows) {
            const int64_t end = std::min(n, start + rows);
            for (int64_t i = 0; i < c; i += N) {
                for (int j = 0; j <= count; j++) {
                    const T* value = j < count ? static_cast<const T*>(values[j].value) : nullptr;
                    auto sum = W::load(part.data() + j * c + i);
                    for (int64_t row = start; row < end; row++) {
                        const auto slope = W::load(gradient + row * c + i);
                        sum += value ? slope * W::load(value + row * c + i) : slope;
                    }
                    W::store(part.data() + j * c + i, sum);
                }
            }
            flush(part, mine);
        }
    }
    std::fill(sums, sums + size, 0.0);
    for (int thread = 0; thread < threads; thread++) {
        for (int64_t i = 0; i < size; i++) sums[i] += all[size * thread + i];
    }
}

inline int64_t positions(int64_t y, int64_t h) { return std::min(y + 1, h - 1) - std::max<int64_t>(y - 1, 0) + 1; }

// Call f(address) for those of the nine values around position (y, p) of an image that lie inside.
template <class T, class F>
inline void around(T* image, int64_t y, int64_t p, int64_t h, int64_t w, int64_t c, F f) {
    for (int64_t down = std::max<int64_t>(y - 1, 0); down < std::min(y + 2, h); down++) {
        for (int64_t right = std::max<int64_t>(p - 1, 0); right < std::min(p + 2, w); right++) {
            f(image + (down * w + right) * c);
        }
    }
}

// 3x3 pools, padding 1: the largest value, or the mean of what is inside.
template <class T, int N>
void pool(const T* x, T* out, int64_t b, int64_t h, int64_t w, int64_t c, int64_t s, int largest, int threads) {
    using W = Work<T, N>;
    using V = typename W::V;
#pragma omp parallel for schedule(static) num_threads(threads)
    for (int64_t line = 0; line < b * (h / s); line++) {
        const int64_t k = line / (h / s), y = line % (h / s) * s;
        for (int64_t p = 0; p < w; p += s) {
            T* to = out + (line * (w / s) + p / s) * c;
            const T share = T(1) / (positions(y, h) * positions(p, w));
            for (int64_t i = 0; i < c; i += N) {
                V value = largest ? W::load(x + ((k * h + y) * w + p) * c + i) : V{};
                around(x + k * h * w * c + i, y, p, h, w, c, [&](const T* from) {
                    const V other = W::load(from);
                    value = !largest ? value + other : other > value ? other : value;
                });
                W::store(to + i, largest ? value : value * share);
            }
        }
    }
}

// Add to out, the gradient of x, what comes from that of its pooled values; of equal largest values the first has it.
template <class T, int N>
void pool_backward(const T* x, const T* pooled, const T* gradient, T* out, int64_t b, int64_t h, int64_t w, int64_t c,
                   int64_t s, int largest, int threads) {
    using W = Work<T, N>;
    using V = typename W::V;
#pragma omp parallel for schedule(static) num_threads(threads)
    for (int64_t k = 0; k < b; k++) {
        for (int64_t y = 0; y < h; y += s) {
            for (int64_t p = 0; p < w; p += s) {
                const int64_t place = ((k * (h / s) + y / s) * (w / s) + p / s) * c;
                const T share = T(1) / (positions(y, h) * positions(p, w));
                for (int64_t i = 0; i < c; i += N) {
                    V left = W::load(gradient + place + i) * (largest ? T(1) : share);
                    const V best = W::load(pooled + place + i), zero{};
                    const T* origin = x + k * h * w * c + i;
                    around(out + k * h * w * c + i, y, p, h, w, c, [&](T* to) {
                        if (!largest) {
                            W::store(to, W::load(to) + left);
                            return;
                        }
                        const auto here = W::load(origin + (to - (out + k * h * w * c + i))) == best;
                        W::store(to, W::load(to) + (here ? left : zero));
                        left = here ? zero : left;
                    });
                }
            }
        }
    }
}

}  // namespace

// Vectors of as many channels as divide their number.
#define BY_WIDTH(T, MOST, c, call)         \
    if (MOST == 16 && (c) % 16 == 0) {     \
        constexpr int N = MOST;            \
        call;                              \
    } else if ((c) % 8 == 0) {             \
        constexpr int N = 8;               \
        call;                              \
    } else {                               \
        constexpr int N = 4;               \
        call;                              \
    }

#define EXPORT(T, MOST)                                                                                               \
    extern "C" void separable_##T(const T* x, const T* gain, const T* level, int64_t b, int64_t h, int64_t w,         \
                                  int64_t c, const Branch* branches, int count, int threads) {                        \
        BY_WIDTH(T, MOST, c, (separable<T, N>(x, gain, level, b, h, w, c, branches, count, threads)))                 \
    }                                                                                                                 \
    extern "C" void separable_backward_##T(const T* x, const T* gain, const T* level, int64_t b, int64_t h,           \
                                           int64_t w, int64_t c, const Branch* branches, int count, T* out,           \
                                           double* sums, int threads) {                                               \
        BY_WIDTH(T, MOST, c,                                                                                          \
                 (separable_backward<T, N>(x, gain, level, b, h, w, c, branches, count, out, sums, threads)))         \
    }                                                                                                                 \
    extern "C" void combine_##T(const Value* values, int count, const T* level, int64_t n, int64_t c, T* out,         \
                                int threads) {                                                                        \
        BY_WIDTH(T, MOST, c, (combine<T, N>(values, count, level, n, c, out, threads)))                               \
    }                                                                                                                 \
    extern "C" void products_##T(const Value* values, int count, const T* gradient, int64_t n, int64_t c,             \
                                 double* sums, int threads) {                                                         \
        BY_WIDTH(T, MOST, c, (products<T, N>(values, count, gradient, n, c, sums, threads)))                          \
    }                                                                                                                 \
    extern "C" void pool_##T(const T* x, T* out, int64_t b, int64_t h, int64_t w, int64_t c, int64_t s, int largest,  \
                             int threads) {                                                                           \
        BY_WIDTH(T, MOST, c, (pool<T, N>(x, out, b, h, w, c, s, largest, threads)))                                   \
    }                                                                                                                 \
    extern "C" void pool_backward_##T(const T* x, const T* pooled, const T* gradient, T* out, int64_t b, int64_t h,   \
                                      int64_t w, int64_t c, int64_t s, int largest, int threads) {                    \
        BY_WIDTH(T, MOST, c, (pool_backward<T, N>(x, pooled, gradient, out, b, h, w, c, s, largest, threads)))        \
    }
EXPORT(float, 16)
EXPORT(double, 8)
