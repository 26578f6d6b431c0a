// EM from one mixture, without a word of Python between the steps.
#pragma once

#include <functional>
#include <vector>

#include "maximization.hpp"

namespace gmix {

enum class Ended { kConverged, kStationary, kLimit, kInterrupted, kNeedsCare };

// The rule of gmix.em.Stop, on totals.
struct Rule {
  double tolerance;  // nats
  double rounding;   // of the log-likelihood: a gain below this is none
  double fall;       // of the log-likelihood: a fall above this is not rounding
  double rest;       // standard deviations: means that move less are at rest
  std::size_t max_steps;
};

// Sets the sums to those of all rows under a mixture, coarse ones where they will do; false if
// interrupted.
using Expect = std::function<bool(const Mixture&, bool coarse, Sums&)>;

// E-steps and M-steps in turn, beginning and ending with an E-step. `history` holds what was reached before, and
// grows. On return mixture and sums belong together, unless no E-step was finished: then
// the history has not grown. Where a component needs care, the sums are those that the plain M-step should read.
// A coarse climb takes coarse steps for as long as they gain, and then goes on in float64, which has the last word.
Ended climb(const Structure& structure, const Expect& expect, bool coarse, const double* floor,
            const Rule& rule, Parameters& mixture, Sums& sums, std::vector<double>& history);

}  // namespace gmix
