// From shares to sums: mass, first and second moments of the whitened residuals.
#pragma once

#include "density.hpp"

namespace gmix::GMIX_LEVEL {

// Collects the groups of lanes in which component c has a share: s.active, s.share. Adds its mass.
template <typename T>
std::size_t find_active(const Scratch<T>& s, std::size_t c, std::size_t padded, std::size_t stride,
                        double& mass) {
  std::size_t count = 0;
  Vector<T> total = {};
  for (std::size_t row = 0; row < padded; row += kLanes<T>) {
    const Vector<T> share = load(s.joint + c * stride + row) * load(s.norm + row);
    if (all_zero(share)) continue;
    total += share;
    store(s.share + count * kLanes<T>, share);
    s.active[count++] = row;
  }
  mass += sum(total);
  return count;
}

// R diagonal moments from feature j on.
template <typename T, std::size_t R>
inline void diagonal_tile(const Scratch<T>& s, const T* x, const Split<T>& centre, const T* scale,
                          std::size_t j, std::size_t count, std::size_t stride, double* first,
                          double* second, bool spherical) {
  Vector<T> firsts[R] = {}, seconds[R] = {};
  for (std::size_t a = 0; a < count; ++a) {
    const Vector<T> share = load(s.share + a * kLanes<T>);
#pragma GCC unroll 8
    for (std::size_t i = 0; i < R; ++i) {
      const Vector<T> z =
          residual(load(x + (j + i) * stride + s.active[a]), centre, j + i) * scale[j + i];
      const Vector<T> t = share * z;
      firsts[i] += t;
      seconds[i] += t * z;
    }
  }
#pragma GCC unroll 8
  for (std::size_t i = 0; i < R; ++i) {
    first[j + i] += sum(firsts[i]);
    second[spherical ? 0 : j + i] += sum(seconds[i]);
  }
}

template <typename T>
void diagonal_moments(const Scratch<T>& s, const T* x, const Split<T>& centre, const T* scale,
                      std::size_t d, std::size_t count, std::size_t stride, double* first,
                      double* second, bool spherical) {
  std::size_t j = 0;
  for (; j + 4 <= d; j += 4)
    diagonal_tile<T, 4>(s, x, centre, scale, j, count, stride, first, second, spherical);
  for (; j < d; ++j)
    diagonal_tile<T, 1>(s, x, centre, scale, j, count, stride, first, second, spherical);
}

// The R x R triangle of second moments at the diagonal and R first moments, from feature i on.
// Leaves share * z for the tiles beside it, if there are some.
template <typename T, int R, bool Leave>
inline void triangle_tile(const T* share, const T* z, T* t, std::size_t i, std::size_t d,
                          std::size_t rows, std::size_t stride, double* first, double* second) {
  Vector<T> firsts[R] = {}, seconds[R * (R + 1) / 2] = {};
  const T* from = z + i * stride;
  for (std::size_t row = 0; row < rows; row += kLanes<T>) {
    const Vector<T> weight = load(share + row);
#pragma GCC unroll 8
    for (int a = 0; a < R; ++a) {
      const Vector<T> left = weight * load(from + a * stride + row);
      if constexpr (Leave) store(t + a * stride + row, left);
      firsts[a] += left;
#pragma GCC unroll 8
      for (int b = 0; b <= a; ++b)
        seconds[a * (a + 1) / 2 + b] += left * load(from + b * stride + row);
    }
  }
#pragma GCC unroll 8
  for (int a = 0; a < R; ++a) {
    first[i + a] += sum(firsts[a]);
#pragma GCC unroll 8
    for (int b = 0; b <= a; ++b) second[(i + a) * d + i + b] += sum(seconds[a * (a + 1) / 2 + b]);
  }
}

// 4 x C second moments below the diagonal.
template <typename T, int C>
inline void square_tile(const T* z, const T* t, std::size_t i, std::size_t j, std::size_t d,
                        std::size_t rows, std::size_t stride, double* second) {
  Vector<T> sums[4][C] = {};
  const T* from = z + j * stride;
  for (std::size_t row = 0; row < rows; row += kLanes<T>) {
    Vector<T> right[C];
#pragma GCC unroll 8
    for (int b = 0; b < C; ++b) right[b] = load(from + b * stride + row);
#pragma GCC unroll 8
    for (int a = 0; a < 4; ++a) {
      const Vector<T> left = load(t + a * stride + row);
#pragma GCC unroll 8
      for (int b = 0; b < C; ++b) sums[a][b] += left * right[b];
    }
  }
#pragma GCC unroll 8
  for (int a = 0; a < 4; ++a)
#pragma GCC unroll 8
    for (int b = 0; b < C; ++b) second[(i + a) * d + j + b] += sum(sums[a][b]);
}

// Adds sum share z to first and the lower triangle of sum share z z' to second, in bands of four
// rows.
template <typename T>
void triangle_moments(const T* share, const T* z, T* t, std::size_t d, std::size_t rows,
                      std::size_t stride, double* first, double* second) {
  std::size_t i = (d - 1) % 4 + 1;
  const auto begin = [&](auto height) {
    triangle_tile<T, height(), false>(share, z, t, 0, d, rows, stride, first, second);
  };
  switch (i) {
    case 1:
      begin(Constant<1>());
      break;
    case 2:
      begin(Constant<2>());
      break;
    case 3:
      begin(Constant<3>());
      break;
    default:
      begin(Constant<4>());
      break;
  }
  for (; i < d; i += 4) {
    triangle_tile<T, 4, true>(share, z, t, i, d, rows, stride, first, second);
    std::size_t j = i % 2;
    if (j == 1) square_tile<T, 1>(z, t, i, 0, d, rows, stride, second);
    for (; j < i; j += 2) square_tile<T, 2>(z, t, i, j, d, rows, stride, second);
  }
}

// Gathers the active rows of z, less a centre if there is one.
template <typename T>
void gather_active(const Scratch<T>& s, const T* z, const Split<T>& centre, std::size_t d,
                   std::size_t count, std::size_t stride) {
  for (std::size_t j = 0; j < d; ++j)
    for (std::size_t a = 0; a < count; ++a) {
      Vector<T> here = load(z + j * stride + s.active[a]);
      if (centre.high != nullptr) here = residual(here, centre, j);
      store(s.active_z + j * stride + a * kLanes<T>, here);
    }
}

// Adds a block, of which scratch holds the exponentials and norms, to the sums.
template <typename T>
void accumulate(const Mixture& mixture, const Plan<T>& plan, const Scratch<T>& s,
                std::size_t padded, Sums& sums) {
  const std::size_t k = mixture.n_components, d = mixture.n_features, stride = plan.stride;
  Wide<T> log_likelihood = {};
  for (std::size_t row = 0; row < padded; row += kLanes<T>) {
    const Vector<T> weight = load(s.weight + row);
    log_likelihood += widen<T>(weight) * log_density(s, row);
    store(s.norm + row, weight / load(s.norm + row));
  }
  sums.log_likelihood += sum(log_likelihood);

  for (std::size_t c = 0; c < k; ++c) {
    const std::size_t count = find_active(s, c, padded, stride, sums.mass[c]);
    if (count == 0) continue;
    const Split<T> mean = at(plan.means, c * d);
    double* first = sums.first + c * d;
    if (mixture.form == Form::kFull) {
      const T* z = s.z + c * d * stride;
      const bool all = count * kLanes<T> == padded;
      if (!all) gather_active(s, z, Split<T>{}, d, count, stride);
      triangle_moments(s.share, all ? z : s.active_z, s.active_t, d, count * kLanes<T>, stride,
                       first, sums.second + c * d * d);
    } else if (mixture.form == Form::kTied) {
      gather_active(s, s.y, mean, d, count, stride);
      triangle_moments(s.share, s.active_z, s.active_t, d, count * kLanes<T>, stride, first,
                       sums.second);
    } else {
      const bool spherical = mixture.form == Form::kSpherical;
      diagonal_moments(s, s.x, mean, plan.whitener + c * d, d, count, stride, first,
                       sums.second + (spherical ? c : c * d), spherical);
    }
  }
}

}  // namespace gmix::GMIX_LEVEL
