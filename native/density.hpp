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

template <typename From, typename T>
void copy_rows(const Rows& rows, std::size_t begin, std::size_t count, std::size_t stride, T* x) {
  const char* from = rows.data + static_cast<std::ptrdiff_t>(begin) * rows.row_stride;
  for (std::size_t row = 0; row < count; ++row, from += rows.row_stride) {
    const char* at = from;
    for (std::size_t j = 0; j < rows.n_features; ++j, at += rows.column_stride) {
      From value;
      __builtin_memcpy(&value, at, sizeof value);
      x[j * stride + row] = static_cast<T>(value);
    }
  }
}

// Copies rows [begin, begin + count) into lanes. The last row fills up the last step of lanes.
template <typename T>
void load_rows(const Rows& rows, std::size_t begin, std::size_t count, std::size_t padded,
               std::size_t stride, T* x) {
  if (rows.single)
    copy_rows<float>(rows, begin, count, stride, x);
  else
    copy_rows<double>(rows, begin, count, stride, x);
  for (std::size_t j = 0; j < rows.n_features; ++j)
    for (std::size_t row = count; row < padded; ++row)
      x[j * stride + row] = x[j * stride + count - 1];
}

// R rows of a triangular product for V vectors: `before` full columns, then the triangle.
template <typename T, int R, int V>
inline void whiten_tile(const T* residuals, std::size_t before, const T*& w, T* z,
                        std::size_t stride, Vector<T> (&quadratic)[V]) {
  Vector<T> sums[R][V] = {};
  const T* from = residuals;
  for (std::size_t j = 0; j < before; ++j, w += R, from += V * kLanes<T>) {
    Vector<T> r[V];
#pragma GCC unroll 8
    for (int v = 0; v < V; ++v) r[v] = load(from + v * kLanes<T>);
#pragma GCC unroll 8
    for (int i = 0; i < R; ++i) {
      const Vector<T> factor = broadcast(w[i]);
#pragma GCC unroll 8
      for (int v = 0; v < V; ++v) sums[i][v] += factor * r[v];
    }
  }
#pragma GCC unroll 8
  for (int j = 0; j < R; ++j, from += V * kLanes<T>) {
    Vector<T> r[V];
#pragma GCC unroll 8
    for (int v = 0; v < V; ++v) r[v] = load(from + v * kLanes<T>);
#pragma GCC unroll 8
    for (int i = j; i < R; ++i) {
      const Vector<T> factor = broadcast(w[i - j]);
#pragma GCC unroll 8
      for (int v = 0; v < V; ++v) sums[i][v] += factor * r[v];
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

// z = W (x - centre) and constant - |z|^2 / 2 for `padded` rows; D is R plus a multiple of kTile.
template <typename T, int R, int V>
void whiten_by(const T* x, const Split<T>& centre, const T* whitener, T constant, std::size_t d,
               std::size_t padded, std::size_t stride, T* residuals, T* z, T* joint) {
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
    for (int v = 0; v < V; ++v) store(joint + row + v * kLanes<T>, constant - squares[v] * T(0.5));
  }
}

// The same for D = R, with everything in registers.
template <typename T, int R>
void whiten_small(const T* x, const Split<T>& centre, const T* whitener, T constant,
                  std::size_t padded, std::size_t stride, T* z, T* joint) {
  for (std::size_t row = 0; row < padded; row += kLanes<T>) {
    Vector<T> r[R], sums[R] = {}, squares = {};
    const T* w = whitener;
#pragma GCC unroll 8
    for (int j = 0; j < R; ++j) {
      r[j] = residual(load(x + j * stride + row), centre, j);
#pragma GCC unroll 8
      for (int i = j; i < R; ++i) sums[i] += *w++ * r[j];
    }
#pragma GCC unroll 8
    for (int i = 0; i < R; ++i) {
      store(z + i * stride + row, sums[i]);
      squares += sums[i] * sums[i];
    }
    store(joint + row, constant - squares * T(0.5));
  }
}

template <typename T>
void whiten(const T* x, const Split<T>& centre, const T* w, T constant, std::size_t d,
            std::size_t padded, std::size_t stride, T* residuals, T* z, T* joint) {
  switch (d) {
    case 1:
      return whiten_small<T, 1>(x, centre, w, constant, padded, stride, z, joint);
    case 2:
      return whiten_small<T, 2>(x, centre, w, constant, padded, stride, z, joint);
    case 3:
      return whiten_small<T, 3>(x, centre, w, constant, padded, stride, z, joint);
    case 4:
      return whiten_small<T, 4>(x, centre, w, constant, padded, stride, z, joint);
    default:
      break;
  }
  const auto by = [&](auto tile) {
    whiten_by<T, tile(), 2>(x, centre, w, constant, d, padded, stride, residuals, z, joint);
  };
  switch ((d - 1) % kTile + 1) {
    case 1:
      return by(Constant<1>());
    case 2:
      return by(Constant<2>());
    case 3:
      return by(Constant<3>());
    case 4:
      return by(Constant<4>());
    case 5:
      return by(Constant<5>());
    default:
      return by(Constant<6>());
  }
}

// constant - |z|^2 / 2 with z_j = (x_j - centre_j) scale_j, or without a scale.
template <typename T, bool Scaled>
void diagonal_joint(const T* x, const Split<T>& centre, const T* scale, T constant, std::size_t d,
                    std::size_t padded, std::size_t stride, T* joint) {
  for (std::size_t row = 0; row < padded; row += kStep<T>) {
    Vector<T> squares[kUnroll] = {};
    for (std::size_t j = 0; j < d; ++j) {
#pragma GCC unroll 8
      for (std::size_t v = 0; v < kUnroll; ++v) {
        Vector<T> z = residual(load(x + j * stride + row + v * kLanes<T>), centre, j);
        if constexpr (Scaled) z *= scale[j];
        squares[v] += z * z;
      }
    }
#pragma GCC unroll 8
    for (std::size_t v = 0; v < kUnroll; ++v)
      store(joint + row + v * kLanes<T>, constant - squares[v] * T(0.5));
  }
}

template <typename T>
Split<T> at(const Split<T>& all, std::size_t i) {
  return {all.high + i, all.low + i};
}

// Fills scratch.joint with log p_k(x) of the block, and what statistics need on the way (y, z).
template <typename T>
void log_joint(const Mixture& mixture, const Plan<T>& plan, const Scratch<T>& s,
               std::size_t padded) {
  const std::size_t k = mixture.n_components, d = mixture.n_features, stride = plan.stride;
  const bool tied = mixture.form == Form::kTied;
  if (tied)
    whiten(s.x, plan.origin, plan.whitener, T(0), d, padded, stride, s.residual, s.y, s.norm);
  for (std::size_t c = 0; c < k; ++c) {
    const Split<T> mean = at(plan.means, c * d);
    const T constant = static_cast<T>(plan.log_constants[c]);
    T* joint = s.joint + c * stride;
    if (mixture.form == Form::kFull)
      whiten(s.x, mean, plan.whitener + c * (d * (d + 1) / 2), constant, d, padded, stride,
             s.residual, s.z + c * d * stride, joint);
    else if (tied)
      diagonal_joint<T, false>(s.y, mean, nullptr, constant, d, padded, stride, joint);
    else
      diagonal_joint<T, true>(s.x, mean, plan.whitener + c * d, constant, d, padded, stride, joint);
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
