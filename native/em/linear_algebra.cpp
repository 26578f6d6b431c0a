#include "em/linear_algebra.hpp"

#include <algorithm>
#include <cmath>
#include <vector>

#include "kernel/kernel.hpp"

namespace gmix {

bool factor_covariance(const double* covariance, double* factor, double* deviation, std::size_t d) {
  for (std::size_t i = 0; i < d; ++i) {
    deviation[i] = std::sqrt(covariance[i * d + i]);
    if (!(deviation[i] > 0.0) || !std::isfinite(deviation[i])) return false;
  }
  for (std::size_t i = 0; i < d; ++i)
    for (std::size_t j = 0; j < d; ++j) factor[i * d + j] = covariance[i * d + j] / deviation[i] / deviation[j];
  if (!kernel().cholesky(factor, d)) return false;
  for (std::size_t i = 0; i < d; ++i)
    for (std::size_t j = 0; j <= i; ++j) factor[i * d + j] *= deviation[i];
  return true;
}

bool whitener_of(const double* matrix, std::size_t d, double* whitener, double& log_determinant) {
  std::vector<double> factor(d * d), deviation(d);
  if (!factor_covariance(matrix, factor.data(), deviation.data(), d)) return false;
  kernel().invert_lower(factor.data(), whitener, d);
  log_determinant = 0.0;
  for (std::size_t i = 0; i < d; ++i) log_determinant += 2.0 * std::log(factor[i * d + i]);
  return true;
}

void inverse_from_whitener(const double* whitener, std::size_t d, double* inverse) {
  for (std::size_t i = 0; i < d; ++i)
    for (std::size_t j = 0; j <= i; ++j) {
      double sum = 0.0;
      for (std::size_t p = i; p < d; ++p) sum += whitener[p * d + i] * whitener[p * d + j];
      inverse[i * d + j] = inverse[j * d + i] = sum;
    }
}

bool invert_definite(const double* matrix, double* inverse, std::size_t d) {
  std::vector<double> whitener(d * d);
  double ignored;
  if (!whitener_of(matrix, d, whitener.data(), ignored)) return false;
  inverse_from_whitener(whitener.data(), d, inverse);
  return true;
}

bool log_determinant_of(const double* matrix, std::size_t d, double& log_determinant) {
  std::vector<double> whitener(d * d);
  return whitener_of(matrix, d, whitener.data(), log_determinant);
}

void rotate_columns(double* matrix, std::size_t d, std::size_t p, std::size_t q, double cosine, double sine) {
  for (std::size_t i = 0; i < d; ++i) {
    const double a = matrix[i * d + p], b = matrix[i * d + q];
    matrix[i * d + p] = cosine * a + sine * b;
    matrix[i * d + q] = cosine * b - sine * a;
  }
}

void rotate_rows(double* matrix, std::size_t d, std::size_t p, std::size_t q, double cosine, double sine) {
  for (std::size_t j = 0; j < d; ++j) {
    const double a = matrix[p * d + j], b = matrix[q * d + j];
    matrix[p * d + j] = cosine * a + sine * b;
    matrix[q * d + j] = cosine * b - sine * a;
  }
}

void eigen(double* matrix, std::size_t d, double* values, double* vectors) {
  std::fill_n(vectors, d * d, 0.0);
  for (std::size_t i = 0; i < d; ++i) vectors[i * d + i] = 1.0;
  for (int sweep = 0; sweep < 60; ++sweep) {
    bool rotated = false;
    for (std::size_t p = 0; p < d; ++p)
      for (std::size_t q = p + 1; q < d; ++q) {
        const double across = matrix[p * d + q];
        if (!(std::abs(across) >
              1e-17 * std::sqrt(std::abs(matrix[p * d + p])) * std::sqrt(std::abs(matrix[q * d + q]))))
          continue;
        rotated = true;
        const double half = (matrix[p * d + p] - matrix[q * d + q]) / (2.0 * across);
        const double tangent = std::copysign(1.0, half) / (std::abs(half) + std::hypot(1.0, half));
        const double cosine = 1.0 / std::hypot(1.0, tangent), sine = tangent * cosine;
        rotate_columns(matrix, d, p, q, cosine, sine);
        rotate_rows(matrix, d, p, q, cosine, sine);
        rotate_columns(vectors, d, p, q, cosine, sine);
      }
    if (!rotated) break;
  }
  std::vector<std::size_t> order(d);
  for (std::size_t i = 0; i < d; ++i) order[i] = i;
  std::sort(order.begin(), order.end(),
            [&](std::size_t a, std::size_t b) { return matrix[a * d + a] < matrix[b * d + b]; });
  const std::vector<double> unordered(vectors, vectors + d * d);
  for (std::size_t j = 0; j < d; ++j) {
    values[j] = matrix[order[j] * d + order[j]];
    for (std::size_t i = 0; i < d; ++i) vectors[i * d + j] = unordered[i * d + order[j]];
  }
}

}  // namespace gmix
