// Full mixtures on the matrix products path: the features are the columns y and the products of two of them.
//
// Rows are whitened by the mean of the covariances, with Cholesky factor L, so that a component's W acts as W L. Then
// neither the units of the columns nor correlations that all components share make large terms cancel.
#pragma once

#include <algorithm>
#include <cmath>

#include "kernel/algebra.hpp"
#include "kernel/paths/matrix_products/plan.hpp"

namespace gmix::GMIX_LEVEL::matrix_products {

// Sets the lower Cholesky factor of the mean of all covariances, and its inverse; false if there is none.
inline bool factor_mean(const Mixture& m, double* factor, double* inverse) {
  const std::size_t d = m.n_features;
  const double share = 1.0 / static_cast<double>(m.n_components);
  double* const own = inverse;
  std::fill_n(factor, d * d, 0.0);
  for (std::size_t c = 0; c < m.n_components; ++c) {
    invert_lower(m.whitener + c * d * d, own, d);
    for (std::size_t i = 0; i < d; ++i)
      for (std::size_t j = 0; j <= i; ++j)
        for (std::size_t l = 0; l <= j; ++l) factor[i * d + j] += share * own[i * d + l] * own[j * d + l];
  }
  if (!cholesky(factor, d)) return false;
  invert_lower(factor, inverse, d);
  return true;
}

// Sets the whitener of rows and, in their whitened coordinates, the whiteners and means of the components; false if the
// mean covariance has no Cholesky factor.
template <typename T>
bool whiten_by_mean_covariance(const Mixture& m, const Plan<T>& plan) {
  const std::size_t d = m.n_features;
  double *const factor = plan.work, *const inverse = factor + d * d;
  if (!factor_mean(m, factor, inverse)) return false;
  pack_triangle(inverse, d, plan.whitener);
  for (std::size_t c = 0; c < m.n_components; ++c) {
    const double* const own = m.whitener + c * d * d;
    double *const whitener = plan.whiteners + c * d * d, *const center = plan.centers + c * d;
    for (std::size_t i = 0; i < d; ++i) {
      center[i] = 0.0;
      for (std::size_t j = 0; j <= i; ++j)
        center[i] += kScale * inverse[i * d + j] * (m.means[c * d + j] - static_cast<double>(plan.origin[j]));
      for (std::size_t j = 0; j < d; ++j) {
        whitener[i * d + j] = 0.0;
        for (std::size_t l = j; l <= i; ++l) whitener[i * d + j] += own[i * d + l] * factor[l * d + j];
      }
    }
  }
  return true;
}

// The squared size of the terms that cancel in the log density of rows about component c: |W L| times the distance of
// these rows from the origin, its mean and one standard deviation.
template <typename T>
double full_cancellation(const Mixture& m, const Plan<T>& plan, std::size_t c) {
  const std::size_t d = m.n_features;
  const double *const whitener = plan.whiteners + c * d * d, *const center = plan.centers + c * d;
  double* const work = plan.work;
  invert_lower(whitener, work, d);
  double total = 0.0;
  for (std::size_t i = 0; i < d; ++i) {
    double* const extent = work + i * d;
    double variance = 0.0, terms = 0.0;
    for (std::size_t j = 0; j <= i; ++j) variance += extent[j] * extent[j];
    extent[i] = std::fabs(center[i]) + std::sqrt(variance);
    for (std::size_t j = 0; j <= i; ++j) terms += std::fabs(whitener[i * d + j]) * work[j * d + j];
    total += terms * terms;
  }
  return total;
}

// Sets the coefficients of component c but for the constant; returns what must be subtracted from the constant.
template <typename T, typename Coefficients>
double set_full_coefficients(const Mixture& m, const Plan<T>& plan, std::size_t c, const Coefficients& b) {
  const std::size_t d = m.n_features;
  const double *const whitener = plan.whiteners + c * d * d, *const center = plan.centers + c * d;
  double* const whitened = plan.work;
  double lost = 0.0;
  for (std::size_t i = 0; i < d; ++i) {
    whitened[i] = 0.0;
    for (std::size_t j = 0; j <= i; ++j) whitened[i] += whitener[i * d + j] * center[j];
    lost += whitened[i] * whitened[i];
  }
  for (std::size_t i = 0, p = 1 + d; i < d; ++i) {
    double along = 0.0;
    for (std::size_t l = i; l < d; ++l) along += whitener[l * d + i] * whitened[l];
    b[1 + i] = static_cast<T>(2.0 * along);
    for (std::size_t j = 0; j <= i; ++j, ++p) {
      double precision = 0.0;
      for (std::size_t l = i; l < d; ++l) precision += whitener[l * d + i] * whitener[l * d + j];
      b[p] = static_cast<T>(i == j ? -precision : -2.0 * precision);
    }
  }
  return lost;
}

// Sets the products of two columns y of kStepRows rows.
template <typename T>
void set_products(T* features, std::size_t stride, std::size_t d) {
  constexpr std::size_t lanes = kLanes<T>;
  const T* const first = features + stride;
  T* product = features + (1 + d) * stride;
  for (std::size_t i = 0; i < d; ++i) {
    Vector<T> y[kUnroll];
#pragma GCC unroll 4
    for (std::size_t v = 0; v < kUnroll; ++v) y[v] = load(first + i * stride + v * lanes);
    for (std::size_t j = 0; j <= i; ++j, product += stride)
#pragma GCC unroll 4
      for (std::size_t v = 0; v < kUnroll; ++v) store(product + v * lanes, y[v] * load(first + j * stride + v * lanes));
  }
}

// to = a b, where rows of b and of the product have length padded_columns(D). If Lower, a is lower triangular.
template <bool Lower>
void multiply_padded(const double* a, const double* b, std::size_t d, double* to) {
  constexpr std::size_t lanes = kLanes<double>;
  const std::size_t width = padded_columns(d);
  for (std::size_t i = 0; i < d; ++i)
    for (std::size_t at = 0; at < width; at += lanes) {
      Vector<double> sum = {};
      for (std::size_t j = 0; j < (Lower ? i + 1 : d); ++j) sum += a[i * d + j] * load(b + j * width + at);
      store(to + i * width + at, sum);
    }
}

// Turns the totals of component c about the origin into moments of whitened residuals about its mean m: with
// g = sum r y - mass m, sum r (y - m)(y - m)' = sum r y y' - g m' - m g' - mass m m'.
template <typename T, typename Totals>
void finish_full(const Mixture& m, const Plan<T>& plan, const Scratch<T>& s, std::size_t c, const Totals& from,
                 WhitenedSums& sums) {
  const std::size_t d = m.n_features, width = padded_columns(d);
  const double *const whitener = plan.whiteners + c * d * d, *const center = plan.centers + c * d;
  double *const centerd = s.square, *const turned = centerd + d * d, *const half = turned + d * width;
  double *const along = s.row, *const first = sums.first + c * d, *const second = sums.second + c * d * d;
  const double mass = sums.mass[c] = from[0];
  std::fill_n(turned, d * width, 0.0);
  for (std::size_t i = 0, p = 1 + d; i < d; ++i) {
    along[i] = from[1 + i] - mass * center[i];
    first[i] = 0.0;
    for (std::size_t j = 0; j <= i; ++j, ++p) {
      first[i] += whitener[i * d + j] * along[j];
      turned[j * width + i] = whitener[i * d + j];
      centerd[i * d + j] = centerd[j * d + i] =
          from[p] - along[i] * center[j] - center[i] * (along[j] + mass * center[j]);
    }
  }
  multiply_padded<false>(centerd, turned, d, half);
  multiply_padded<true>(whitener, half, d, turned);
  for (std::size_t i = 0; i < d; ++i) std::copy_n(turned + i * width, i + 1, second + i * d);
}

}  // namespace gmix::GMIX_LEVEL::matrix_products
