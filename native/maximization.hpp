// The M-step for the structures whose covariances are read from the scatter by one division: full,
// tied, diagonal, spherical. The plain version is GaussianMixture.from_statistics; a test holds the
// two together.
#pragma once

#include <vector>

namespace gmix {

// A mixture as the climb carries it. Compact shapes by form as in gmix.covariance.form.
struct Mixture {
  int form;
  int components;
  int features;
  std::vector<double> weights;
  std::vector<double> log_constants;
  std::vector<double> means;
  std::vector<double> covariances;
  std::vector<double> factor;
  std::vector<double> whitener;
};

// Replaces the mixture by the likeliest one, given moments of whitened residuals about its means.
// Returns false, and changes nothing, where an empty or collapsing component needs the care of the
// plain version: where a variance, in units of `floor` (one per feature), is not well above one.
bool maximize(const double* mass, const double* first, const double* second, const double* floor,
              Mixture& mixture);

// Factors the covariances, inverts the factors and finds the constants. False if a covariance is
// not definite.
bool prepare(Mixture& mixture);

}  // namespace gmix
