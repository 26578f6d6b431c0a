// The sums of a chunk of rows: how they begin, in which units they end, and whether rows overflowed.
#pragma once

#include <algorithm>

#include "kernel/plan.hpp"

namespace gmix::GMIX_LEVEL {

inline bool all_finite(const double* values, std::size_t count) {
  constexpr std::size_t lanes = kLanes<double>;
  Vector<double> zeros = {};
  std::size_t i = 0;
  for (; i + lanes <= count; i += lanes) zeros += load(values + i) * 0.0;
  double zero = sum(zeros);
  for (; i < count; ++i) zero += values[i] * 0.0;
  return zero == 0.0;
}

inline bool all_finite(const Mixture& m, const WhitenedSums& sums) {
  return all_finite(&sums.log_likelihood, 1) && all_finite(sums.mass, m.n_components) &&
         all_finite(sums.first, m.n_components * m.n_features) && all_finite(sums.second, second_size(m)) &&
         (sums.joint == nullptr || all_finite(sums.joint, m.n_components));
}

inline void clear(const Mixture& m, WhitenedSums& sums) {
  std::fill_n(sums.mass, m.n_components, 0.0);
  if (m.family != Family::kGaussian) {
    std::fill_n(sums.counts, m.n_components, 0.0);
    std::fill_n(sums.log_factors, m.n_components, 0.0);
  }
  std::fill_n(sums.first, m.n_components * m.n_features, 0.0);
  std::fill_n(sums.second, second_size(m), 0.0);
  sums.log_likelihood = 0.0;
}

// Brings moments from units of kScale to those of the mixture's own whitener.
inline void rescale(const Mixture& m, WhitenedSums& sums) {
  for (std::size_t i = 0; i < m.n_components * m.n_features; ++i) sums.first[i] /= kScale;
  for (std::size_t i = 0; i < second_size(m); ++i) sums.second[i] /= kScale * kScale;
}

}  // namespace gmix::GMIX_LEVEL
