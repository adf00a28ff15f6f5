"""Triton kernels of a supernet's cell; `harness.spaces.nb201.triton_cell` launches them.

Images are rows [n, C], n = B H W pixels. A program works on tiles of ROWS pixels, CB >= C channels wide; a part is
LOOPS tiles. What crosses programs is summed in two stages, by part and, where it is used, over the PARTS <= PB parts:
in the same order whenever. All sums are in float32.

Convolutions that leave node S are one, [n, (3 - S) C], target after target. CONV3, CONV1: the place of an operation
among those with weights; -1, as for columns SKIP, POOL, W3, W1, NONE of the mixing matrix [E, O]: there is none.
``stats`` [convs, E, 2, C]: means and biased variances; ``moments`` [convs, E, 2, PARTS, C]: means and sums of squared
deviations by part; ``sums`` [5, E, PARTS, C]: those of a gradient, and of it times each kind of term (G, ...).
"""

# ruff: noqa: SIM102 (what is decided when a kernel is compiled stands apart from what its programs decide)
from __future__ import annotations

import triton
import triton.language as tl

G, BY_SKIP, BY_POOL, BY_CONV3, BY_CONV1 = (tl.constexpr(kind) for kind in range(5))


@triton.jit
def _tile(index, n, C: tl.constexpr, CB: tl.constexpr, ROWS: tl.constexpr):
    rows = index * ROWS + tl.arange(0, ROWS)[:, None]
    columns = tl.arange(0, CB)[None, :]
    return rows, columns, (rows < n) & (columns < C)


@triton.jit
def _load(pointer, at, mask):
    return tl.load(pointer + at, mask=mask, other=0.0).to(tl.float32)


