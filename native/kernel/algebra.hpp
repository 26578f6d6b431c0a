// Dense algebra of one covariance: its Cholesky factor, the factor's inverse, and a congruence.
//
// Matrices are (D, D), row after row. All of it is products of rows with rows, a few at a time.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>

#include "kernel/simd.hpp"

namespace gmix::GMIX_LEVEL {

// Rows of the one matrix and of the other; where there are no divisions between, as many as registers allow.
inline constexpr int kTall = 2, kBroad = 4, kTallest = kRegisters / 8;

typedef double Products[kTallest][kBroad];

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

// The products of the first `count` numbers of m rows of one matrix with those of n rows of the
// other.
inline void multiply(const double* a, std::size_t m, const double* b, std::size_t n, std::size_t d, std::size_t count,
                     Products& products) {
  with_count<kTallest>(m, [&](auto tall) {
    with_count<kBroad>(n, [&](auto broad) { multiply_rows<tall(), broad()>(a, b, d, count, products); });
  });
}

// The lower factor takes the matrix's place; false if the matrix is not definite.
inline bool cholesky(double* a, std::size_t d) {
  Products products;
  for (std::size_t j = 0; j < d; j += kBroad) {
    const std::size_t n = std::min<std::size_t>(kBroad, d - j);
    for (std::size_t i = j; i < d; i += kTall) {
      const std::size_t m = std::min<std::size_t>(kTall, d - i);
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

inline void invert_lower(const double* factor, double* inverse, std::size_t d) {
  // Columns of the inverse lie in rows until the end.
  std::fill(inverse, inverse + d * d, 0.0);
  Products products;
  for (std::size_t i = 0; i < d; i += kTall) {
    const std::size_t m = std::min<std::size_t>(kTall, d - i);
    const double* rows = factor + i * d;
    for (std::size_t j = 0; j < i + m; j += kBroad) {
      const std::size_t n = std::min<std::size_t>(kBroad, i + m - j);
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

// scatter = L centred L' of a symmetric matrix; work is another (D, D).
inline void congruence(const double* factor, const double* centred, double* work, double* scatter, std::size_t d) {
  Products products;
  const auto product = [&](const double* a, const double* b, bool half, double* target) {
    for (std::size_t i = 0; i < d; i += kTallest) {
      const std::size_t m = std::min<std::size_t>(kTallest, d - i);
      const std::size_t columns = half ? i + m : d;
      for (std::size_t j = 0; j < columns; j += kBroad) {
        const std::size_t n = std::min<std::size_t>(kBroad, columns - j);
        multiply(a + i * d, m, b + j * d, n, d, half ? j + n : i + m, products);
        for (std::size_t r = 0; r < m; ++r)
          for (std::size_t c = 0; c < n; ++c) target[(i + r) * d + j + c] = products[r][c];
      }
    }
  };
  product(factor, centred, false, work);
  product(work, factor, true, scatter);
  for (std::size_t i = 0; i < d; ++i)
    for (std::size_t j = 0; j < i; ++j) scatter[j * d + i] = scatter[i * d + j];
}

}  // namespace gmix::GMIX_LEVEL
