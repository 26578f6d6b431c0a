// Dense linear algebra of one covariance: its Cholesky factor, the inverse of the factor, and congruences.
//
// Matrices are (D, D) in row-major order. All three algorithms consist of dot products of rows, a few rows at a time.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>

#include "kernel/simd.hpp"

namespace gmix::GMIX_LEVEL {

// Rows of the left and of the right matrix that are multiplied at once. Divisions between the products allow only a few
// rows of the left one, a congruence as many as fit into registers.
inline constexpr int kLeft = 2, kRight = 4, kMostLeft = kRegisters / 8;

typedef double Products[kMostLeft][kRight];

template <int M, int N>
inline void multiply_rows(const double* a, const double* b, std::size_t d, std::size_t count, Products& products) {
  constexpr std::size_t lanes = kLanes<double>;
  Vector<double> sums[M * N] = {};
  std::size_t p = 0;
  for (; p + lanes <= count; p += lanes) {
    Vector<double> row[N];
#pragma GCC unroll 4
    for (int j = 0; j < N; ++j) row[j] = load(b + j * d + p);
#pragma GCC unroll 4
    for (int i = 0; i < M; ++i) {
      const Vector<double> factor = load(a + i * d + p);
#pragma GCC unroll 4
      for (int j = 0; j < N; ++j) sums[i * N + j] += factor * row[j];
    }
  }
  double totals[M * N] = {};
  if (p > 0) sum_lanes<double>(sums, totals);
  for (int i = 0; i < M; ++i)
    for (int j = 0; j < N; ++j) products[i][j] = totals[i * N + j];
  for (; p < count; ++p)
    for (int i = 0; i < M; ++i)
      for (int j = 0; j < N; ++j) products[i][j] += a[i * d + p] * b[j * d + p];
}

// Sets the dot products of the first `count` numbers of m rows of a with those of n rows of b.
inline void multiply(const double* a, std::size_t m, const double* b, std::size_t n, std::size_t d, std::size_t count,
                     Products& products) {
  with_count<kMostLeft>(m, [&](auto left) {
    with_count<kRight>(n, [&](auto right) { multiply_rows<left(), right()>(a, b, d, count, products); });
  });
}

// Replaces a symmetric matrix by its lower Cholesky factor; false if it is not positive definite.
inline bool cholesky(double* a, std::size_t d) {
  Products products;
  for (std::size_t j = 0; j < d; j += kRight) {
    const std::size_t n = std::min<std::size_t>(kRight, d - j);
    for (std::size_t i = j; i < d; i += kLeft) {
      const std::size_t m = std::min<std::size_t>(kLeft, d - i);
      multiply(a + i * d, m, a + j * d, n, d, j, products);
      for (std::size_t r = 0; r < m; ++r) {
        double* row = a + (i + r) * d + j;
        for (std::size_t c = 0; c < n && j + c <= i + r; ++c) {
          const double* above = a + (j + c) * d + j;
          double value = row[c] - products[r][c];
          for (std::size_t q = 0; q < c; ++q) value -= row[q] * above[q];
          if (j + c < i + r) {
            row[c] = value / above[c];
          } else {
            if (!(value > 0.0) || !std::isfinite(value)) return false;
            row[c] = std::sqrt(value);
          }
        }
      }
    }
  }
  for (std::size_t i = 0; i < d; ++i) std::fill(a + i * d + i + 1, a + (i + 1) * d, 0.0);
  return true;
}

// Sets the inverse of a lower triangular factor.
inline void invert_lower(const double* factor, double* inverse, std::size_t d) {
  // Columns of the inverse are stored as rows until the end.
  std::fill(inverse, inverse + d * d, 0.0);
  Products products;
  for (std::size_t i = 0; i < d; i += kLeft) {
    const std::size_t m = std::min<std::size_t>(kLeft, d - i);
    const double* rows = factor + i * d;
    for (std::size_t j = 0; j < i + m; j += kRight) {
      const std::size_t n = std::min<std::size_t>(kRight, i + m - j);
      multiply(rows + j, m, inverse + j * d + j, n, d, i > j ? i - j : 0, products);
      for (std::size_t c = 0; c < n; ++c) {
        double* column = inverse + (j + c) * d + i;
        for (std::size_t r = 0; r < m; ++r) {
          double value = (i + r == j + c ? 1.0 : 0.0) - products[r][c];
          for (std::size_t q = 0; q < r; ++q) value -= rows[r * d + i + q] * column[q];
          column[r] = value / rows[r * d + i + r];
        }
      }
    }
  }
  for (std::size_t i = 0; i < d; ++i)
    for (std::size_t j = 0; j < i; ++j) std::swap(inverse[i * d + j], inverse[j * d + i]);
}

// Sets scatter = L centered L' for a symmetric matrix; work is another (D, D).
inline void congruence(const double* factor, const double* centered, double* work, double* scatter, std::size_t d) {
  Products products;
  const auto product = [&](const double* a, const double* b, bool half, double* target) {
    for (std::size_t i = 0; i < d; i += kMostLeft) {
      const std::size_t m = std::min<std::size_t>(kMostLeft, d - i);
      const std::size_t columns = half ? i + m : d;
      for (std::size_t j = 0; j < columns; j += kRight) {
        const std::size_t n = std::min<std::size_t>(kRight, columns - j);
        multiply(a + i * d, m, b + j * d, n, d, half ? j + n : i + m, products);
        for (std::size_t r = 0; r < m; ++r)
          for (std::size_t c = 0; c < n; ++c) target[(i + r) * d + j + c] = products[r][c];
      }
    }
  };
  product(factor, centered, false, work);
  product(work, factor, true, scatter);
  for (std::size_t i = 0; i < d; ++i)
    for (std::size_t j = 0; j < i; ++j) scatter[j * d + i] = scatter[i * d + j];
}

}  // namespace gmix::GMIX_LEVEL
