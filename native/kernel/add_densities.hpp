// The sum of two densities of each row, in logarithms: what a background adds to a mixture.
#pragma once

#include "kernel/elementary.hpp"

namespace gmix::GMIX_LEVEL {

// Replaces each log density by that of the sum with another one, and sets its share of the sum, which is one where the
// other is zero. The arrays have room for a multiple of kPointStep numbers, of which `count` matter.
inline void add_densities(const double* other, std::size_t count, double* log_density, double* share) {
  constexpr double kPerLog = 1.4426950408889634074;  // log2 e
  constexpr std::size_t lanes = kLanes<double>;
  for (std::size_t at = 0; at < count; at += lanes) {
    const Vector<double> own = load(log_density + at), added = load(other + at);
    const Vector<double> most = larger(added, own), least = own < added ? own : added;
    Vector<double> ratio[1] = {(least - most) * kPerLog};
    exp2_of_negative<double>(ratio);  // zero where both are minus infinity
    const Vector<double> inverse = 1.0 / (1.0 + ratio[0]);
    store(log_density + at, most + log_of_one_plus(ratio[0]));
    store(share + at, own < added ? ratio[0] * inverse : inverse);
  }
}

}  // namespace gmix::GMIX_LEVEL
