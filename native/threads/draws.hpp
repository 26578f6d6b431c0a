// Draws from the components of a mixture, on several threads.
#pragma once

#include <cstddef>
#include <functional>

#include "kernel/kernel.hpp"

namespace gmix {

// Sets `points` (N, D) to draws from the components that `label` (N) names. They depend on the position, the component
// and the seed alone. Returns false if interrupted() returned true.
bool draw(const Components& components, const double* label, std::size_t n, const Seed& seed, std::size_t threads,
          const std::function<bool()>& interrupted, double* points);

}  // namespace gmix
