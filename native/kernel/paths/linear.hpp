// Log densities and moments as matrix products.
//
// With features f = (1, y, squares or products of y) of a row, y = (x - origin) unit, the log density of every
// component is linear: log2 p_k(x) = b_k . f, and its moments are sums of share f. Where
// covariances are tied, y is whitened, and its squares, common to all components, are left out of
// f; where they are full, y is whitened by their mean (products.hpp). No residual is formed per row and component. The
// price is digits: terms as large as the square of what lies between a component and the origin, in the component's own
// units, cancel. plan.near tells whether that costs too many.
#pragma once

#include <cmath>

#include "kernel/paths/products.hpp"

namespace gmix::GMIX_LEVEL {

// Size per column of the terms that may cancel: three digits, of float32 one or two.
template <typename T>
inline constexpr double kMostCancelled = sizeof(T) == sizeof(double) ? 1000.0 : 30.0;

inline constexpr std::size_t kMostJoint = 6;  // components of a tile of log densities

// Numbers (K, linear_size) of components that stand side by side, in tiles of nearly equal size.
template <typename T>
class Tiled {
 public:
  Tiled(T* data, const Mixture& mixture, std::size_t most)
      : data_(data), k_(mixture.n_components), size_(linear_size(mixture)) {
    const std::size_t tiles = (k_ + most - 1) / most;
    width_ = (k_ + tiles - 1) / tiles;
  }
  // The numbers of one component.
  struct Of {
    T* first;
    std::size_t step;
    T& operator[](std::size_t p) const { return first[p * step]; }
  };
  Of of(std::size_t c) const {
    const std::size_t first = c / width_ * width_;
    return {data_ + first * size_ + (c - first), width(first)};
  }
  // Components from `first` on of a tile; the size of all tiles but the last.
  std::size_t width(std::size_t first) const { return std::min(width_, k_ - first); }
  T* tile(std::size_t first) const { return data_ + first * size_; }
  std::size_t width() const { return width_; }

