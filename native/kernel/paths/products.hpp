// Full mixtures in the linear form of linear.hpp: the features are y and the products of two of its columns.
//
// y is whitened by the mean of the covariances. There every component's own W is seen as W L, L the factor of that
// mean, so that neither units nor what columns have in common lets large terms cancel.
#pragma once

#include <algorithm>
#include <cmath>

#include "kernel/algebra.hpp"
#include "kernel/plan.hpp"

namespace gmix::GMIX_LEVEL {

// The lower factor of the mean of all covariances, and its inverse; false if there is none.
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

// Sets the whitener of rows and, as seen in y, those of the components and their means; false if there is none.
template <typename T>
bool whiten_together(const Mixture& m, const Plan<T>& plan) {
  const std::size_t d = m.n_features;
  double *const factor = plan.square, *const inverse = factor + d * d;
  if (!factor_mean(m, factor, inverse)) return false;
  pack_triangle(inverse, d, plan.shared);
  for (std::size_t c = 0; c < m.n_components; ++c) {
    const double* const own = m.whitener + c * d * d;
    double *const whitener = plan.whiteners + c * d * d, *const centre = plan.centres + c * d;
    for (std::size_t i = 0; i < d; ++i) {
      centre[i] = 0.0;
      for (std::size_t j = 0; j <= i; ++j)
        centre[i] += kScale * inverse[i * d + j] * (m.means[c * d + j] - static_cast<double>(plan.origin[j]));
      for (std::size_t j = 0; j < d; ++j) {
        whitener[i * d + j] = 0.0;
        for (std::size_t l = j; l <= i; ++l) whitener[i * d + j] += own[i * d + l] * factor[l * d + j];
      }
    }
  }
  return true;
}

// The size of the terms that cancel in the density of rows about component c: |W L| times how far they lie from the
// origin, squared.
template <typename T>
double cancelled_products(const Mixture& m, const Plan<T>& plan, std::size_t c) {
  const std::size_t d = m.n_features;
  const double *const whitener = plan.whiteners + c * d * d, *const centre = plan.centres + c * d;
  double* const work = plan.square;
  invert_lower(whitener, work, d);
  double total = 0.0;
  for (std::size_t i = 0; i < d; ++i) {
    double* const far = work + i * d;
    double variance = 0.0, terms = 0.0;
    for (std::size_t j = 0; j <= i; ++j) variance += far[j] * far[j];
    far[i] = std::fabs(centre[i]) + std::sqrt(variance);
    for (std::size_t j = 0; j <= i; ++j) terms += std::fabs(whitener[i * d + j]) * work[j * d + j];
    total += terms * terms;
  }
  return total;
}

// The coefficients of component c, but for the constant; returns what the constant loses.
template <typename T, typename Coefficients>
double coefficients_of_products(const Mixture& m, const Plan<T>& plan, std::size_t c, const Coefficients& b) {
  const std::size_t d = m.n_features;
  const double *const whitener = plan.whiteners + c * d * d, *const centre = plan.centres + c * d;
  double* const whitened = plan.square;
  double lost = 0.0;
  for (std::size_t i = 0; i < d; ++i) {
    whitened[i] = 0.0;
    for (std::size_t j = 0; j <= i; ++j) whitened[i] += whitener[i * d + j] * centre[j];
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

// Fills the products of columns of the features y, of kStep rows.
template <typename T>
void expand_products(T* features, std::size_t stride, std::size_t d) {
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

// to = a b, where rows of b and of the product have length roomy(D). If Lower, columns of a beyond the row count as
// zero.
template <bool Lower>
void multiply_roomy(const double* a, const double* b, std::size_t d, double* to) {
  constexpr std::size_t lanes = kLanes<double>;
  const std::size_t width = roomy(d);
  for (std::size_t i = 0; i < d; ++i)
    for (std::size_t at = 0; at < width; at += lanes) {
      Vector<double> sum = {};
      for (std::size_t j = 0; j < (Lower ? i + 1 : d); ++j) sum += a[i * d + j] * load(b + j * width + at);
      store(to + i * width + at, sum);
    }
}

// Moves the totals of component c about the origin to moments of whitened residuals about its mean: with g = sum r y
// less mass m, sum r (y - m)(y - m)' is sum r y y' less g m' + m g' and mass m m'.
template <typename T, typename Totals>
void finish_products(const Mixture& m, const Plan<T>& plan, const Scratch<T>& s, std::size_t c, const Totals& from,
                     Sums& sums) {
  const std::size_t d = m.n_features, width = roomy(d);
  const double *const whitener = plan.whiteners + c * d * d, *const centre = plan.centres + c * d;
  double *const centred = s.square, *const turned = centred + d * d, *const half = turned + d * width;
  double *const along = s.row, *const first = sums.first + c * d, *const second = sums.second + c * d * d;
  const double mass = sums.mass[c] = from[0];
  std::fill_n(turned, d * width, 0.0);
  for (std::size_t i = 0, p = 1 + d; i < d; ++i) {
    along[i] = from[1 + i] - mass * centre[i];
    first[i] = 0.0;
    for (std::size_t j = 0; j <= i; ++j, ++p) {
      first[i] += whitener[i * d + j] * along[j];
      turned[j * width + i] = whitener[i * d + j];
      centred[i * d + j] = centred[j * d + i] =
          from[p] - along[i] * centre[j] - centre[i] * (along[j] + mass * centre[j]);
    }
  }
  multiply_roomy<false>(centred, turned, d, half);
  multiply_roomy<true>(whitener, half, d, turned);
  for (std::size_t i = 0; i < d; ++i) std::copy_n(turned + i * width, i + 1, second + i * d);
}

}  // namespace gmix::GMIX_LEVEL
