// First and second moments of whitened residuals, weighted by responsibilities.
#pragma once

#include "kernel/log_sum_exp.hpp"

namespace gmix::GMIX_LEVEL {

// Second moments are added up in strips of columns, as many as stay in registers beside kRows rows; at the diagonal, in
// triangles of side kSide.
inline constexpr std::size_t kStrip = kRegisters / 4, kRows = 3, kSide = 4;

// Working memory for one component: its active groups, those with a row of positive responsibility.
template <typename T>
struct ActiveRows {
  T* responsibility;    // (groups): weighted, of the active groups side by side
  std::size_t* active;  // (groups): which groups these are
  T* z;                 // (D, groups): their residuals, where they are moved together
  T* weighted_z;        // (kStrip, groups): responsibility * z of a strip of columns

  ActiveRows(std::size_t d, std::size_t rows, Arena& arena)
      : responsibility(arena.take<T>(rows)),
        active(arena.take<std::size_t>(rows / kLanes<T>)),
        z(arena.take<T>(d * rows)),
        weighted_z(arena.take<T>(kStrip * rows)) {}
};

struct ActiveCount {
  std::size_t groups, rows;
};

// Collects the active groups of a component from its exponentials and the factors that make responsibilities of them,
// and adds the sum of responsibilities to mass. With share factors, responsibilities are multiplied by these, and the
// sum without them is added to count_of_rows, and the sum of responsibilities times logarithms of factors to
// log_factors.
template <bool HasFactors, typename T>
ActiveCount find_active(const ActiveRows<T>& s, const T* joint, const T* factor, const T* share_factor,
                        std::size_t groups, double& mass, double* count_of_rows, double* log_factors) {
  T* const responsibilities = s.responsibility;
  std::size_t* const active = s.active;
  std::size_t count = 0;
  Vector<T> total = {}, rows = {}, plain = {}, logarithms = {};
  for (std::size_t g = 0; g < groups; ++g) {
    Vector<T> r = load(joint + g * kLanes<T>) * load(factor + g * kLanes<T>);
    if constexpr (HasFactors) {
      const Vector<T> u = load(share_factor + g * kLanes<T>);
      plain += r;
      logarithms += r * log_of_normal(u);
      r *= u;
    }
    total += r;
    store(responsibilities + count * kLanes<T>, r);
    active[count] = g;
    count += !all_zero(r);
    rows += r > T(0) ? Vector<T>{} + T(1) : Vector<T>{};
  }
  mass += sum(total);
  if constexpr (HasFactors) *count_of_rows += sum(plain), *log_factors += sum(logarithms);
  return {count, static_cast<std::size_t>(sum(rows))};
}

// Adds the moments of R columns from column j on.
template <typename T, int R>
[[gnu::always_inline]] inline void diagonal_tile(const ActiveRows<T>& s, const T* x, const T* mean, const T* scale,
                                                 std::size_t j, std::size_t d, std::size_t count, double* first,
                                                 double* second, bool spherical) {
  Vector<T> firsts[R] = {}, seconds[R] = {};
  x += j * kLanes<T>;
  for (std::size_t a = 0; a < count; ++a) {
    const Vector<T> r = load(s.responsibility + a * kLanes<T>);
    const T* from = x + s.active[a] * d * kLanes<T>;
#pragma GCC unroll 8
    for (int i = 0; i < R; ++i) {
      const Vector<T> z = (load(from + i * kLanes<T>) - broadcast(mean[j + i])) * scale[j + i];
      const Vector<T> t = r * z;
      firsts[i] += t;
      seconds[i] += t * z;
    }
  }
  double* to_first[R];
  double* to_second[R];
#pragma GCC unroll 8
  for (int i = 0; i < R; ++i) {
    to_first[i] = first + j + i;
    to_second[i] = spherical ? second : second + j + i;
  }
  add_sums<T>(firsts, to_first);
  add_sums<T>(seconds, to_second);
}

// Adds the moments of `count` active groups of rows x, whose residuals are (x_j - mean_j) scale_j.
template <typename T>
void diagonal_moments(const ActiveRows<T>& s, const T* x, const T* mean, const T* scale, std::size_t d,
                      std::size_t count, double* first, double* second, bool spherical) {
  std::size_t j = 0;
  for (; j + 4 <= d; j += 4) diagonal_tile<T, 4>(s, x, mean, scale, j, d, count, first, second, spherical);
  if (j < d)
    with_count<3>(d - j, [&](auto columns) {
      diagonal_tile<T, columns()>(s, x, mean, scale, j, d, count, first, second, spherical);
    });
}

// Adds the R x R triangle of second moments at the diagonal, and R first moments. If Leave, stores t = r z for the
// tiles below.
template <typename T, int R, bool Leave>
[[gnu::always_inline]] inline void triangle_tile(const T* responsibility, const T* z, T* t, std::size_t d,
                                                 std::size_t groups, double* first, double* second) {
  constexpr int lanes = kLanes<T>;
  Vector<T> firsts[R] = {}, seconds[R * (R + 1) / 2] = {};
  for (std::size_t g = 0; g < groups; ++g, z += d * lanes, t += kStrip * lanes) {
    const Vector<T> r = load(responsibility + g * lanes);
#pragma GCC unroll 8
    for (int a = 0; a < R; ++a) {
      const Vector<T> left = r * load(z + a * lanes);
      if constexpr (Leave) store(t + a * lanes, left);
      firsts[a] += left;
#pragma GCC unroll 8
      for (int b = 0; b <= a; ++b) seconds[a * (a + 1) / 2 + b] += left * load(z + b * lanes);
    }
  }
  add_sums<T, 1, R>(firsts, first, 0);
  double* to[R * (R + 1) / 2];
#pragma GCC unroll 8
  for (int a = 0; a < R; ++a)
#pragma GCC unroll 8
    for (int b = 0; b <= a; ++b) to[a * (a + 1) / 2 + b] = second + a * d + b;
  add_sums<T>(seconds, to);
}

// Adds R x C second moments below the diagonal.
template <typename T, int R, int C>
[[gnu::always_inline]] inline void square_tile(const T* z, const T* t, std::size_t d, std::size_t groups,
                                               double* second) {
  constexpr int lanes = kLanes<T>;
  Vector<T> sums[R * C] = {};
#pragma GCC unroll 8
  for (int a = 0; a < R; ++a) {  // with many columns these lie outside the L1 cache, and reading them takes as long
    __builtin_prefetch(second + a * d, 1);
    __builtin_prefetch(second + a * d + C - 1, 1);
  }
  for (std::size_t g = 0; g < groups; ++g, z += d * lanes, t += kStrip * lanes) {
    Vector<T> left[R];
#pragma GCC unroll 8
    for (int a = 0; a < R; ++a) left[a] = keep_in_register(load(z + a * lanes));
#pragma GCC unroll 8
    for (int b = 0; b < C; ++b) {
      const Vector<T> right = keep_in_register(load(t + b * lanes));
#pragma GCC unroll 8
      for (int a = 0; a < R; ++a) sums[a * C + b] += left[a] * right;
    }
  }
  add_sums<T, R, C>(sums, second, d);
}

// Adds sum r z to first and the lower triangle of sum r z z' to second, strip by strip of columns: the triangles at the
// diagonal, and the squares below them. `t` has room for (kStrip, groups).
template <typename T>
void triangle_moments(const T* responsibility, const T* z, T* t, std::size_t d, std::size_t groups, double* first,
                      double* second) {
  constexpr std::size_t lanes = kLanes<T>;
  const auto squares = [&](std::size_t i, std::size_t end, std::size_t j, const T* strip, auto columns, auto most) {
    for (; i < end; i += most())
      with_count<most()>(std::min<std::size_t>(most(), end - i), [&](auto rows) {
        square_tile<T, rows(), columns()>(z + i * lanes, strip, d, groups, second + i * d + j);
      });
  };
  for (std::size_t strip = 0; strip < d; strip += kStrip) {
    const std::size_t end = std::min(strip + kStrip, d);
    for (std::size_t j = strip; j < end; j += kSide) {
      T* const to = t + (j - strip) * lanes;
      with_count<kSide>(std::min(kSide, d - j), [&](auto side) {
        const auto by = j + kSide < d ? triangle_tile<T, side(), true> : triangle_tile<T, side(), false>;
        by(responsibility, z + j * lanes, to, d, groups, first + j, second + j * d + j);
      });
      if (j + kSide < end) squares(j + kSide, end, j, to, Constant<kSide>(), Constant<kSide>());
    }
    if (end < d) squares(end, d, strip, t, Constant<kStrip>(), Constant<kRows>());
  }
}

// Copies the active groups of z side by side, less a mean unless it is null.
template <typename T>
void gather_groups(const ActiveRows<T>& s, const T* z, const T* mean, std::size_t d, std::size_t count) {
  T* to = s.z;
  for (std::size_t a = 0; a < count; ++a) {
    const T* from = z + s.active[a] * d * kLanes<T>;
    for (std::size_t j = 0; j < d; ++j, from += kLanes<T>, to += kLanes<T>) {
      const Vector<T> value = load(from);
      store(to, mean == nullptr ? value : value - broadcast(mean[j]));
    }
  }
}

// Copies the rows of positive responsibility, and their responsibilities, into groups of their own; returns how many
// groups.
template <typename T>
std::size_t gather_rows(const ActiveRows<T>& s, const T* z, const T* mean, std::size_t d, std::size_t count) {
  constexpr std::size_t lanes = kLanes<T>;
  std::size_t rows = 0;
  const auto put = [&](T responsibility, const T* from) {
    s.responsibility[rows] = responsibility;
    T* const to = s.z + rows / lanes * d * lanes + rows % lanes;
    for (std::size_t j = 0; j < d; ++j) to[j * lanes] = from[j * lanes] - (mean == nullptr ? T(0) : mean[j]);
    ++rows;
  };
  for (std::size_t i = 0; i < count * lanes; ++i)
    if (s.responsibility[i] > T(0)) put(s.responsibility[i], z + s.active[i / lanes] * d * lanes + i % lanes);
  while (rows % lanes != 0) put(T(0), z + s.active[0] * d * lanes);
  return rows / lanes;
}

// Adds the moments of the active rows. Where these are few among the rows of their groups, they are copied side by
// side; per row that costs as much as the second moments of four vectors per column.
template <typename T>
void active_moments(const ActiveRows<T>& s, const T* z, const T* mean, std::size_t d, std::size_t groups,
                    ActiveCount active, double* first, double* second) {
  constexpr std::size_t lanes = kLanes<T>;
  std::size_t count = active.groups;
  if (active.rows * (d + 4 * lanes) < count * lanes * d)
    count = gather_rows(s, z, mean, d, count);
  else if (count < groups || mean != nullptr)
    gather_groups(s, z, mean, d, count);
  else
    return triangle_moments(s.responsibility, z, s.weighted_z, d, count, first, second);
  triangle_moments(s.responsibility, s.z, s.weighted_z, d, count, first, second);
}

}  // namespace gmix::GMIX_LEVEL
