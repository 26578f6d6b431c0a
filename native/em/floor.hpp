// The floor of covariances: the variances below which rows coincide in float64.
#pragma once

#include "em/model.hpp"

namespace gmix {

// Raises eigenvalues of compact covariances that are below the floor (D) to it, in units of the floor: the maximum of
// the likelihood under that constraint. Above one and a half floors a covariance is sound; below it has collapsed.
// kFailed where float64 does not reach, or where the eigenproblem is better left to LAPACK.
Outcome raise_to_floor(Form form, std::size_t d, const double* floor, Numbers& covariances);

}  // namespace gmix
