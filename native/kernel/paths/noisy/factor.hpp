// The linear algebra of one component for rows with errors, one row in each SIMD lane.
//
// The covariance of a row is T = A A' + F F', where A is the Cholesky factor of the component and F that of the errors.
// Its factor C is found by reflections of (A' F')', never by adding up T: a sum of squares would lose twice as many
// digits where the columns of a component are nearly collinear, or where the errors of a row differ much in size.
#pragma once

#include "kernel/paths/noisy/log_of_product.hpp"

namespace gmix::GMIX_LEVEL::noisy {

using V = Vector<double>;

// A number of columns that is known when the program runs. Constant<D> is one that the compiler knows; loops over it
// are unrolled, and their arrays stay in registers.
struct Columns {
  int count;
  int operator()() const { return count; }
};

// Lower triangles are stored row after row, and those that are called Y column after column: the inner loops run along
// these.
constexpr int in_row(int row, int column) { return row * (row + 1) / 2 + column; }
constexpr int in_column(int d, int row, int column) { return column * d - column * (column + 1) / 2 + row; }

// Replaces a covariance of errors by its factor. It may be singular: its diagonal is first increased by as much as
// rounding the entries may have changed the matrix, which keeps the pivots above what rounding makes of them.
template <typename Size>
[[gnu::always_inline]] inline void factorize_errors(Size columns, V* e) {
  const int d = columns();
  const double rounding = d * 0x1p-52;
#pragma GCC unroll 8
  for (int j = 0; j < d; ++j) {
    const V variance = e[in_row(j, j)], increase = variance * rounding, least = 0.25 * increase;
    V pivot = variance + increase;
#pragma GCC unroll 8
    for (int i = 0; i < j; ++i) pivot -= e[in_row(j, i)] * e[in_row(j, i)];
    const V root = square_root(larger(least, pivot)), reciprocal = root > 0.0 ? 1.0 / root : V{};
    e[in_row(j, j)] = root;
#pragma GCC unroll 8
    for (int k = j + 1; k < d; ++k) {
      V value = e[in_row(k, j)];
#pragma GCC unroll 8
      for (int i = 0; i < j; ++i) value -= e[in_row(j, i)] * e[in_row(k, i)];
      e[in_row(k, j)] = value * reciprocal;
    }
  }
}

// Replaces the factor A of a component by C, the factor of A A' + F F', whose diagonal is replaced by its reciprocals.
// Multiplies `diagonal` by the diagonal. F is overwritten.
template <typename Size>
[[gnu::always_inline]] inline void add_errors(Size columns, V* c, V* f, LogOfProduct& diagonal) {
  const int d = columns();
#pragma GCC unroll 8
  for (int j = 0; j < d; ++j) {
    const V pivot = c[in_row(j, j)];
    V square = pivot * pivot;
#pragma GCC unroll 8
    for (int i = 0; i <= j; ++i) square += f[in_row(j, i)] * f[in_row(j, i)];
    const V over_root = reciprocal_root(square), root = square * over_root;
    const V over_sum = reciprocal(root + pivot);
    diagonal.multiply(root);
    c[in_row(j, j)] = over_root;
#pragma GCC unroll 8
    for (int k = j + 1; k < d; ++k) {
      const V before = c[in_row(k, j)];
      V after = pivot * before;
#pragma GCC unroll 8
      for (int i = 0; i <= j; ++i) after += f[in_row(j, i)] * f[in_row(k, i)];
      after *= over_root;
      c[in_row(k, j)] = after;
      const V step = (before + after) * over_sum;
#pragma GCC unroll 8
      for (int i = 0; i <= j; ++i) f[in_row(k, i)] -= f[in_row(j, i)] * step;
    }
  }
}

// Replaces v by C^-1 v; returns its squared length.
template <typename Size>
[[gnu::always_inline]] inline V solve(Size columns, const V* c, V* v) {
  const int d = columns();
  V squared = {};
#pragma GCC unroll 8
  for (int j = 0; j < d; ++j) {
    V value = v[j];
#pragma GCC unroll 8
    for (int i = 0; i < j; ++i) value -= c[in_row(j, i)] * v[i];
    value *= c[in_row(j, j)];
    v[j] = value;
    squared += value * value;
  }
  return squared;
}

// Replaces the factor A of a component by Y = C^-1 A. The conditional mean of the whitened true values is Y' v, and
// their conditional covariance I - Y' Y.
template <typename Size>
[[gnu::always_inline]] inline void whiten_factor(Size columns, const V* c, V* y) {
  const int d = columns();
#pragma GCC unroll 8
  for (int m = 0; m < d; ++m)
#pragma GCC unroll 8
    for (int j = m; j < d; ++j) {
      V value = y[in_column(d, j, m)];
#pragma GCC unroll 8
      for (int i = m; i < j; ++i) value -= c[in_row(j, i)] * y[in_column(d, i, m)];
      y[in_column(d, j, m)] = value * c[in_row(j, j)];
    }
}

// Sets z = Y' v.
template <typename Size>
[[gnu::always_inline]] inline void conditional_mean(Size columns, const V* y, const V* v, V* z) {
  const int d = columns();
#pragma GCC unroll 8
  for (int m = 0; m < d; ++m) {
    z[m] = y[in_column(d, m, m)] * v[m];
#pragma GCC unroll 8
    for (int j = m + 1; j < d; ++j) z[m] += y[in_column(d, j, m)] * v[j];
  }
}

// Entry (m, l) of I - Y' Y, with l no less than m.
template <typename Size>
[[gnu::always_inline]] inline V conditional_covariance(Size columns, const V* y, int m, int l) {
  const int d = columns();
  V value = broadcast(m == l ? 1.0 : 0.0);
#pragma GCC unroll 8
  for (int j = l; j < d; ++j) value -= y[in_column(d, j, m)] * y[in_column(d, j, l)];
  return value;
}

}  // namespace gmix::GMIX_LEVEL::noisy
