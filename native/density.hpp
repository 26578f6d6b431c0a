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

// Fills whole groups; lanes beyond the last row repeat it.
template <typename From, typename T>
void copy_rows(const Rows& rows, std::size_t begin, std::size_t count, std::size_t groups, T* x) {
  const char* row = rows.data + static_cast<std::ptrdiff_t>(begin) * rows.row_stride;
  for (std::size_t group = 0; group < groups; ++group) {
    const char* from[kLanes<T>];
#pragma GCC unroll 16
    for (std::size_t lane = 0; lane < kLanes<T>; ++lane) {
      from[lane] = row;
      if (group * kLanes<T> + lane + 1 < count) row += rows.row_stride;
    }
    for (std::size_t j = 0; j < rows.n_features; ++j, x += kLanes<T>) {
      const std::ptrdiff_t offset = static_cast<std::ptrdiff_t>(j) * rows.column_stride;
      Vector<T> values;
#pragma GCC unroll 16
      for (int lane = 0; lane < kLanes<T>; ++lane) {
        From value;
        __builtin_memcpy(&value, from[lane] + offset, sizeof value);
        values[lane] = static_cast<T>(value);
      }
      store(x, values);
    }
  }
}

template <typename T>
void load_rows(const Rows& rows, std::size_t begin, std::size_t count, std::size_t groups, T* x) {
  if (rows.single)
    copy_rows<float>(rows, begin, count, groups, x);
  else
    copy_rows<double>(rows, begin, count, groups, x);
}

// R rows of a triangular product for V groups: `before` full columns, then the triangle. Takes the
// residuals of its own features on the way, and leaves them for the tiles below, if there are some.
template <typename T, int R, int V, bool Leave>
inline void whiten_tile(const T* const (&x)[V], const Split<T> centre, T* residuals,
                        std::size_t before, const T*& w, T* const (&z)[V],
                        Vector<T> (&quadratic)[V]) {
  constexpr int lanes = kLanes<T>;
  Vector<T> sums[R][V] = {};
  const T* from = residuals;
  for (std::size_t j = 0; j < before; ++j, w += R, from += V * lanes) {
    Vector<T> r[V];
#pragma GCC unroll 8
    for (int v = 0; v < V; ++v) r[v] = load(from + v * lanes);
#pragma GCC unroll 8
    for (int i = 0; i < R; ++i) {
      const Vector<T> factor = broadcast(w[i]);
#pragma GCC unroll 8
      for (int v = 0; v < V; ++v) sums[i][v] += factor * r[v];
    }
  }
  residuals += before * V * lanes;
  const Split<T> own = at(centre, before);
#pragma GCC unroll 8
  for (int j = 0; j < R; ++j) {
    Vector<T> r[V];
    const Centre<T> middle(own, j);
#pragma GCC unroll 8
    for (int v = 0; v < V; ++v) {
      r[v] = residual<T>(load(x[v] + (before + j) * lanes), middle);
      if constexpr (Leave) store(residuals + (j * V + v) * lanes, r[v]);
    }
#pragma GCC unroll 8
    for (int i = j; i < R; ++i) {
      const Vector<T> factor = broadcast(w[i - j]);
#pragma GCC unroll 8
      for (int v = 0; v < V; ++v) sums[i][v] += factor * r[v];
    }
    w += R - j;
  }
#pragma GCC unroll 8
  for (int v = 0; v < V; ++v) {
    T* to = z[v] + before * lanes;
#pragma GCC unroll 8
    for (int i = 0; i < R; ++i) {
      store(to + i * lanes, sums[i][v]);
      quadratic[v] += sums[i][v] * sums[i][v];
    }
  }
}

// z = W (x - centre) and constant - |z|^2 / 2 for an even number of groups; D is R plus a multiple
// of kTile. Values of joint are `step` apart.
template <typename T, int R>
void whiten_by(const T* x, const Split<T> centre, const T* whitener, T constant, std::size_t d,
               std::size_t groups, T* residuals, T* z, T* joint, std::size_t step) {
  const std::size_t group = d * kLanes<T>;
  for (std::size_t g = 0; g < groups; g += 2, x += 2 * group, z += 2 * group, joint += 2 * step) {
    const T* const from[2] = {x, x + group};
    T* const to[2] = {z, z + group};
    Vector<T> squares[2] = {};
    const T* w = whitener;
    if (d == R) {
      whiten_tile<T, R, 2, false>(from, centre, residuals, 0, w, to, squares);
    } else {
      whiten_tile<T, R, 2, true>(from, centre, residuals, 0, w, to, squares);
      std::size_t before = R;
      for (; before + kTile < d; before += kTile)
        whiten_tile<T, kTile, 2, true>(from, centre, residuals, before, w, to, squares);
      whiten_tile<T, kTile, 2, false>(from, centre, residuals, before, w, to, squares);
    }
    store(joint, constant - squares[0] * T(0.5));
    store(joint + step, constant - squares[1] * T(0.5));
  }
}

