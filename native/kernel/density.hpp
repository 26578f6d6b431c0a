// From rows to log densities: whitened residuals, their squares, and the normalization over
// components.
#pragma once

#include <cmath>

#include "kernel/elementary.hpp"
#include "kernel/paths/linear.hpp"

namespace gmix::GMIX_LEVEL {

// R rows of a triangular product for V groups: `before` full columns, then the triangle. Takes the
// residuals of its own features on the way, and leaves them for the tiles below, if there are some.
template <typename T, int R, int V, bool Leave>
[[gnu::always_inline]] inline void whiten_tile(const T* const (&x)[V], const T* centre, T* residuals,
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
#pragma GCC unroll 8
  for (int j = 0; j < R; ++j) {
    Vector<T> r[V];
    const Vector<T> middle = broadcast(centre[before + j]);
#pragma GCC unroll 8
    for (int v = 0; v < V; ++v) {
      r[v] = load(x[v] + (before + j) * lanes) - middle;
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

// Where groups of rows are, and how far from one to the next.
template <typename Number>
struct Groups {
  Number* first;
  std::size_t step;
};

// z = W (x - centre) and constant - |z|^2 of the first d columns, R plus a multiple of Tile, of V groups at once.
template <typename T, int R, int Tile, int V>
void whiten_by(Groups<const T> x, const T* centre, const T* whitener, T constant, std::size_t d, std::size_t groups,
               T* residuals, Groups<T> z, T* joint) {
  for (std::size_t g = 0; g < groups; g += V, joint += V * kLanes<T>) {
    const T* from[V];
    T* to[V];
#pragma GCC unroll 4
    for (std::size_t v = 0; v < V; ++v) from[v] = x.first + (g + v) * x.step, to[v] = z.first + (g + v) * z.step;
    Vector<T> squares[V] = {};
    const T* w = whitener;
    if (d == R) {
      whiten_tile<T, R, V, false>(from, centre, residuals, 0, w, to, squares);
    } else {
      whiten_tile<T, R, V, true>(from, centre, residuals, 0, w, to, squares);
      std::size_t before = R;
      for (; before + Tile < d; before += Tile)
        whiten_tile<T, Tile, V, true>(from, centre, residuals, before, w, to, squares);
      whiten_tile<T, Tile, V, false>(from, centre, residuals, before, w, to, squares);
    }
#pragma GCC unroll 4
    for (int v = 0; v < V; ++v) store(joint + v * kLanes<T>, constant - squares[v]);
  }
}

// The same of `columns` of them all, for a multiple of kUnroll groups.
template <typename T>
void whiten(const T* x, const T* centre, const T* w, T constant, std::size_t d, std::size_t columns, std::size_t groups,
            T* residuals, Groups<T> z, T* joint) {
  with_count<kWideTile>(first_tile(d), [&](auto first) {
    const auto by = d <= kWide ? whiten_by<T, first(), kTile, 2> : whiten_by<T, first(), kWideTile, kHeld / kWideTile>;
    by({x, d * kLanes<T>}, centre, w, constant, columns, groups, residuals, z, joint);
  });
}

// Whitens rows for all components.
template <typename T>
void whiten_rows(const Plan<T>& plan, const Scratch<T>& s, std::size_t d, std::size_t g, std::size_t groups) {
  const std::size_t at = g * kLanes<T>;
  whiten<T>(s.x + d * at, plan.origin, plan.shared, T(0), d, d, groups, s.residual, {s.y + d * at, d * kLanes<T>},
            s.common + at);
}

// Whitens rows by component c of a full mixture.
template <typename T>
void whiten_by_component(const Plan<T>& plan, const T* x, std::size_t c, std::size_t d, std::size_t columns,
                         std::size_t groups, T* residuals, Groups<T> z, T* joint) {
  whiten<T>(x, plan.means + c * d, plan.whitener + c * (d * (d + 1) / 2), static_cast<T>(plan.log_constants[c]), d,
            columns, groups, residuals, z, joint);
}

// constant - |z|^2 with z_j = (x_j - centre_j) scale_j, or without a scale.
template <typename T, bool Scaled>
void diagonal_joint(const T* x, const T* centre, const T* scale, T constant, std::size_t d, std::size_t groups,
                    T* joint) {
  const std::size_t group = d * kLanes<T>;
  for (std::size_t g = 0; g < groups; g += kUnroll, x += kUnroll * group) {
    Vector<T> squares[kUnroll] = {};
    for (std::size_t j = 0; j < d; ++j) {
      const Vector<T> middle = broadcast(centre[j]);
#pragma GCC unroll 8
      for (std::size_t v = 0; v < kUnroll; ++v) {
        Vector<T> z = load(x + v * group + j * kLanes<T>) - middle;
        if constexpr (Scaled) z *= scale[j];
        squares[v] += z * z;
      }
    }
#pragma GCC unroll 8
    for (std::size_t v = 0; v < kUnroll; ++v, joint += kLanes<T>) store(joint, constant - squares[v]);
  }
}

// Fills scratch.joint with log2 p_k(x) of the block, and what statistics need on the way (y, z).
template <typename T>
void log_joint(const Mixture& mixture, const Plan<T>& plan, const Scratch<T>& s, std::size_t groups) {
  const std::size_t k = mixture.n_components, d = mixture.n_features;
  const bool tied = mixture.form == Form::kTied;
  if (tied) whiten_rows(plan, s, d, 0, groups);
  for (std::size_t c = 0; c < k; ++c) {
    const T* mean = plan.means + c * d;
    const T constant = static_cast<T>(plan.log_constants[c]);
    T* joint = s.joint + c * plan.stride;
    if (mixture.form == Form::kFull)
      whiten_by_component<T>(plan, s.x, c, d, d, groups, s.residual, {s.z + c * d * plan.block, d * kLanes<T>}, joint);
    else if (tied)
      diagonal_joint<T, false>(s.y, mean, nullptr, constant, d, groups, joint);
    else
      diagonal_joint<T, true>(s.x, mean, plan.whitener + c * d, constant, d, groups, joint);
  }
}

// The same of kStep rows from group g on, and their features, where log densities are linear in these.
template <typename T>
void log_joint_of_features(const Mixture& mixture, const Plan<T>& plan, const Scratch<T>& s, std::size_t g) {
  if (whitens_rows(mixture)) whiten_rows(plan, s, mixture.n_features, g, kUnroll);
  expand(mixture, plan, s, g);
  linear_joint(mixture, plan, s, g);
}

// Turns scratch.joint of kStep rows from group g on into exp2(log2 p_k - largest), with the largest and the sum over
// components. Rows of the next block are fetched on the way.
template <typename T>
void normalize(const Mixture& mixture, const Plan<T>& plan, const Scratch<T>& s, std::size_t g, Ahead& ahead) {
  constexpr std::size_t lanes = kLanes<T>;
  const std::size_t k = mixture.n_components, at = g * lanes;
  const bool common = mixture.form == Form::kTied && *plan.near;
  Vector<T> largest[kUnroll];
#pragma GCC unroll 4
  for (std::size_t v = 0; v < kUnroll; ++v) largest[v] = load(s.joint + at + v * lanes);
  for (std::size_t c = 1; c < k; ++c)
#pragma GCC unroll 4
    for (std::size_t v = 0; v < kUnroll; ++v)
      largest[v] = larger(load(s.joint + c * plan.stride + at + v * lanes), largest[v]);
  Vector<T> norm[kUnroll] = {};
  for (std::size_t c = 0; c < k; ++c) {
    ahead.fetch();
    T* const joint = s.joint + c * plan.stride + at;
    Vector<T> e[kUnroll], top;
#pragma GCC unroll 4
    for (std::size_t v = 0; v < kUnroll; ++v) {
      e[v] = load(joint + v * lanes) - largest[v];
      top = v == 0 ? e[v] : larger(e[v], top);
    }
    if (all_below(top, T(kNothing))) {
      std::fill_n(joint, kStep<T>, T(0));
      continue;
    }
    exp2_of_negative<T>(e);
#pragma GCC unroll 4
    for (std::size_t v = 0; v < kUnroll; ++v) {
      store(joint + v * lanes, e[v]);
      norm[v] += e[v];
    }
  }
#pragma GCC unroll 4
  for (std::size_t v = 0; v < kUnroll; ++v) {
    store(s.norm + at + v * lanes, norm[v]);
    store(s.largest + at + v * lanes, common ? largest[v] + load(s.common + at + v * lanes) : largest[v]);
  }
}

// From rows to scratch.joint, norm and largest of the block.
template <typename T>
void evaluate(const Mixture& mixture, const Plan<T>& plan, const Scratch<T>& s, std::size_t groups, Ahead& ahead) {
  const bool near = *plan.near;
  if (!near) log_joint(mixture, plan, s, groups);
  for (std::size_t g = 0; g < groups; g += kUnroll) {
    if (near) log_joint_of_features(mixture, plan, s, g);
    normalize(mixture, plan, s, g, ahead);
  }
}

// The log-likelihood of a few vectors of rows after the other, from the largest log density of each
// row and the sum of the exponentials beside it.
template <typename T, int N>
class LogLikelihood {
  // Without weights, one logarithm does for a product of norms, each from 1 to K.
  static constexpr int kFactors = 16;
  Wide<T> total_ = {}, largest_ = {}, product_ = Wide<T>{} + 1.0;
  int factors_ = 0;

 public:
  // Sets what makes weighted shares of exponentials.
  void add(const Vector<T> (&weight)[N], const Vector<T> (&largest)[N], const Vector<T> (&norm)[N], bool weighted,
           Vector<T> (&factor)[N]) {
#pragma GCC unroll 8
    for (int v = 0; v < N; ++v) {
      const Wide<T> share = widen<T>(weight[v]);
      largest_ += share * widen<T>(largest[v]);
      factor[v] = weight[v] / norm[v];
      if (!weighted) product_ *= widen<T>(weight[v] > T(0) ? norm[v] : weight[v] + T(1));
    }
    if (weighted) {
#pragma GCC unroll 8
      for (int v = 0; v < N; ++v) total_ += widen<T>(weight[v]) * log_of_normal(widen<T>(norm[v]));
    } else if ((factors_ += N) == kFactors) {
      total_ += log_of_normal(product_);
      product_ = Wide<T>{} + 1.0;
      factors_ = 0;
    }
  }

  double total() const { return sum(largest_ * kLog2 + total_ + log_of_normal(product_)); }
};

template <typename T>
Wide<T> log_density(const Scratch<T>& s, std::size_t group) {
  return widen<T>(load<T>(s.largest + group * kLanes<T>)) * kLog2 +
         log_of_normal(widen<T>(load(s.norm + group * kLanes<T>)));
}

}  // namespace gmix::GMIX_LEVEL
