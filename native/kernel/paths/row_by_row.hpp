// One row at a time, for rows so far out that the plain formulas overflow.
//
// A row whose densities all vanish goes to the nearest component. The fast
// path does not look for such rows: it notices a sum that is not finite, and its rows come here.
#pragma once

#include <cmath>
#include <limits>

#include "kernel/load.hpp"
#include "kernel/plan.hpp"

namespace gmix::GMIX_LEVEL {

// Larger whitened residuals are cut off here, so that sums of their squares stay finite.
inline constexpr double kFar = 1e150;

// z = W_k (x - mu_k); returns |z|, which is finite where its square may not be.
inline double careful_whiten(const Mixture& m, std::size_t c, const double* x, double* z) {
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
    z[i] = std::isnan(sum) ? kFar : std::fmin(std::fmax(sum, -kFar), kFar);
    norm = std::hypot(norm, sum);
  }
  return std::isnan(norm) ? std::numeric_limits<double>::infinity() : norm;
}

// Fills s.row_joint with the responsibilities of a row; returns its log density.
template <typename T>
double careful_row(const Mixture& m, const Rows& rows, std::size_t row, const Scratch<T>& s) {
  constexpr double infinity = std::numeric_limits<double>::infinity();
  bool finite = true;
  for (std::size_t j = 0; j < m.n_features; ++j) {
    s.row[j] = value_at(rows, row, j);
    finite = finite && std::isfinite(s.row[j]);
  }
  if (!finite) {
    std::fill_n(s.row_joint, m.n_components, std::numeric_limits<double>::quiet_NaN());
    return std::numeric_limits<double>::quiet_NaN();
  }
  std::size_t nearest = 0, likeliest = 0;
  for (std::size_t c = 0; c < m.n_components; ++c) {
    const double distance = careful_whiten(m, c, s.row, s.row_z);
    s.row_joint[c] = m.log_constants[c] - distance * distance / 2;
    s.row_distance[c] = m.log_constants[c] == -infinity ? infinity : distance;
    if (s.row_joint[c] > s.row_joint[likeliest]) likeliest = c;
    if (s.row_distance[c] < s.row_distance[nearest] ||
        (s.row_distance[c] == s.row_distance[nearest] && m.log_constants[c] > m.log_constants[nearest]))
      nearest = c;
  }
  const double largest = s.row_joint[likeliest];
  if (!(largest > -infinity)) {
    std::fill_n(s.row_joint, m.n_components, 0.0);
    s.row_joint[nearest] = 1.0;
    return -infinity;
  }
  double norm = 0.0;
  for (std::size_t c = 0; c < m.n_components; ++c) norm += s.row_joint[c] = std::exp(s.row_joint[c] - largest);
  for (std::size_t c = 0; c < m.n_components; ++c) s.row_joint[c] /= norm;
  return largest + std::log(norm);
}

// Adds a row to the sums. A row of weight zero adds nothing, whatever it holds.
template <typename T>
void careful_add(const Mixture& m, const Rows& rows, std::size_t row, double weight, const Scratch<T>& s, Sums& sums) {
  if (weight == 0.0) return;
  sums.log_likelihood += weight * careful_row(m, rows, row, s);
  const std::size_t d = m.n_features;
  for (std::size_t c = 0; c < m.n_components; ++c) {
    const double share = weight * s.row_joint[c];
    if (share == 0.0) continue;
    sums.mass[c] += share;
    careful_whiten(m, c, s.row, s.row_z);
    for (std::size_t i = 0; i < d; ++i) {
      const double t = share * s.row_z[i];
      sums.first[c * d + i] += t;
      if (m.form == Form::kSpherical) {
        sums.second[c] += t * s.row_z[i];
      } else if (m.form == Form::kDiagonal) {
        sums.second[c * d + i] += t * s.row_z[i];
      } else {
        double* second = sums.second + (m.form == Form::kFull ? c * d * d : 0) + i * d;
        for (std::size_t j = 0; j <= i; ++j) second[j] += t * s.row_z[j];
      }
    }
  }
}

}  // namespace gmix::GMIX_LEVEL