@triton.jit
def _around(pointer, rows, columns, mask, DIVIDE: tl.constexpr, H: tl.constexpr, W: tl.constexpr, C: tl.constexpr):
    """Sum up 3x3 neighbourhoods, each neighbour divided by the size of its own if DIVIDE; else return their means."""
    y, x = rows // W % H, rows % W
    total = tl.zeros(mask.shape, tl.float32)
    for i in tl.static_range(9):
        down, right = y + (i // 3 - 1), x + (i % 3 - 1)
        inside = (down >= 0) & (down < H) & (right >= 0) & (right < W)
        value = _load(pointer, (rows + ((i // 3 - 1) * W + i % 3 - 1)) * C + columns, mask & inside)
        total += value / _size(down, right, H, W) if DIVIDE else value
    return total if DIVIDE else total / _size(y, x, H, W)


@triton.jit
def _size(y, x, H: tl.constexpr, W: tl.constexpr):
    high = 3 - (y <= 0).to(tl.int32) - (y >= H - 1).to(tl.int32)
    wide = 3 - (x <= 0).to(tl.int32) - (x >= W - 1).to(tl.int32)
    return tl.maximum(high * wide, 1).to(tl.float32)


# forward ------------------------------------------------------------------------------------------------------


@triton.jit
def _moments(values, moments, place, part, n, first, STRIDE: tl.constexpr, C: tl.constexpr, CB: tl.constexpr,
             ROWS: tl.constexpr, LOOPS: tl.constexpr, PARTS: tl.constexpr):  # fmt: skip
    """Write one part's mean and squared deviations, tile by tile (Chan, Golub & LeVeque 1979)."""
    mean, square = tl.zeros([CB], tl.float32), tl.zeros([CB], tl.float32)
    for i in range(LOOPS):
        tile = part * LOOPS + i
        rows, columns, mask = _tile(tile, n, C, CB, ROWS)
        value = _load(values, rows * STRIDE + first + columns, mask)
        before = tl.minimum(tl.maximum(n - part * LOOPS * ROWS, 0), i * ROWS).to(tl.float32)
        more = tl.minimum(tl.maximum(n - tile * ROWS, 0), ROWS).to(tl.float32)
        own = tl.sum(value, 0) / tl.maximum(more, 1.0)
        off = tl.where(mask, value - own[None, :], 0.0)
        delta, share = own - mean, more / tl.maximum(before + more, 1.0)
        mean += delta * share
        square += tl.sum(off * off, 0) + delta * delta * before * share
    column = tl.arange(0, CB)
    at = moments + (place * 2 * PARTS + part) * C + column
    tl.store(at, mean, mask=column < C)
    tl.store(at + PARTS * C, square, mask=column < C)


@triton.jit
def measure(conv3, conv1, x, pooled, moments, n, S: tl.constexpr, CONV3: tl.constexpr, CONV1: tl.constexpr,
            POOL: tl.constexpr, H: tl.constexpr, W: tl.constexpr, C: tl.constexpr, CB: tl.constexpr,
            ROWS: tl.constexpr, LOOPS: tl.constexpr, PARTS: tl.constexpr):  # fmt: skip
    """Measure all convolutions that leave node S, and pool it. Grid: parts, (3 - S) per convolution + LOOPS to pool."""
    part, block = tl.program_id(0), tl.program_id(1)
    M: tl.constexpr = 3 - S
    AFTER3: tl.constexpr = M if CONV3 >= 0 else 0
    AFTER1: tl.constexpr = AFTER3 + M if CONV1 >= 0 else AFTER3
    if CONV3 >= 0:
        if block < AFTER3:
            target = S + 1 + block
            place = CONV3 * 6 + target * (target - 1) // 2 + S
            _moments(conv3, moments, place, part, n, block * C, M * C, C, CB, ROWS, LOOPS, PARTS)
    if CONV1 >= 0:
        if (block >= AFTER3) & (block < AFTER1):
            target = S + 1 + block - AFTER3
            place = CONV1 * 6 + target * (target - 1) // 2 + S
            _moments(conv1, moments, place, part, n, (block - AFTER3) * C, M * C, C, CB, ROWS, LOOPS, PARTS)
    if POOL >= 0:
        if block >= AFTER1:
            rows, columns, mask = _tile(part * LOOPS + block - AFTER1, n, C, CB, ROWS)
            tl.store(pooled + rows * C + columns, _around(x, rows, columns, mask, False, H, W, C), mask=mask)


@triton.jit
def _normalised(values, moments, stats, n, eps, rows, columns, mask, PLACE: tl.constexpr, STRIDE: tl.constexpr,
                FIRST: tl.constexpr, C: tl.constexpr, CB: tl.constexpr, ROWS: tl.constexpr, LOOPS: tl.constexpr,
                PARTS: tl.constexpr, PB: tl.constexpr):  # fmt: skip
    """Return a tile of a normalised convolution; the first program keeps the statistics."""
    parts, column = tl.arange(0, PB)[:, None], tl.arange(0, CB)
    there = (parts < PARTS) & (columns < C)
    at = moments + PLACE * 2 * PARTS * C
    counts = tl.minimum(tl.maximum(n - parts * ROWS * LOOPS, 0), ROWS * LOOPS).to(tl.float32)
    start = tl.load(at + column, mask=column < C, other=0.0)  # sums of small differences keep their digits
    off = tl.where(there, _load(at, parts * C + columns, there) - start[None, :], 0.0)
    shift = tl.sum(counts * off, 0) / n
    off -= shift[None, :]
    var = (tl.sum(_load(at + PARTS * C, parts * C + columns, there), 0) + tl.sum(counts * off * off, 0)) / n
    mean = start + shift
    if tl.program_id(0) == 0:
        tl.store(stats + PLACE * 2 * C + column, mean, mask=column < C)
        tl.store(stats + PLACE * 2 * C + C + column, var, mask=column < C)
    return (_load(values, rows * STRIDE + FIRST + columns, mask) - mean[None, :]) / tl.sqrt(var + eps)[None, :]


@triton.jit
def _entering(total, x, pooled, conv3, conv1, matrix, moments, stats, n, eps, rows, columns, mask, S: tl.constexpr,
              T: tl.constexpr, OPS: tl.constexpr, SKIP: tl.constexpr, POOL: tl.constexpr, W3: tl.constexpr,
              W1: tl.constexpr, CONV3: tl.constexpr, CONV1: tl.constexpr, C: tl.constexpr, CB: tl.constexpr,
              ROWS: tl.constexpr, LOOPS: tl.constexpr, PARTS: tl.constexpr, PB: tl.constexpr):  # fmt: skip
    """Add to a tile what enters node T from node S."""
    EDGE: tl.constexpr = T * (T - 1) // 2 + S
    STRIDE: tl.constexpr = (3 - S) * C
    FIRST: tl.constexpr = (T - S - 1) * C
    weights = matrix + EDGE * OPS
    if SKIP >= 0:
        total += tl.load(weights + SKIP) * _load(x, rows * C + columns, mask)
    if POOL >= 0:
        total += tl.load(weights + POOL) * _load(pooled, rows * C + columns, mask)
    if CONV1 >= 0:
        total += tl.load(weights + W1) * _normalised(
            conv1, moments, stats, n, eps, rows, columns, mask, CONV1 * 6 + EDGE, STRIDE, FIRST, C, CB, ROWS, LOOPS,
            PARTS, PB)  # fmt: skip
    if CONV3 >= 0:
        total += tl.load(weights + W3) * _normalised(
            conv3, moments, stats, n, eps, rows, columns, mask, CONV3 * 6 + EDGE, STRIDE, FIRST, C, CB, ROWS, LOOPS,
            PARTS, PB)  # fmt: skip
    return total


@triton.jit
def mix(x0, x1, x2, pool0, pool1, pool2, three0, three1, three2, one0, one1, one2, matrix, moments, stats, node, relu,
        n, eps, T: tl.constexpr, OPS: tl.constexpr, SKIP: tl.constexpr, POOL: tl.constexpr, W3: tl.constexpr,
        W1: tl.constexpr, CONV3: tl.constexpr, CONV1: tl.constexpr, C: tl.constexpr, CB: tl.constexpr,
        ROWS: tl.constexpr, LOOPS: tl.constexpr, PARTS: tl.constexpr, PB: tl.constexpr):  # fmt: skip
    """Write node T and, but for the last, its positive part. Grid: tiles."""
    rows, columns, mask = _tile(tl.program_id(0), n, C, CB, ROWS)
    total = tl.zeros([ROWS, CB], tl.float32)
    total = _entering(total, x0, pool0, three0, one0, matrix, moments, stats, n, eps, rows, columns, mask, 0, T, OPS,
                      SKIP, POOL, W3, W1, CONV3, CONV1, C, CB, ROWS, LOOPS, PARTS, PB)  # fmt: skip
    if T > 1:
        total = _entering(total, x1, pool1, three1, one1, matrix, moments, stats, n, eps, rows, columns, mask, 1, T,
                          OPS, SKIP, POOL, W3, W1, CONV3, CONV1, C, CB, ROWS, LOOPS, PARTS, PB)  # fmt: skip
    if T > 2:
        total = _entering(total, x2, pool2, three2, one2, matrix, moments, stats, n, eps, rows, columns, mask, 2, T,
                          OPS, SKIP, POOL, W3, W1, CONV3, CONV1, C, CB, ROWS, LOOPS, PARTS, PB)  # fmt: skip
    tl.store(node + rows * C + columns, total, mask=mask)
    if T < 3:  # numbers that are none spread
        tl.store(relu + rows * C + columns, tl.where(total < 0, 0.0, total), mask=mask)


# backward -----------------------------------------------------------------------------------------------------


@triton.jit
def _xhat(values, stats, eps, rows, columns, mask, PLACE: tl.constexpr, STRIDE: tl.constexpr, FIRST: tl.constexpr,
          C: tl.constexpr):  # fmt: skip
    mean = _load(stats + PLACE * 2 * C, columns, columns < C)
    scale = 1 / tl.sqrt(_load(stats + PLACE * 2 * C + C, columns, columns < C) + eps)
    return (_load(values, rows * STRIDE + FIRST + columns, mask) - mean) * scale, scale


@triton.jit
def _keep(sums, value, part, KIND: tl.constexpr, EDGE: tl.constexpr, C: tl.constexpr, CB: tl.constexpr,
          PARTS: tl.constexpr):  # fmt: skip
    column = tl.arange(0, CB)
    tl.store(sums + ((KIND * 6 + EDGE) * PARTS + part) * C + column, value, mask=column < C)


@triton.jit
def _products(x, pooled, conv3, conv1, gradient, stats, sums, n, eps, S: tl.constexpr, T: tl.constexpr,
              SKIP: tl.constexpr, POOL: tl.constexpr, CONV3: tl.constexpr, CONV1: tl.constexpr, C: tl.constexpr,
              CB: tl.constexpr, ROWS: tl.constexpr, LOOPS: tl.constexpr, PARTS: tl.constexpr):  # fmt: skip
    EDGE: tl.constexpr = T * (T - 1) // 2 + S
    STRIDE: tl.constexpr = (3 - S) * C
    FIRST: tl.constexpr = (T - S - 1) * C
    part = tl.program_id(0)
    of_g, of_skip, of_pool = tl.zeros([CB], tl.float32), tl.zeros([CB], tl.float32), tl.zeros([CB], tl.float32)
    of_3, of_1 = tl.zeros([CB], tl.float32), tl.zeros([CB], tl.float32)
    for i in range(LOOPS):
        rows, columns, mask = _tile(part * LOOPS + i, n, C, CB, ROWS)
        at = rows * C + columns
        g = _load(gradient, at, mask)
        of_g += tl.sum(g, 0)
        if SKIP >= 0:
            of_skip += tl.sum(g * _load(x, at, mask), 0)
        if POOL >= 0:
            of_pool += tl.sum(g * _load(pooled, at, mask), 0)
        if CONV3 >= 0:
            xhat, _scale = _xhat(conv3, stats, eps, rows, columns, mask, CONV3 * 6 + EDGE, STRIDE, FIRST, C)
            of_3 += tl.sum(g * xhat, 0)
        if CONV1 >= 0:
            xhat1, _scale1 = _xhat(conv1, stats, eps, rows, columns, mask, CONV1 * 6 + EDGE, STRIDE, FIRST, C)
            of_1 += tl.sum(g * xhat1, 0)
    _keep(sums, of_g, part, G, EDGE, C, CB, PARTS)
    _keep(sums, of_skip, part, BY_SKIP, EDGE, C, CB, PARTS)
    _keep(sums, of_pool, part, BY_POOL, EDGE, C, CB, PARTS)
    _keep(sums, of_3, part, BY_CONV3, EDGE, C, CB, PARTS)
    _keep(sums, of_1, part, BY_CONV1, EDGE, C, CB, PARTS)


@triton.jit
def reduce(x0, x1, x2, pool0, pool1, pool2, three0, three1, three2, one0, one1, one2, gradient, stats, sums, n, eps,
           T: tl.constexpr, SKIP: tl.constexpr, POOL: tl.constexpr, CONV3: tl.constexpr, CONV1: tl.constexpr,
           C: tl.constexpr, CB: tl.constexpr, ROWS: tl.constexpr, LOOPS: tl.constexpr,
           PARTS: tl.constexpr):  # fmt: skip
    """Sum up node T's gradient times all that enters the node. Grid: parts, sources."""
    source = tl.program_id(1)
    if source == 0:
        _products(x0, pool0, three0, one0, gradient, stats, sums, n, eps, 0, T, SKIP, POOL, CONV3, CONV1, C, CB, ROWS,
                  LOOPS, PARTS)  # fmt: skip
    if T > 1:
        if source == 1:
            _products(x1, pool1, three1, one1, gradient, stats, sums, n, eps, 1, T, SKIP, POOL, CONV3, CONV1, C, CB,
                      ROWS, LOOPS, PARTS)  # fmt: skip
    if T > 2:
        if source == 2:
            _products(x2, pool2, three2, one2, gradient, stats, sums, n, eps, 2, T, SKIP, POOL, CONV3, CONV1, C, CB,
                      ROWS, LOOPS, PARTS)  # fmt: skip


@triton.jit
def _summed(sums, KIND: tl.constexpr, EDGE: tl.constexpr, C: tl.constexpr, CB: tl.constexpr, PARTS: tl.constexpr,
            PB: tl.constexpr):  # fmt: skip
    parts, columns = tl.arange(0, PB)[:, None], tl.arange(0, CB)[None, :]
    return tl.sum(_load(sums + (KIND * 6 + EDGE) * PARTS * C, parts * C + columns, (parts < PARTS) & (columns < C)), 0)


@triton.jit
def _through_norm(values, out, g, weights, slopes, stats, sums, n, eps, rows, columns, mask, COLUMN: tl.constexpr,
                  KIND: tl.constexpr, PLACE: tl.constexpr, S: tl.constexpr, T: tl.constexpr, C: tl.constexpr,
                  CB: tl.constexpr, PARTS: tl.constexpr, PB: tl.constexpr):  # fmt: skip
    """Write the gradient of a convolution's output, and that of its mixing weight."""
    EDGE: tl.constexpr = T * (T - 1) // 2 + S
    STRIDE: tl.constexpr = (3 - S) * C
    FIRST: tl.constexpr = (T - S - 1) * C
    xhat, scale = _xhat(values, stats, eps, rows, columns, mask, PLACE, STRIDE, FIRST, C)
    along, total = _summed(sums, KIND, EDGE, C, CB, PARTS, PB), _summed(sums, G, EDGE, C, CB, PARTS, PB)
    change = tl.load(weights + COLUMN) * scale * (g - (total / n)[None, :] - xhat * (along / n)[None, :])
    tl.store(out + rows * STRIDE + FIRST + columns, change, mask=mask)
    if tl.program_id(0) == 0:
        tl.store(slopes + COLUMN, tl.sum(along, 0))


@triton.jit
def _to_source(conv3, conv1, out3, out1, g, matrix, slopes, stats, sums, n, eps, rows, columns, mask,
               S: tl.constexpr, T: tl.constexpr, OPS: tl.constexpr, SKIP: tl.constexpr, POOL: tl.constexpr,
               NONE: tl.constexpr, W3: tl.constexpr, W1: tl.constexpr, CONV3: tl.constexpr, CONV1: tl.constexpr,
               C: tl.constexpr, CB: tl.constexpr, PARTS: tl.constexpr, PB: tl.constexpr):  # fmt: skip
    EDGE: tl.constexpr = T * (T - 1) // 2 + S
    if CONV3 >= 0:
        _through_norm(conv3, out3, g, matrix + EDGE * OPS, slopes + EDGE * OPS, stats, sums, n, eps, rows, columns,
                      mask, W3, BY_CONV3, CONV3 * 6 + EDGE, S, T, C, CB, PARTS, PB)  # fmt: skip
    if CONV1 >= 0:
        _through_norm(conv1, out1, g, matrix + EDGE * OPS, slopes + EDGE * OPS, stats, sums, n, eps, rows, columns,
                      mask, W1, BY_CONV1, CONV1 * 6 + EDGE, S, T, C, CB, PARTS, PB)  # fmt: skip
    if tl.program_id(0) == 0:
        if SKIP >= 0:
            tl.store(slopes + EDGE * OPS + SKIP, tl.sum(_summed(sums, BY_SKIP, EDGE, C, CB, PARTS, PB), 0))
        if POOL >= 0:
            tl.store(slopes + EDGE * OPS + POOL, tl.sum(_summed(sums, BY_POOL, EDGE, C, CB, PARTS, PB), 0))
        if NONE >= 0:
            tl.store(slopes + EDGE * OPS + NONE, 0.0)


@triton.jit
def spread(three0, three1, three2, one0, one1, one2, to_three0, to_three1, to_three2, to_one0, to_one1, to_one2,
           gradient, matrix, slopes, stats, sums, n, eps, T: tl.constexpr, OPS: tl.constexpr, SKIP: tl.constexpr,
           POOL: tl.constexpr, NONE: tl.constexpr, W3: tl.constexpr, W1: tl.constexpr, CONV3: tl.constexpr,
           CONV1: tl.constexpr, C: tl.constexpr, CB: tl.constexpr, ROWS: tl.constexpr, PARTS: tl.constexpr,
           PB: tl.constexpr):  # fmt: skip
    """Write the gradients of the convolutions that enter node T, and of its rows of the matrix. Grid: tiles."""
    rows, columns, mask = _tile(tl.program_id(0), n, C, CB, ROWS)
    g = _load(gradient, rows * C + columns, mask)
    _to_source(three0, one0, to_three0, to_one0, g, matrix, slopes, stats, sums, n, eps, rows, columns, mask, 0, T, OPS,
               SKIP, POOL, NONE, W3, W1, CONV3, CONV1, C, CB, PARTS, PB)  # fmt: skip
    if T > 1:
        _to_source(three1, one1, to_three1, to_one1, g, matrix, slopes, stats, sums, n, eps, rows, columns, mask, 1,
                   T, OPS, SKIP, POOL, NONE, W3, W1, CONV3, CONV1, C, CB, PARTS, PB)  # fmt: skip
    if T > 2:
        _to_source(three2, one2, to_three2, to_one2, g, matrix, slopes, stats, sums, n, eps, rows, columns, mask, 2,
                   T, OPS, SKIP, POOL, NONE, W3, W1, CONV3, CONV1, C, CB, PARTS, PB)  # fmt: skip


@triton.jit
def _leaving(total, gradient, matrix, rows, columns, mask, S: tl.constexpr, T: tl.constexpr, OPS: tl.constexpr,
             SKIP: tl.constexpr, POOL: tl.constexpr, H: tl.constexpr, W: tl.constexpr, C: tl.constexpr):  # fmt: skip
    weights = matrix + (T * (T - 1) // 2 + S) * OPS
    if SKIP >= 0:
        total += tl.load(weights + SKIP) * _load(gradient, rows * C + columns, mask)
    if POOL >= 0:
        total += tl.load(weights + POOL) * _around(gradient, rows, columns, mask, True, H, W, C)
    return total


@triton.jit
def gather(g1, g2, g3, three, one, relu, matrix, out, n, S: tl.constexpr, OPS: tl.constexpr, SKIP: tl.constexpr,
           POOL: tl.constexpr, CONV3: tl.constexpr, CONV1: tl.constexpr, H: tl.constexpr, W: tl.constexpr,
           C: tl.constexpr, CB: tl.constexpr, ROWS: tl.constexpr):  # fmt: skip
    """Write node S's gradient: of its targets' by skip and pooling, of its positive part's by convolutions."""
    rows, columns, mask = _tile(tl.program_id(0), n, C, CB, ROWS)
    at = rows * C + columns
    passed = tl.zeros([ROWS, CB], tl.float32)
    if CONV3 >= 0:
        passed += _load(three, at, mask)
    if CONV1 >= 0:
        passed += _load(one, at, mask)
    total = tl.where(_load(relu, at, mask) > 0, passed, 0.0)
    total = _leaving(total, g3, matrix, rows, columns, mask, S, 3, OPS, SKIP, POOL, H, W, C)
    if S < 2:
        total = _leaving(total, g2, matrix, rows, columns, mask, S, 2, OPS, SKIP, POOL, H, W, C)
    if S < 1:
        total = _leaving(total, g1, matrix, rows, columns, mask, S, 1, OPS, SKIP, POOL, H, W, C)
    tl.store(out + at, total, mask=mask)
