#include "climb.hpp"

#include <cmath>
#include <limits>

namespace gmix {
namespace {

std::vector<double> copy_of(const Sums& sums, const Mixture& m) {
  std::vector<double> copy(sums.mass, sums.mass + m.n_components);
  copy.insert(copy.end(), sums.first, sums.first + m.n_components * m.n_features);
  copy.insert(copy.end(), sums.second, sums.second + second_size(m));
  copy.push_back(sums.log_likelihood);
  return copy;
}

void restore(const std::vector<double>& copy, const Mixture& m, Sums& sums) {
  const double* at = copy.data();
  std::copy_n(at, m.n_components, sums.mass);
  std::copy_n(at += m.n_components, m.n_components * m.n_features, sums.first);
  std::copy_n(at += m.n_components * m.n_features, second_size(m), sums.second);
  sums.log_likelihood = copy.back();
}

}  // namespace

Ended climb(const Expect& expect, const double* floor, const Rule& rule, Parameters& mixture,
            Sums& sums, std::vector<double>& history) {
  if (!well_above_floor(mixture, floor)) return Ended::kNeedsCare;
  Parameters before = mixture;
  std::vector<double> sums_before;
  double moved = std::numeric_limits<double>::infinity();
  for (bool first = true;; first = false) {
    const bool finished = expect(mixture.view(), sums);
    const double last = history.back(), reached = sums.log_likelihood;
    const bool fell = !(reached >= last - rule.fall * std::abs(reached));
    if (!finished || fell) {
      if (!first) {
        mixture = before;
        restore(sums_before, mixture.view(), sums);
      }
      return finished ? Ended::kStationary : Ended::kInterrupted;
    }
    history.push_back(reached);
    const double gain = reached - last;
    if (gain <= rule.rounding * std::abs(reached) && moved < rule.rest) return Ended::kStationary;
    double ahead = std::numeric_limits<double>::infinity();
    if (history.size() > 2) {
      const double gain_before = last - history[history.size() - 3];
      if (gain < gain_before) ahead = gain * gain / (gain_before - gain);
    }
    if (std::max(gain, ahead) < rule.tolerance) return Ended::kConverged;
    if (history.size() > rule.max_steps) return Ended::kLimit;
    before = mixture;
    sums_before = copy_of(sums, mixture.view());
    if (!maximize(sums, floor, mixture, moved)) return Ended::kNeedsCare;
  }
}

}  // namespace gmix
