// What a uniform background adds to the work on a chunk of rows. The kernel evaluates the components alone; a row then
// belongs to them with the probability s = p / (p + w u), for their density p and the background's w u. So the
// E-step with a background is that of the components, with the weights of the rows multiplied by s.
#pragma once

#include <cstddef>

#include "kernel/kernel.hpp"

namespace gmix {

// Adds the background to the log densities of rows [begin, end), and to their responsibilities (K) unless null.
void add_background(const Background& background, const Rows& rows, std::size_t begin, std::size_t end,
                    std::size_t n_components, double* log_density, double* responsibilities);

struct BackgroundSums {
  double log_likelihood = 0.0;  // of all rows, with the background
  double log_density = 0.0;     // of the background alone, weighted by its responsibilities
};

// Replaces the log densities of rows [begin, end) under the components by the weights that are left to these.
// `weight` is null or one number per row of the table.
BackgroundSums leave_to_components(const Background& background, const Rows& rows, std::size_t begin, std::size_t end,
                                   const double* weight, double* log_density);

}  // namespace gmix
