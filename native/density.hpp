// From rows to log densities: whitened residuals, their squares, and the normalization over
// components.
#pragma once

#include <cmath>

#include "elementary.hpp"
#include "plan.hpp"

namespace gmix::GMIX_LEVEL {

inline double value_at(const Rows& rows, std::size_t row, std::size_t column) {
  const char* from = rows.data + static_cast<std::ptrdiff_t>(row) * rows.row_stride +
                     static_cast<std::ptrdiff_t>(column) * rows.column_stride;
  if (rows.single) {
    float value;
    __builtin_memcpy(&value, from, sizeof value);
    return value;
  }
  double value;
  __builtin_memcpy(&value, from, sizeof value);
  return value;
}

// Copies rows [begin, begin + count) into lanes. The last row fills up the last step of lanes.
template <typename T>
void load_rows(const Rows& rows, std::size_t begin, std::size_t count, std::size_t padded,
               std::size_t stride, T* x) {
  const std::size_t d = rows.n_features;
  for (std::size_t row = 0; row < padded; ++row)
    for (std::size_t j = 0; j < d; ++j)
      x[j * stride + row] = static_cast<T>(value_at(rows, begin + std::min(row, count - 1), j));
}

// R rows of a triangular product for V vectors: `before` full columns, then the triangle.
template <typename T, int R, int V>
inline void whiten_tile(const T* residuals, std::size_t before, const T*& w, T* z,
                        std::size_t stride, Vector<T> (&quadratic)[V]) {
  Vector<T> sums[R][V] = {};
  const T* from = residuals;
  for (std::size_t j = 0; j < before; ++j, w += R, from += V * kLanes<T>) {
#pragma GCC unroll 8
    for (int v = 0; v < V; ++v) {
      const Vector<T> r = load(from + v * kLanes<T>);
#pragma GCC unroll 8
      for (int i = 0; i < R; ++i) sums[i][v] += w[i] * r;
    }
  }
#pragma GCC unroll 8
  for (int j = 0; j < R; ++j, from += V * kLanes<T>) {
#pragma GCC unroll 8
    for (int v = 0; v < V; ++v) {
      const Vector<T> r = load(from + v * kLanes<T>);
#pragma GCC unroll 8
      for (int i = j; i < R; ++i) sums[i][v] += w[i - j] * r;
    }
    w += R - j;
  }
#pragma GCC unroll 8
  for (int i = 0; i < R; ++i) {
#pragma GCC unroll 8
    for (int v = 0; v < V; ++v) {
      store(z + i * stride + v * kLanes<T>, sums[i][v]);
      quadratic[v] += sums[i][v] * sums[i][v];
    }
  }
}

// z = W (x - centre) for `padded` rows, with D = R + a multiple of kTile.
template <typename T, int R, int V>
void whiten_by(const T* x, const Split<T>& centre, const T* whitener, std::size_t d,
               std::size_t padded, std::size_t stride, T* residuals, T* z, T* quadratic) {
  for (std::size_t row = 0; row < padded; row += V * kLanes<T>) {
    for (std::size_t j = 0; j < d; ++j) {
#pragma GCC unroll 8
      for (int v = 0; v < V; ++v)
        store(residuals + (j * V + v) * kLanes<T>,
              residual(load(x + j * stride + row + v * kLanes<T>), centre, j));
    }
    Vector<T> squares[V] = {};
    const T* w = whitener;
    whiten_tile<T, R, V>(residuals, 0, w, z + row, stride, squares);
    for (std::size_t begin = R; begin < d; begin += kTile)
      whiten_tile<T, kTile, V>(residuals, begin, w, z + begin * stride + row, stride, squares);
#pragma GCC unroll 8
    for (int v = 0; v < V; ++v) store(quadratic + row + v * kLanes<T>, squares[v]);
  }
}

template <typename T>
void whiten(const T* x, const Split<T>& centre, const T* whitener, std::size_t d,
            std::size_t padded, std::size_t stride, T* residuals, T* z, T* quadratic) {
  switch ((d - 1) % kTile + 1) {
    case 1:
      return whiten_by<T, 1, 2>(x, centre, whitener, d, padded, stride, residuals, z, quadratic);
    case 2:
      return whiten_by<T, 2, 2>(x, centre, whitener, d, padded, stride, residuals, z, quadratic);
    case 3:
      return whiten_by<T, 3, 2>(x, centre, whitener, d, padded, stride, residuals, z, quadratic);
    case 4:
      return whiten_by<T, 4, 2>(x, centre, whitener, d, padded, stride, residuals, z, quadratic);
    case 5:
      return whiten_by<T, 5, 2>(x, centre, whitener, d, padded, stride, residuals, z, quadratic);
    default:
      return whiten_by<T, 6, 2>(x, centre, whitener, d, padded, stride, residuals, z, quadratic);
  }
}

// |z|^2 with z_j = (x_j - centre_j) scale_j; without a scale it is one.
template <typename T>
void diagonal_quadratic(const T* x, const Split<T>& centre, const T* scale, std::size_t d,
                        std::size_t padded, std::size_t stride, T* quadratic) {
  for (std::size_t row = 0; row < padded; row += kStep<T>) {
    Vector<T> squares[kUnroll] = {};
    for (std::size_t j = 0; j < d; ++j) {
#pragma GCC unroll 8
      for (std::size_t v = 0; v < kUnroll; ++v) {
        Vector<T> z = residual(load(x + j * stride + row + v * kLanes<T>), centre, j);
        if (scale != nullptr) z *= scale[j];
        squares[v] += z * z;
      }
    }
#pragma GCC unroll 8
    for (std::size_t v = 0; v < kUnroll; ++v) store(quadratic + row + v * kLanes<T>, squares[v]);
  }
}

template <typename T>
Split<T> at(const Split<T>& all, std::size_t i) {
  return {all.high + i, all.low + i};
}

// Fills scratch.joint with log p_k(x) of the stride, and what statistics need on the way (y, z).
template <typename T>
void log_joint(const Mixture& mixture, const Plan<T>& plan, const Scratch<T>& s,
               std::size_t padded) {
  const std::size_t k = mixture.n_components, d = mixture.n_features, stride = plan.stride;
  const bool tied = mixture.form == Form::kTied;
  if (tied) whiten(s.x, plan.origin, plan.whitener, d, padded, stride, s.residual, s.y, s.norm);
  for (std::size_t c = 0; c < k; ++c) {
    T* joint = s.joint + c * stride;
    const Split<T> mean = at(plan.means, c * d);
    if (mixture.form == Form::kFull)
      whiten(s.x, mean, plan.whitener + c * (d * (d + 1) / 2), d, padded, stride, s.residual,
             s.z + c * d * stride, joint);
    else
      diagonal_quadratic(tied ? s.y : s.x, mean, tied ? nullptr : plan.whitener + c * d, d, padded,
                         stride, joint);
    const T log_constant = static_cast<T>(plan.log_constants[c]);
    for (std::size_t row = 0; row < padded; row += kLanes<T>)
      store(joint + row, log_constant - load(joint + row) * T(0.5));
  }
}

// Turns scratch.joint into exp(log p_k - largest), with the largest and the sum over components.
template <typename T>
void normalize(std::size_t k, const Scratch<T>& s, std::size_t padded, std::size_t stride) {
  for (std::size_t row = 0; row < padded; row += kLanes<T>) {
    Vector<T> largest = load(s.joint + row);
    for (std::size_t c = 1; c < k; ++c) largest = larger(load(s.joint + c * stride + row), largest);
    Vector<T> norm = {};
    for (std::size_t c = 0; c < k; ++c) {
      const Vector<T> e = exp_of_negative<T>(load(s.joint + c * stride + row) - largest);
      store(s.joint + c * stride + row, e);
      norm += e;
    }
    store(s.largest + row, largest);
    store(s.norm + row, norm);
  }
}

template <typename T>
Wide<T> log_density(const Scratch<T>& s, std::size_t row) {
  return widen<T>(load(s.largest + row)) + log_of_normal(widen<T>(load(s.norm + row)));
}

}  // namespace gmix::GMIX_LEVEL
