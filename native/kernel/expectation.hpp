// From shares to sums: mass, first and second moments of the whitened residuals.
#pragma once

#include "kernel/density.hpp"

namespace gmix::GMIX_LEVEL {

// What has a share in a component.
struct Active {
  std::size_t groups, rows;
};

// Collects the groups of rows that have a share in component c: s.active, s.share. Adds its mass.
template <typename T>
Active find_active(const Scratch<T>& s, const T* joint, std::size_t groups, double& mass) {
  const T* const factor = s.norm;
  T* const shares = s.share;
  std::size_t* const active = s.active;
  std::size_t count = 0;
  Vector<T> total = {}, rows = {};
  for (std::size_t g = 0; g < groups; ++g) {
    const Vector<T> share = load(joint + g * kLanes<T>) * load(factor + g * kLanes<T>);
    total += share;
    store(shares + count * kLanes<T>, share);
    active[count] = g;
    count += !all_zero(share);
    rows += share > T(0) ? Vector<T>{} + T(1) : Vector<T>{};
  }
  mass += sum(total);
  return {count, static_cast<std::size_t>(sum(rows))};
}

// R diagonal moments from feature j on.
template <typename T, int R>
[[gnu::always_inline]] inline void diagonal_tile(const Scratch<T>& s, const T* x, const T* centre, const T* scale,
                                                 std::size_t j, std::size_t d, std::size_t count, double* first,
                                                 double* second, bool spherical) {
  Vector<T> firsts[R] = {}, seconds[R] = {};
  x += j * kLanes<T>;
  for (std::size_t a = 0; a < count; ++a) {
    const Vector<T> share = load(s.share + a * kLanes<T>);
    const T* from = x + s.active[a] * d * kLanes<T>;
#pragma GCC unroll 8
    for (int i = 0; i < R; ++i) {
      const Vector<T> z = (load(from + i * kLanes<T>) - broadcast(centre[j + i])) * scale[j + i];
      const Vector<T> t = share * z;
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

template <typename T>
void diagonal_moments(const Scratch<T>& s, const T* x, const T* centre, const T* scale, std::size_t d,
                      std::size_t count, double* first, double* second, bool spherical) {
  std::size_t j = 0;
  for (; j + 4 <= d; j += 4) diagonal_tile<T, 4>(s, x, centre, scale, j, d, count, first, second, spherical);
  if (j < d)
    with_count<3>(d - j, [&](auto left) {
      diagonal_tile<T, left()>(s, x, centre, scale, j, d, count, first, second, spherical);
    });
}

// The R x R triangle of second moments at the diagonal, and R first moments. Leaves t = share * z for the tiles below,
// if there are some.
template <typename T, int R, bool Leave>
[[gnu::always_inline]] inline void triangle_tile(const T* share, const T* z, T* t, std::size_t d, std::size_t groups,
                                                 double* first, double* second) {
  constexpr int lanes = kLanes<T>;
  Vector<T> firsts[R] = {}, seconds[R * (R + 1) / 2] = {};
  for (std::size_t g = 0; g < groups; ++g, z += d * lanes, t += kStrip * lanes) {
    const Vector<T> weight = load(share + g * lanes);
#pragma GCC unroll 8
    for (int a = 0; a < R; ++a) {
      const Vector<T> left = weight * load(z + a * lanes);
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

// R x C second moments below the diagonal.
template <typename T, int R, int C>
[[gnu::always_inline]] inline void square_tile(const T* z, const T* t, std::size_t d, std::size_t groups,
                                               double* second) {
  constexpr int lanes = kLanes<T>;
  Vector<T> sums[R * C] = {};
#pragma GCC unroll 8
  for (int a = 0; a < R; ++a) {  // of wide tables these are far away, and take as long to come as the sums
    __builtin_prefetch(second + a * d, 1);
    __builtin_prefetch(second + a * d + C - 1, 1);
  }
  for (std::size_t g = 0; g < groups; ++g, z += d * lanes, t += kStrip * lanes) {
    Vector<T> left[R];
#pragma GCC unroll 8
    for (int a = 0; a < R; ++a) left[a] = keep(load(z + a * lanes));
#pragma GCC unroll 8
    for (int b = 0; b < C; ++b) {
      const Vector<T> right = keep(load(t + b * lanes));
#pragma GCC unroll 8
      for (int a = 0; a < R; ++a) sums[a * C + b] += left[a] * right;
    }
  }
  add_sums<T, R, C>(sums, second, d);
}

// Adds sum share z to first and the lower triangle of sum share z z' to second, strip by strip of columns: triangles at
// the diagonal, and what is below them.
template <typename T>
void triangle_moments(const T* share, const T* z, T* t, std::size_t d, std::size_t groups, double* first,
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
        by(share, z + j * lanes, to, d, groups, first + j, second + j * d + j);
      });
      if (j + kSide < end) squares(j + kSide, end, j, to, Constant<kSide>(), Constant<kSide>());
    }
    if (end < d) squares(end, d, strip, t, Constant<kStrip>(), Constant<kRows>());
  }
}

// Gathers the active groups of z, less a centre if there is one.
template <typename T>
void gather_groups(const Scratch<T>& s, const T* z, const T* centre, std::size_t d, std::size_t count) {
  T* to = s.active_z;
  for (std::size_t a = 0; a < count; ++a) {
    const T* from = z + s.active[a] * d * kLanes<T>;
    for (std::size_t j = 0; j < d; ++j, from += kLanes<T>, to += kLanes<T>) {
      const Vector<T> here = load(from);
      store(to, centre == nullptr ? here : here - broadcast(centre[j]));
    }
  }
}

// Gathers the active rows of these groups, and their shares, in groups of their own; returns how many.
template <typename T>
std::size_t gather_rows(const Scratch<T>& s, const T* z, const T* centre, std::size_t d, std::size_t count) {
  constexpr std::size_t lanes = kLanes<T>;
  std::size_t rows = 0;
  const auto put = [&](T share, const T* from) {
    s.share[rows] = share;
    T* const to = s.active_z + rows / lanes * d * lanes + rows % lanes;
    for (std::size_t j = 0; j < d; ++j) to[j * lanes] = from[j * lanes] - (centre == nullptr ? T(0) : centre[j]);
    ++rows;
  };
  for (std::size_t i = 0; i < count * lanes; ++i)
    if (s.share[i] > T(0)) put(s.share[i], z + s.active[i / lanes] * d * lanes + i % lanes);
  while (rows % lanes != 0) put(T(0), z + s.active[0] * d * lanes);
  return rows / lanes;
}

// Adds the moments of the active rows. Where they are few among those of their groups, they are moved together, which
// costs as much as the moments of four vectors for each column.
template <typename T>
void active_moments(const Scratch<T>& s, const T* z, const T* centre, std::size_t d, std::size_t groups, Active active,
                    double* first, double* second) {
  constexpr std::size_t lanes = kLanes<T>;
  std::size_t count = active.groups;
  if (active.rows * (d + 4 * lanes) < count * lanes * d)
    count = gather_rows(s, z, centre, d, count);
  else if (count < groups || centre != nullptr)
    gather_groups(s, z, centre, d, count);
  else
    return triangle_moments(s.share, z, s.active_t, d, count, first, second);
  triangle_moments(s.share, s.active_z, s.active_t, d, count, first, second);
}

// The log-likelihood of a block. Turns norms into the factors that make shares of exponentials.
template <typename T>
double weigh(const Scratch<T>& s, std::size_t groups, bool weighted) {
  LogLikelihood<T, 1> log_likelihood;
  for (std::size_t at = 0; at < groups * kLanes<T>; at += kLanes<T>) {
    Vector<T> factor[1];
    log_likelihood.add({load(s.weight + at)}, {load(s.largest + at)}, {load(s.norm + at)}, weighted, factor);
    store(s.norm + at, factor[0]);
  }
  return log_likelihood.total();
}

// Adds a block, of which scratch holds the exponentials and norms, to the sums.
template <typename T>
void accumulate(const Mixture& mixture, const Plan<T>& plan, const Scratch<T>& s, std::size_t groups, bool weighted,
                Sums& sums) {
  const std::size_t k = mixture.n_components, d = mixture.n_features;
  sums.log_likelihood += weigh(s, groups, weighted);
  if (*plan.near) {
    if (mixture.form == Form::kTied) triangle_moments(s.weight, s.y, s.active_t, d, groups, s.row, sums.second);
    return linear_moments(mixture, plan, s, groups);
  }
  for (std::size_t c = 0; c < k; ++c) {
    const Active active = find_active(s, s.joint + c * plan.stride, groups, sums.mass[c]);
    if (active.groups == 0) continue;
    const T* mean = plan.means + c * d;
    double* first = sums.first + c * d;
    if (mixture.form == Form::kFull) {
      const T* const z = s.z + c * d * plan.block;
      active_moments<T>(s, z, nullptr, d, groups, active, first, sums.second + c * d * d);
    } else if (mixture.form == Form::kTied) {
      active_moments<T>(s, s.y, mean, d, groups, active, first, sums.second);
    } else {
      const bool spherical = mixture.form == Form::kSpherical;
      diagonal_moments(s, s.x, mean, plan.whitener + c * d, d, active.groups, first,
                       sums.second + (spherical ? c : c * d), spherical);
    }
  }
}

}  // namespace gmix::GMIX_LEVEL
