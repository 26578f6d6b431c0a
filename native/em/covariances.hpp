// What the covariances of a mixture have in common, for the compiled M-step: gmix.covariance in
// C++, begun from the covariances of the step before.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

namespace gmix {

// mclust's letters: volume, shape and orientation, each equal, variable or the identity's; and
// whether the weights are equal.
struct Structure {
  char volume, shape, orientation;
  bool equal_weights;

  // "VEI", or "EVEI" with equal weights.
  explicit Structure(const std::string& code);

  // One covariance for all components, whether or not its form writes it K times.
  bool shared() const { return volume == 'E' && shape != 'V' && orientation != 'V'; }
  // Covariances that are the scatter over its divisor: each component's own, or written once for all.
  bool direct() const;
};

// Eigenvalues of a symmetric matrix, rising, and the axes in its columns. The matrix is overwritten.
void eigen(double* m, std::size_t d, double* values, double* axes);

// Turns each component's own covariance, compact as gmix.covariance.form has it (scatter over
// mass), into the likeliest ones that the structure allows. Covariances of this structure near them
// come in `before`. False, with nothing of use, where float64 does not reach.
bool constrain(const Structure& structure, std::size_t k, std::size_t d, const std::vector<double>& mass,
               const std::vector<double>& before, std::vector<double>& own);

}  // namespace gmix
