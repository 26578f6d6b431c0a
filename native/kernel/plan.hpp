// What all paths share in how they lay out a mixture: units, sizes of blocks, and packed components.
#pragma once

#include <algorithm>
#include <cmath>

#include "kernel/arena.hpp"
#include "kernel/kernel.hpp"
#include "kernel/simd.hpp"

namespace gmix::GMIX_LEVEL {

// Inside the kernel, log densities have base 2 and residuals are scaled so that their squares have the same unit:
// with z = kScale W (x - mu), log2 p_k(x) = log_constants[k] / log 2 - |z|^2.
inline constexpr double kLog2 = 0.6931471805599453;
inline constexpr double kScale = 0.8493218002880191;  // sqrt(1 / (2 log 2))

inline constexpr std::size_t kUnroll = 4;  // vectors of rows that small loops hold at once

// Blocks of rows are padded to multiples of this.
template <typename T>
inline constexpr std::size_t kStepRows = kUnroll * kLanes<T>;

// Rows stand in groups, one row per SIMD lane. Returns the groups that hold `count` rows, a multiple of kUnroll.
template <typename T>
std::size_t groups_of(std::size_t count) {
  return (count + kStepRows<T> - 1) / kStepRows<T> * kUnroll;
}

inline constexpr std::size_t kCacheBytes = std::size_t{256} << 10;  // of the L2 cache, for what a block leaves behind

// Rows of a block that leaves `numbers` per row behind. They should stay in the L2 cache, but with fewer than 16 groups
// the sums over lanes would take too much of the time.
template <typename T>
std::size_t block_rows(std::size_t numbers) {
  return std::clamp<std::size_t>(kCacheBytes / (numbers * sizeof(T)) / 64 * 64, 16 * kLanes<T>, 512);
}

// Distance between arrays of one number per row. It is no power of two, so that the arrays do not compete for the same
// cache sets.
template <typename T>
std::size_t row_stride(std::size_t block) {
  return block + kAlignment / sizeof(T);
}

// The diagonal of component c's whitener: the inverse standard deviation of column j given the columns before it.
inline double whitener_diagonal(const Mixture& m, std::size_t c, std::size_t j) {
  const std::size_t d = m.n_features;
  switch (m.form) {
    case Form::kFull:
      return m.whitener[(c * d + j) * d + j];
    case Form::kTied:
      return m.whitener[j * d + j];
    case Form::kDiagonal:
      return m.whitener[c * d + j];
    case Form::kSpherical:
      return m.whitener[c];
  }
  return 1.0;
}

inline double mean_of_means(const Mixture& m, std::size_t j) {
  double mean = 0.0;
  for (std::size_t c = 0; c < m.n_components; ++c)
    mean += m.means[c * m.n_features + j] / static_cast<double>(m.n_components);
  return mean;
}

// Sets the powers of two that bring each column to order one: its extent reaches from the origin to one standard
// deviation beyond each mean.
template <typename Number>
void set_scales(const Mixture& m, const Number* origin, Number* scale) {
  const auto scale_of = [](double extent) {
    return static_cast<Number>(std::exp2(-static_cast<double>(std::ilogb(extent))));
  };
  double widest = 0.0;
  for (std::size_t j = 0; j < m.n_features; ++j) {
    double extent = 0.0;
    for (std::size_t c = 0; c < m.n_components; ++c)
      extent = std::max(extent, std::fabs(m.means[c * m.n_features + j] - static_cast<double>(origin[j])) +
                                    1.0 / whitener_diagonal(m, c, j));
    widest = std::max(widest, extent);
    scale[j] = scale_of(extent);
  }
  if (m.form == Form::kSpherical) std::fill_n(scale, m.n_features, scale_of(widest));
}

}  // namespace gmix::GMIX_LEVEL
