// The path that forms log densities and moments as matrix products.
//
// With features f = (1, y, squares or products of y) of a row, y = (x - origin) scale, the log density of every
// component is linear, log2 p_k(x) = b_k . f, and its moments are sums of responsibility * f. Where covariances are
// tied, y is whitened, and its squares, which all components have in common, are left out of f; where they are full, y
// is whitened by their mean (full.hpp). No residual is formed per row and component.
//
// The price is rounding: terms as large as the squared distance between a component and the origin, in the component's
// own units, cancel. choose_path.hpp uses the path only where cancellation() is small.
#pragma once

#include <cmath>

#include "kernel/blocks.hpp"
#include "kernel/paths/matrix_products/full.hpp"

namespace gmix::GMIX_LEVEL::matrix_products {

// The factor that turns a residual of component c in column y_j into z_j.
template <typename T>
double scale_at(const Mixture& m, const Plan<T>& plan, std::size_t c, std::size_t j) {
  if (m.form == Form::kTied) return 1.0;
  return kScale * whitener_diagonal(m, c, j) / static_cast<double>(plan.scale[j]);
}

// The mean of component c in column y_j.
template <typename T>
double center_at(const Mixture& m, const Plan<T>& plan, std::size_t c, std::size_t j) {
  if (m.form == Form::kTied) return static_cast<double>(plan.means[c * m.n_features + j]);
  return (m.means[c * m.n_features + j] - static_cast<double>(plan.origin[j])) * static_cast<double>(plan.scale[j]);
}

// Sets how rows become features; false if they cannot.
template <typename T>
bool set_features(const Mixture& m, const Plan<T>& plan) {
  for (std::size_t j = 0; j < m.n_features; ++j) plan.origin[j] = static_cast<T>(mean_of_means(m, j));
  if (m.form == Form::kFull) return whiten_by_mean_covariance(m, plan);
  if (m.form == Form::kTied) {
    whiten_means(m, plan.origin, plan.means);
    pack_triangle(m.whitener, m.n_features, plan.whitener);
  } else {
    set_scales(m, plan.origin, plan.scale);
  }
  return true;
}

// The squared size of the terms that cancel in the log density of rows about component c.
template <typename T>
double cancellation(const Mixture& m, const Plan<T>& plan, std::size_t c) {
  if (m.form == Form::kFull) return full_cancellation(m, plan, c);
  double total = 0.0;
  for (std::size_t j = 0; j < m.n_features; ++j) {
    const double terms = scale_at(m, plan, c, j) * std::fabs(center_at(m, plan, c, j)) + 1.0;
    total += terms * terms;
  }
  return total;
}

// Sets the coefficients, once features are set. The constants become those of rows at the origin.
template <typename T>
void set_coefficients(const Mixture& m, const Plan<T>& plan, double* log_constants) {
  const std::size_t d = m.n_features;
  for (std::size_t c = 0; c < m.n_components; ++c) {
    const auto b = plan.tiles(m).column(c);
    double& constant = log_constants[c];
    if (m.form == Form::kFull) {
      constant -= set_full_coefficients(m, plan, c, b);
    } else {
      for (std::size_t j = 0; j < d; ++j) {
        const double center = center_at(m, plan, c, j), w = scale_at(m, plan, c, j);
        constant -= w * center * w * center;
        b[1 + j] = static_cast<T>(2.0 * w * w * center);
        if (m.form == Form::kDiagonal) b[1 + d + j] = static_cast<T>(-w * w);
        if (m.form == Form::kSpherical) b[1 + d] = static_cast<T>(-w * w);
      }
    }
    b[0] = static_cast<T>(constant);
  }
}

// Prepares scratch for the first block.
template <typename T>
void clear(const Mixture& m, const Plan<T>& plan, const Scratch<T>& s) {
  std::fill_n(s.features, plan.block, T(1));
  std::fill_n(s.totals, m.n_components * feature_count(m), 0.0);
}

// Sets the features of kStepRows rows from group g on, but for the first, which is always 1.
template <typename T>
void expand(const Mixture& m, const Plan<T>& plan, const Scratch<T>& s, std::size_t g) {
  constexpr std::size_t lanes = kLanes<T>;
  const std::size_t d = m.n_features;
  T* const features = s.features + g * lanes;
  const T* from = (whitens_rows(m.form) ? s.y : s.x) + g * d * lanes;
  for (std::size_t j = 0; j < d; ++j, from += lanes) {
    T *const y = features + (1 + j) * s.stride, *squares = features + (1 + d) * s.stride;
    if (m.form == Form::kDiagonal) squares += j * s.stride;
    const bool add = m.form == Form::kSpherical && j > 0;
    const Vector<T> origin = broadcast(plan.origin[j]);
#pragma GCC unroll 4
    for (std::size_t v = 0; v < kUnroll; ++v) {
      const Vector<T> x = load(from + v * d * lanes);
      if (whitens_rows(m.form)) {
        store(y + v * lanes, x);
        continue;
      }
      const Vector<T> value = (x - origin) * plan.scale[j];
      store(y + v * lanes, value);
      const Vector<T> square = keep_in_register(value * value);  // rounded, not fused with the sum
      store(squares + v * lanes, add ? load(squares + v * lanes) + square : square);
    }
  }
  if (m.form == Form::kFull) set_products(features, s.stride, d);
}

// Sets log2 p_k of kStepRows rows from group g on. Their features are still in the L1 cache.
template <typename T>
void set_log_densities(const Mixture& m, const Plan<T>& plan, const Scratch<T>& s, std::size_t g) {
  constexpr std::size_t lanes = kLanes<T>;
  const Tiles<T> b = plan.tiles(m);
  for (std::size_t c = 0; c < m.n_components; c += b.width())
    with_count<kMostFunctions>(b.width(c), [&](auto width) {
      constexpr std::size_t V = kUnroll * width() <= kAccumulators ? kUnroll : kUnroll / 2;
      for (std::size_t at = g * lanes; at < (g + kUnroll) * lanes; at += V * lanes)
        evaluate_tile<T, width(), V>(s.features + at, s.stride, feature_count(m), b.tile(c),
                                     s.densities.joint + c * s.densities.stride + at, s.densities.stride);
    });
}

// From the rows x of a block to its exponentials and norms.
template <typename T>
void evaluate(const Mixture& m, const Plan<T>& plan, const Scratch<T>& s, std::size_t groups, Prefetch prefetch) {
  const std::size_t d = m.n_features;
  const T* const common = m.form == Form::kTied ? s.common : nullptr;
  for (std::size_t g = 0; g < groups; g += kUnroll) {
    const std::size_t at = g * kLanes<T>;
    if (whitens_rows(m.form))
      whiten<T>(s.x + d * at, plan.origin, plan.whitener, T(0), d, d, kUnroll, s.residual,
                {s.y + d * at, d * kLanes<T>}, s.common + at);
    expand(m, plan, s, g);
    set_log_densities(m, plan, s, g);
    normalize(m.n_components, s.densities, common, g, prefetch);
  }
}

// Adds the sums of responsibilities of C components times F features.
template <typename T, int C, int F>
[[gnu::always_inline]] inline void moments_tile(const T* responsibility, const T* features, std::size_t stride,
                                                const std::size_t* active, std::size_t count, double* totals) {
  constexpr std::size_t lanes = kLanes<T>;
  Vector<T> sums[F * C] = {};
  for (std::size_t a = 0; a < count; ++a, responsibility += C * lanes) {
    const T* from = features + active[a] * lanes;
    Vector<T> f[F];
#pragma GCC unroll 8
    for (int i = 0; i < F; ++i) f[i] = keep_in_register(load(from + i * stride));
#pragma GCC unroll 8
    for (int c = 0; c < C; ++c) {
      const Vector<T> r = keep_in_register(load(responsibility + c * lanes));
#pragma GCC unroll 8
      for (int i = 0; i < F; ++i) sums[i * C + c] += r * f[i];
    }
  }
  add_sums<T, 1, F * C>(sums, totals, 0);
}

// Adds a block's sums of responsibility * features to the totals.
template <typename T>
void add_moments(const Mixture& m, const Scratch<T>& s, std::size_t groups) {
  constexpr std::size_t lanes = kLanes<T>;
  const std::size_t size = feature_count(m);
  const Tiles<double> totals = s.total_tiles(m);
  for (std::size_t c = 0; c < m.n_components; c += totals.width())
    with_count<kMostSummed>(totals.width(c), [&](auto width) {
      constexpr int C = width(), F = C == 1 ? 6 : kAccumulators / C < 8 ? kAccumulators / C : 8;
      const std::size_t stride = s.densities.stride;
      const T *const joint = s.densities.joint + c * stride, *const norm = s.densities.norm;
      T* const responsibilities = s.responsibility;
      std::size_t* const active = s.active;
      std::size_t count = 0;
      for (std::size_t g = 0; g < groups; ++g) {
        const Vector<T> factor = load(norm + g * lanes);
        Vector<T> any = {};
#pragma GCC unroll 8
        for (int i = 0; i < C; ++i) {
          const Vector<T> r = load(joint + i * stride + g * lanes) * factor;
          any = i == 0 ? r : larger(r, any);
          store(responsibilities + (count * C + i) * lanes, r);
        }
        active[count] = g;
        count += !all_zero(any);
      }
      if (count == 0) return;
      const auto tile = [&](auto features, std::size_t p) {
        moments_tile<T, C, features()>(responsibilities, s.features + p * s.stride, s.stride, active, count,
                                       totals.tile(c) + p * C);
      };
      std::size_t p = 0;
      for (; p + F <= size; p += F) tile(Constant<F>(), p);
      if (p < size) with_count<F - 1>(size - p, [&](auto features) { tile(features, p); });
    });
}

// Adds a block that has been evaluated to the totals, and its log-likelihood to the sums.
template <typename T>
void accumulate(const Mixture& m, const Scratch<T>& s, std::size_t groups, bool weighted, WhitenedSums& sums) {
  sums.log_likelihood += weigh(s.densities, s.weight, groups, weighted);
  if (m.form == Form::kTied) triangle_moments(s.weight, s.y, s.weighted_y, m.n_features, groups, s.row, sums.second);
  add_moments(m, s, groups);
}

// Turns totals about the origin into moments of whitened residuals about the means, as full.hpp says.
template <typename T>
void finish(const Mixture& m, const Plan<T>& plan, const Scratch<T>& s, WhitenedSums& sums) {
  const std::size_t d = m.n_features;
  for (std::size_t c = 0; c < m.n_components; ++c) {
    const auto from = s.total_tiles(m).column(c);
    if (m.form == Form::kFull) {
      finish_full(m, plan, s, c, from, sums);
      continue;
    }
    const double mass = sums.mass[c] = from[0];
    double* const first = sums.first + c * d;
    double* const second = sums.second + (m.form == Form::kSpherical ? c : c * d);
    for (std::size_t i = 0; i < d; ++i) {
      const double mean = center_at(m, plan, c, i), g = from[1 + i] - mass * mean;
      s.row[i] = mean;
      first[i] = g;
      if (m.form == Form::kTied) {
        for (std::size_t j = 0; j <= i; ++j)
          sums.second[i * d + j] -= g * s.row[j] + mean * (first[j] + mass * s.row[j]);
        continue;
      }
      const double w = scale_at(m, plan, c, i), less = mean * (2.0 * g + mass * mean);
      first[i] *= w;
      if (m.form == Form::kDiagonal)
        second[i] = w * w * (from[1 + d + i] - less);
      else
        *second += w * w * ((i == 0 ? from[1 + d] : 0.0) - less);
    }
  }
}

}  // namespace gmix::GMIX_LEVEL::matrix_products
