// Diagonal and spherical components, one after the other, as the paths read them that work on few components of a row.
#pragma once

#include <algorithm>

#include "kernel/plan.hpp"

namespace gmix::GMIX_LEVEL::neighbors {

// The logarithm to base 2 of the responsibility below which components need not be evaluated: ten thousand of them
// together are less than 1e-14 of the density of a row.
inline constexpr int kLeast = -60;

template <typename T>
struct Packed {
  std::size_t width;  // D rounded up to whole vectors
  T* components;      // (K, width / lanes, 2, lanes): mean and diagonal of W, in units of kScale, padded with zeros
  T* constants;       // (K)

  Packed(std::size_t n_components, std::size_t n_features, Arena& arena)
      : width((n_features + kLanes<T> - 1) / kLanes<T> * kLanes<T>),
        components(arena.take<T>(n_components * 2 * width)),
        constants(arena.take<T>(n_components)) {}

  const T* component(std::size_t c) const { return components + 2 * c * width; }
};

template <typename T>
void pack(const Mixture& m, const double* log_constants, const Packed<T>& packed) {
  constexpr std::size_t lanes = kLanes<T>;
  const std::size_t d = m.n_features;
  for (std::size_t c = 0; c < m.n_components; ++c) {
    T* const to = packed.components + 2 * c * packed.width;
    std::fill_n(to, 2 * packed.width, T(0));
    for (std::size_t j = 0; j < d; ++j) {
      const std::size_t at = j / lanes * 2 * lanes + j % lanes;
      to[at] = static_cast<T>(m.means[c * d + j]);
      to[at + lanes] = static_cast<T>(kScale * whitener_diagonal(m, c, j));
    }
    packed.constants[c] = static_cast<T>(log_constants[c]);
  }
}

}  // namespace gmix::GMIX_LEVEL::neighbors
