// The path of rows so far from all components that the other paths overflow: one row at a time, in float64.
//
// The other paths do not look for such rows. If a chunk holds one, their sums are not finite, and this path adds up the
// chunk from its start.
#pragma once

#include <algorithm>
#include <cmath>
#include <limits>

#include "kernel/families.hpp"
#include "kernel/load.hpp"

namespace gmix::GMIX_LEVEL::row_by_row {

struct Scratch {
  double* x;                 // (D)
  double* z;                 // (D)
  double* responsibilities;  // (K)
  double* distances;         // (K): |z|

  Scratch(const Mixture& m, Arena& arena)
      : x(arena.take<double>(m.n_features)),
        z(arena.take<double>(m.n_features)),
        responsibilities(arena.take<double>(m.n_components)),
        distances(arena.take<double>(m.n_components)) {}
};

// Whitened residuals are clipped here, so that sums of their squares stay finite. Residuals of other families than the
// Gaussian are multiplied by share factors before they are squared.
template <typename F>
inline constexpr double kMostResidual = F::kHasFactors ? std::numeric_limits<double>::max() : 1e150;

// Sets z = W_k (x - mu_k), and returns |z|, which may be finite where its square is not.
template <typename F>
double whiten(const Mixture& m, std::size_t c, const double* x, double* z) {
  const std::size_t d = m.n_features;
  const double* mean = m.means + c * d;
  double norm = 0.0;
  for (std::size_t i = 0; i < d; ++i) {
    double sum = 0.0;
    if (m.form == Form::kSpherical) {
      sum = (x[i] - mean[i]) * m.whitener[c];
    } else if (m.form == Form::kDiagonal) {
      sum = (x[i] - mean[i]) * m.whitener[c * d + i];
    } else {
      const double* w = m.whitener + (m.form == Form::kFull ? c * d * d : 0) + i * d;
      for (std::size_t j = 0; j <= i; ++j)
        if (w[j] != 0.0) sum += w[j] * (x[j] - mean[j]);
    }
    z[i] = std::isnan(sum) ? kMostResidual<F> : std::fmin(std::fmax(sum, -kMostResidual<F>), kMostResidual<F>);
    norm = std::hypot(norm, sum);
  }
  return std::isnan(norm) ? std::numeric_limits<double>::infinity() : norm;
}

// Turns s.responsibilities from log densities of k components into responsibilities, and returns the log density of
// the row. If all densities underflow to zero, the nearest component is responsible; of several, the one of the largest
// constant.
inline double share(const Scratch& s, const double* log_constants, std::size_t k) {
  constexpr double infinity = std::numeric_limits<double>::infinity();
  std::size_t nearest = 0, likeliest = 0;
  for (std::size_t c = 1; c < k; ++c) {
    if (s.responsibilities[c] > s.responsibilities[likeliest]) likeliest = c;
    if (s.distances[c] < s.distances[nearest] ||
        (s.distances[c] == s.distances[nearest] && log_constants[c] > log_constants[nearest]))
      nearest = c;
  }
  const double largest = s.responsibilities[likeliest];
  if (!(largest > -infinity)) {
    std::fill_n(s.responsibilities, k, 0.0);
    s.responsibilities[nearest] = 1.0;
    return -infinity;
  }
  double norm = 0.0;
  for (std::size_t c = 0; c < k; ++c) norm += s.responsibilities[c] = std::exp(s.responsibilities[c] - largest);
  for (std::size_t c = 0; c < k; ++c) s.responsibilities[c] /= norm;
  return largest + std::log(norm);
}

// Sets s.responsibilities of a row, and returns its log density.
template <typename F>
double evaluate(const F& family, const Mixture& m, const Rows& rows, std::size_t row, const Scratch& s) {
  constexpr double infinity = std::numeric_limits<double>::infinity();
  bool finite = true;
  for (std::size_t j = 0; j < m.n_features; ++j) {
    s.x[j] = value_at(rows, row, j);
    finite = finite && std::isfinite(s.x[j]);
  }
  if (!finite) {
    std::fill_n(s.responsibilities, m.n_components, std::numeric_limits<double>::quiet_NaN());
    return std::numeric_limits<double>::quiet_NaN();
  }
  for (std::size_t c = 0; c < m.n_components; ++c) {
    const double distance = whiten<F>(m, c, s.x, s.z);
    s.responsibilities[c] = family.log_density(c, m.log_constants[c], distance, m.n_features);
    s.distances[c] = m.log_constants[c] == -infinity ? infinity : distance;
  }
  return share(s, m.log_constants, m.n_components);
}

// Adds a row to the sums. A row of weight zero adds nothing, whatever it holds.
template <typename F>
void add(const F& family, const Mixture& m, const Rows& rows, std::size_t row, double weight, const Scratch& s,
         WhitenedSums& sums) {
  if (weight == 0.0) return;
  sums.log_likelihood += weight * evaluate(family, m, rows, row, s);
  const std::size_t d = m.n_features;
  for (std::size_t c = 0; c < m.n_components; ++c) {
    const double r = weight * s.responsibilities[c];
    if (r == 0.0) continue;
    const double distance = whiten<F>(m, c, s.x, s.z);
    double root = 1.0;  // of the share factor, so that no product of it and residuals underflows or overflows
    if constexpr (F::kHasFactors) {
      root = family.root_of_share_factor(c, distance, d);
      sums.counts[c] += r;
      sums.log_factors[c] += 2 * r * std::log(root);
      for (std::size_t i = 0; i < d; ++i) s.z[i] *= root;
    }
    sums.mass[c] += r * root * root;
    for (std::size_t i = 0; i < d; ++i) {
      const double t = r * s.z[i];
      sums.first[c * d + i] += t * root;
      if (m.form == Form::kSpherical) {
        sums.second[c] += t * s.z[i];
      } else if (m.form == Form::kDiagonal) {
        sums.second[c * d + i] += t * s.z[i];
      } else {
        double* second = sums.second + (m.form == Form::kFull ? c * d * d : 0) + i * d;
        for (std::size_t j = 0; j <= i; ++j) second[j] += t * s.z[j];
      }
    }
  }
}

}  // namespace gmix::GMIX_LEVEL::row_by_row
