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

constexpr double kCoarse = 1e-8;  // of a log-likelihood: gains below it are not seen coarsely

// Looks at the log-likelihoods reached so far, the newest last, of which those from `begin` on are
// comparable.
bool converged(const std::vector<double>& history, std::size_t begin, double tolerance) {
  if (history.size() < begin + 3) return false;
  const double* last = &history.back();
  const double gain = last[0] - last[-1], before = last[-1] - last[-2];
  const double ahead =
      gain < before ? gain * gain / (before - gain) : std::numeric_limits<double>::infinity();
  return std::max(gain, ahead) < tolerance;
}

}  // namespace

Ended climb(const Structure& structure, const Expect& expect, bool coarse, const double* floor,
            const Rule& rule, Parameters& mixture, Sums& sums, std::vector<double>& history) {
  if (!well_above_floor(mixture, floor)) return Ended::kNeedsCare;
  Parameters before = mixture;
  std::vector<double> sums_before;  // empty before the first step
  std::size_t comparable = 0;
  double moved = std::numeric_limits<double>::infinity();
  bool again = false;
  const auto refine = [&] {  // the last step is taken again in float64
    coarse = false;
    again = true;
    history.pop_back();
    comparable = history.size();
  };
  for (;;) {
    const bool finished = expect(mixture.view(), coarse, sums);
    const double last =
        history.empty() ? -std::numeric_limits<double>::infinity() : history.back();
    const double reached = sums.log_likelihood;
    const double slack = (coarse ? kCoarse : rule.fall) * std::abs(reached);
    const bool fell = !again && !(reached >= last - slack);
    if (finished && fell && coarse) {
      coarse = false;
      if (sums_before.empty()) continue;
      mixture = before;
      refine();
      continue;
    }
    if (!finished || fell) {
      if (!sums_before.empty()) {
        mixture = before;
        restore(sums_before, mixture.view(), sums);
      }
      return finished ? Ended::kStationary : Ended::kInterrupted;
    }
    if (again)  // what was coarse may have been too high by its own rounding
      for (double& value : history) value = std::min(value, reached);
    again = false;
    history.push_back(reached);
    const double gain = reached - last;
    const bool no_gain = gain <= (coarse ? kCoarse : rule.rounding) * std::abs(reached);
    const bool near = converged(history, comparable, rule.tolerance);
    const bool at_limit = history.size() > rule.max_steps;
    if (coarse && (no_gain || near || at_limit)) {
      refine();
      continue;
    }
    if (no_gain && moved < rule.rest) return Ended::kStationary;
    if (near) return Ended::kConverged;
    if (at_limit) return Ended::kLimit;
    before = mixture;
    sums_before = copy_of(sums, mixture.view());
    if (!maximize(structure, sums, floor, mixture, moved)) {
      if (!coarse) return Ended::kNeedsCare;
      refine();
    }
  }
}

}  // namespace gmix