template <typename T>
void whiten(const T* x, const Split<T> centre, const T* w, T constant, std::size_t d,
            std::size_t groups, T* residuals, T* z, T* joint, std::size_t step) {
  const auto by = [&](auto tile) {
    whiten_by<T, tile()>(x, centre, w, constant, d, groups, residuals, z, joint, step);
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
void diagonal_joint(const T* x, const Split<T> centre, const T* scale, T constant, std::size_t d,
                    std::size_t groups, T* joint, std::size_t step) {
  const std::size_t group = d * kLanes<T>;
  for (std::size_t g = 0; g < groups; g += kUnroll, x += kUnroll * group) {
    Vector<T> squares[kUnroll] = {};
    for (std::size_t j = 0; j < d; ++j) {
      const Centre<T> middle(centre, j);
#pragma GCC unroll 8
      for (std::size_t v = 0; v < kUnroll; ++v) {
        Vector<T> z = residual<T>(load(x + v * group + j * kLanes<T>), middle);
        if constexpr (Scaled) z *= scale[j];
        squares[v] += z * z;
      }
    }
#pragma GCC unroll 8
    for (std::size_t v = 0; v < kUnroll; ++v, joint += step)
      store(joint, constant - squares[v] * T(0.5));
  }
}

// Fills scratch.joint with log p_k(x) of the block, and what statistics need on the way (y, z).
template <typename T>
void log_joint(const Mixture& mixture, const Plan<T>& plan, const Scratch<T>& s,
               std::size_t groups) {
  const std::size_t k = mixture.n_components, d = mixture.n_features;
  const std::size_t step = k * kLanes<T>;
  const bool tied = mixture.form == Form::kTied;
  if (tied)
    whiten(s.x, plan.origin, plan.whitener, T(0), d, groups, s.residual, s.y, s.norm, kLanes<T>);
  for (std::size_t c = 0; c < k; ++c) {
    const Split<T> mean = at(plan.means, c * d);
    const T constant = static_cast<T>(plan.log_constants[c]);
    T* joint = s.joint + c * kLanes<T>;
    if (mixture.form == Form::kFull)
      whiten(s.x, mean, plan.whitener + c * (d * (d + 1) / 2), constant, d, groups, s.residual,
             s.z + c * d * plan.block, joint, step);
    else if (tied)
      diagonal_joint<T, false>(s.y, mean, nullptr, constant, d, groups, joint, step);
    else
      diagonal_joint<T, true>(s.x, mean, plan.whitener + c * d, constant, d, groups, joint, step);
  }
}

// Turns scratch.joint into exp(log p_k - largest), with the largest and the sum over components.
template <typename T>
void normalize(std::size_t k, const Scratch<T>& s, std::size_t groups) {
  T* joint = s.joint;
  for (std::size_t g = 0; g < groups; ++g, joint += k * kLanes<T>) {
    Vector<T> largest = load(joint);
    for (std::size_t c = 1; c < k; ++c) largest = larger(load(joint + c * kLanes<T>), largest);
    Vector<T> norm = {};
    for (std::size_t c = 0; c < k; ++c) {
      const Vector<T> e = exp_of_negative<T>(load(joint + c * kLanes<T>) - largest);
      store(joint + c * kLanes<T>, e);
      norm += e;
    }
    store(s.largest + g * kLanes<T>, largest);
    store(s.norm + g * kLanes<T>, norm);
  }
}

template <typename T>
Wide<T> log_density(const Scratch<T>& s, std::size_t group) {
  return widen<T>(load<T>(s.largest + group * kLanes<T>)) +
         log_of_normal(widen<T>(load(s.norm + group * kLanes<T>)));
}

}  // namespace gmix::GMIX_LEVEL
