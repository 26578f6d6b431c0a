// The M-step of the covariances of each structure: gmix.model.covariance in C++.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "em/statistics.hpp"

namespace gmix {

// Which of volume, shape and orientation are equal (E), variable (V) or the identity's (I), in mclust's letters; and
// whether the weights are equal.
struct Structure {
  char volume, shape, orientation;
  bool equal_weights;

  // One covariance for all components, whether or not its form writes it K times.
  bool shared() const;
  // The form that its covariances have.
  Form form() const;
  // Covariances that are the scatter over its divisor: each component's own, or one for all.
  bool direct() const;
};

// The structure with a code such as "VEI", or "EVEI" with equal weights. Throws std::invalid_argument for a code that
// the compiled M-step does not know.
Structure structure_of(const std::string& code);

// Replaces each component's own covariance, compact as in gmix.model.covariance.form (scatter over divisor), by the
// most likely ones that the structure allows. `before` holds covariances of this structure near them, where iterations
// begin. False, with nothing of use, where numbers leave the range of float64.
bool constrain(const Structure& structure, std::size_t k, std::size_t d, const Numbers& mass, const Numbers& before,
               Numbers& own);

}  // namespace gmix
