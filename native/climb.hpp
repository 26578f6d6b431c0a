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
  bool leaps;
};

// Sets the sums to those of all rows under a mixture, coarse ones where they will do; false if
// interrupted.
using Expect = std::function<bool(const Mixture&, bool coarse, Sums&)>;

// E-steps and M-steps in turn, and leaps, beginning and ending with an E-step. `history` holds the objectives reached
// before, and grows. `sums` is room for an E-step. Unless null, `unseen` is what a prior adds. On return mixture and
// statistics belong together, unless no E-step was finished: then the history has not grown, and there are no
// statistics. Where a component needs care, the plain M-step should go on from the statistics. A coarse climb takes
// coarse steps for as long as they gain, and then goes on in float64, which has the last word.
Ended climb(const Structure& structure, const Expect& expect, bool coarse, const Evidence* unseen, const double* floor,
            const Rule& rule, Parameters& mixture, Sums& sums, Statistics& statistics, std::vector<double>& history);

}  // namespace gmix