 private:
  T* data_;
  std::size_t k_, size_, width_;
};

template <typename T>
Tiled<T> coefficients(const Mixture& mixture, const Plan<T>& plan) {
  return {plan.linear, mixture, kMostJoint};
}

template <typename T>
Tiled<double> totals(const Mixture& mixture, const Scratch<T>& s) {
  return {s.linear, mixture, kMostSummed};
}

// What a residual of component c is multiplied with in column j to give z, in units.
template <typename T>
double scale_at(const Mixture& m, const Plan<T>& plan, std::size_t c, std::size_t j) {
  if (m.form == Form::kTied) return 1.0;
  return kScale * steepness(m, c, j) / static_cast<double>(plan.unit[j]);
}

template <typename T>
double centre_at(const Mixture& m, const Plan<T>& plan, std::size_t c, std::size_t j) {
  if (m.form == Form::kTied) return static_cast<double>(plan.means[c * m.n_features + j]);
  return (m.means[c * m.n_features + j] - static_cast<double>(plan.origin[j])) * static_cast<double>(plan.unit[j]);
}

// The size of the terms that cancel in the density of rows about component c.
template <typename T>
double cancelled(const Mixture& m, const Plan<T>& plan, std::size_t c) {
  if (m.form == Form::kFull) return cancelled_products(m, plan, c);
  double total = 0.0;
  for (std::size_t j = 0; j < m.n_features; ++j) {
    const double terms = scale_at(m, plan, c, j) * std::fabs(centre_at(m, plan, c, j)) + 1.0;
    total += terms * terms;
  }
  return total;
}

template <typename T>
bool is_near(const Mixture& m, const Plan<T>& plan) {
  for (std::size_t c = 0; c < m.n_components; ++c)
    if (!(cancelled(m, plan, c) <= kMostCancelled<T> * static_cast<double>(m.n_features))) return false;
  return true;
}

// Sets plan.near and, where it holds, the coefficients; the constants become those of rows in the origin.
template <typename T>
void make_linear(const Mixture& m, const Plan<T>& plan) {
  const std::size_t d = m.n_features;
  *plan.near = false;
  if (linear_size(m) == 0) return;
  if (m.form == Form::kFull && !whiten_together(m, plan)) return;
  if (!whitens_rows(m)) make_units(m, plan.origin, plan.unit);
  if (!is_near(m, plan)) return;
  *plan.near = true;
  for (std::size_t c = 0; c < m.n_components; ++c) {
    const auto b = coefficients(m, plan).of(c);
    double& constant = plan.log_constants[c];
    if (m.form == Form::kFull) {
      constant -= coefficients_of_products(m, plan, c, b);
    } else {
      for (std::size_t j = 0; j < d; ++j) {
        const double centre = centre_at(m, plan, c, j), w = scale_at(m, plan, c, j);
        constant -= w * centre * w * centre;
        b[1 + j] = static_cast<T>(2.0 * w * w * centre);
        if (m.form == Form::kDiagonal) b[1 + d + j] = static_cast<T>(-w * w);
        if (m.form == Form::kSpherical) b[1 + d] = static_cast<T>(-w * w);
      }
    }
    b[0] = static_cast<T>(constant);
  }
}

// Makes ready for the first block.
template <typename T>
void clear_linear(const Mixture& m, const Plan<T>& plan, const Scratch<T>& s) {
  std::fill_n(s.features, plan.wide, T(1));
  std::fill_n(s.linear, m.n_components * linear_size(m), 0.0);
}

// Fills features of kStep rows from group g on, but for the leading one, which is always 1.
template <typename T>
void expand(const Mixture& m, const Plan<T>& plan, const Scratch<T>& s, std::size_t g) {
  constexpr std::size_t lanes = kLanes<T>;
  const std::size_t d = m.n_features;
  T* const features = s.features + g * lanes;
  const T* from = (whitens_rows(m) ? s.y : s.x) + g * d * lanes;
  for (std::size_t j = 0; j < d; ++j, from += lanes) {
    T *const y = features + (1 + j) * plan.stride, *squares = features + (1 + d) * plan.stride;
    if (m.form == Form::kDiagonal) squares += j * plan.stride;
    const bool add = m.form == Form::kSpherical && j > 0;
    const Vector<T> origin = broadcast(plan.origin[j]);
#pragma GCC unroll 4
    for (std::size_t v = 0; v < kUnroll; ++v) {
      const Vector<T> here = load(from + v * d * lanes);
      if (whitens_rows(m)) {
        store(y + v * lanes, here);
        continue;
      }
      const Vector<T> value = (here - origin) * plan.unit[j];
      store(y + v * lanes, value);
      store(squares + v * lanes, add ? load(squares + v * lanes) + value * value : value * value);
    }
  }
  if (m.form == Form::kFull) expand_products(features, plan.stride, d);
}

// C log densities of V groups at once. The first feature is 1, and is not read.
template <typename T, int C, int V>
[[gnu::always_inline]] inline void joint_tile(const T* features, std::size_t feature_stride, std::size_t size,
                                              const T* b, T* joint, std::size_t stride) {
  constexpr std::size_t lanes = kLanes<T>;
  Vector<T> sums[C][V];
#pragma GCC unroll 8
  for (int c = 0; c < C; ++c)
#pragma GCC unroll 8
    for (int v = 0; v < V; ++v) sums[c][v] = broadcast(b[c]);
  for (std::size_t p = 1; p < size; ++p) {
    b += C;
    features += feature_stride;
    Vector<T> f[V];
#pragma GCC unroll 8
    for (int v = 0; v < V; ++v) f[v] = keep(load(features + v * lanes));
#pragma GCC unroll 8
    for (int c = 0; c < C; ++c) {
      const Vector<T> factor = broadcast(b[c]);
#pragma GCC unroll 8
      for (int v = 0; v < V; ++v) sums[c][v] += factor * f[v];
    }
  }
#pragma GCC unroll 8
  for (int c = 0; c < C; ++c)
#pragma GCC unroll 8
    for (int v = 0; v < V; ++v) store(joint + c * stride + v * lanes, sums[c][v]);
}

// Fills scratch.joint of kStep rows from group g on: their features are still in the L1 cache.
template <typename T>
void linear_joint(const Mixture& m, const Plan<T>& plan, const Scratch<T>& s, std::size_t g) {
  constexpr std::size_t lanes = kLanes<T>;
  const Tiled<T> b = coefficients(m, plan);
  for (std::size_t c = 0; c < m.n_components; c += b.width())
    with_count<kMostJoint>(b.width(c), [&](auto width) {
      constexpr std::size_t V = kUnroll * width() <= kHeld ? kUnroll : kUnroll / 2;
      for (std::size_t at = g * lanes; at < (g + kUnroll) * lanes; at += V * lanes)
        joint_tile<T, width(), V>(s.features + at, plan.stride, linear_size(m), b.tile(c),
                                  s.joint + c * plan.stride + at, plan.stride);
    });
}

// Adds the sums of shares of C components times F features.
template <typename T, int C, int F>
[[gnu::always_inline]] inline void moments_tile(const T* share, const T* features, std::size_t stride,
                                                const std::size_t* active, std::size_t count, double* totals) {
  constexpr std::size_t lanes = kLanes<T>;
  Vector<T> sums[F * C] = {};
  for (std::size_t a = 0; a < count; ++a, share += C * lanes) {
    const T* from = features + active[a] * lanes;
    Vector<T> f[F];
#pragma GCC unroll 8
    for (int i = 0; i < F; ++i) f[i] = keep(load(from + i * stride));
#pragma GCC unroll 8
    for (int c = 0; c < C; ++c) {
      const Vector<T> r = keep(load(share + c * lanes));
#pragma GCC unroll 8
      for (int i = 0; i < F; ++i) sums[i * C + c] += r * f[i];
    }
  }
  add_sums<T, 1, F * C>(sums, totals, 0);
}

// Adds a block's sums of share * features; norms hold the factors of shares.
template <typename T>
void linear_moments(const Mixture& m, const Plan<T>& plan, const Scratch<T>& s, std::size_t groups) {
  constexpr std::size_t lanes = kLanes<T>;
  const std::size_t size = linear_size(m);
  const Tiled<double> sums = totals(m, s);
  for (std::size_t c = 0; c < m.n_components; c += sums.width())
    with_count<kMostSummed>(sums.width(c), [&](auto width) {
      constexpr int C = width(), F = C == 1 ? 6 : kHeld / C < 8 ? kHeld / C : 8;
      const T *const joint = s.joint + c * plan.stride, *const norm = s.norm;
      T* const shares = s.share;
      std::size_t* const active = s.active;
      std::size_t count = 0;
      for (std::size_t g = 0; g < groups; ++g) {
        const Vector<T> factor = load(norm + g * lanes);
        Vector<T> any = {};
#pragma GCC unroll 8
        for (int i = 0; i < C; ++i) {
          const Vector<T> share = load(joint + i * plan.stride + g * lanes) * factor;
          any = i == 0 ? share : larger(share, any);
          store(shares + (count * C + i) * lanes, share);
        }
        active[count] = g;
        count += !all_zero(any);
      }
      if (count == 0) return;
      const auto tile = [&](auto features, std::size_t p) {
        moments_tile<T, C, features()>(shares, s.features + p * plan.stride, plan.stride, active, count,
                                       sums.tile(c) + p * C);
      };
      std::size_t p = 0;
      for (; p + F <= size; p += F) tile(Constant<F>(), p);
      if (p < size) with_count<F - 1>(size - p, [&](auto features) { tile(features, p); });
    });
}

// Moves totals about the origin to moments of whitened residuals about the means: with g = sum r y
// less mass m, sum r (y - m)(y - m)' is sum r y y' less g m' + m g' and mass m m'.
template <typename T>
void finish_linear(const Mixture& m, const Plan<T>& plan, const Scratch<T>& s, Sums& sums) {
  const std::size_t d = m.n_features;
  for (std::size_t c = 0; c < m.n_components; ++c) {
    const auto from = totals(m, s).of(c);
    if (m.form == Form::kFull) {
      finish_products(m, plan, s, c, from, sums);
      continue;
    }
    const double mass = sums.mass[c] = from[0];
    double* const first = sums.first + c * d;
    double* const second = sums.second + (m.form == Form::kSpherical ? c : c * d);
    for (std::size_t i = 0; i < d; ++i) {
      const double mean = centre_at(m, plan, c, i), g = from[1 + i] - mass * mean;
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

}  // namespace gmix::GMIX_LEVEL
