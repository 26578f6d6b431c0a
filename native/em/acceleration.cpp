#include "em/acceleration.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>

#include "em/coordinates.hpp"

namespace gmix {
namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();
constexpr std::size_t kVisits = 6;  // models that are kept; one more than the differences between them
constexpr std::size_t kSteps = 3;   // plain steps before the first extrapolation
constexpr std::size_t kAgree = 3;   // estimates of which the largest counts after an extrapolation
constexpr double kSlow = 0.25;      // rate of gains above which an extrapolation is worth trying

// Eight partial sums, because an addition to one sum waits for the previous addition.
double product(const Numbers& a, const Numbers& b) {
  constexpr std::size_t kSums = 8;
  double sums[kSums] = {};
  std::size_t i = 0;
  for (; i + kSums <= a.size(); i += kSums)
    for (std::size_t j = 0; j < kSums; ++j) sums[j] += a[i + j] * b[i + j];
  for (; i < a.size(); ++i) sums[0] += a[i] * b[i];
  return ((sums[0] + sums[4]) + (sums[1] + sums[5])) + ((sums[2] + sums[6]) + (sums[3] + sums[7]));
}

void add_multiple(double factor, const Numbers& addend, Numbers& sum) {
  for (std::size_t i = 0; i < sum.size(); ++i) sum[i] += factor * addend[i];
}

}  // namespace

double Acceleration::step(const Statistics* from, const Statistics& found, const Components& components, double gain,
                          double rounding) {
  const bool extrapolated = std::exchange(last_extrapolated_, false);
  gains_.push_back(gain);
  weights_.clear();
  if (from == nullptr) return series(rounding);
  if (visits_.size() < kVisits)
    visits_.emplace_back();
  else
    std::rotate(visits_.begin(), visits_.begin() + 1, visits_.end());
  visits_.back().from = *from;
  visits_.back().found = found;
  visits_.back().fell.clear();
  const std::size_t n = gains_.size();
  const bool slow = n >= kSteps && gain > kSlow * gains_[n - 2];
  const bool planned = visits_.size() > 1 && (slow || has_extrapolated_);
  const double expected_gain = planned ? plan(components) : kInfinity;
  if (!slow && !extrapolated) weights_.clear();
  if (!has_extrapolated_) return series(rounding);
  if (gain <= rounding && n > 1 && gains_[n - 2] <= rounding) return 0.0;
  estimates_.push_back(std::max(expected_gain, 2.0 * gain));
  if (estimates_.size() < kAgree) return kInfinity;
  return *std::max_element(estimates_.end() - kAgree, estimates_.end());
}

bool Acceleration::extrapolate(Statistics& there) const {
  std::vector<const Statistics*> parts;
  for (const Visit& visit : visits_) {
    parts.push_back(&visit.from);
    parts.push_back(&visit.found);
  }
  return combine(parts, weights_, there);
}

void Acceleration::accepted() {
  if (limited_) furthest_ *= 2.0;
  has_extrapolated_ = last_extrapolated_ = true;
}

void Acceleration::rejected() {
  furthest_ = std::max(furthest_ / 2.0, 1.0);
  visits_.erase(visits_.begin(), visits_.end() - 1);
  gains_.erase(gains_.begin(), gains_.end() - 1);
  weights_.clear();
}

void Acceleration::restart() {
  visits_.clear();
  gains_.clear();
  estimates_.clear();
  weights_.clear();
  has_extrapolated_ = last_extrapolated_ = false;
}

// The sum of the remaining gains if they keep shrinking at the same rate.
double Acceleration::series(double rounding) const {
  if (gains_.size() < 2) return kInfinity;
  const double gain = gains_.back(), before = *(gains_.end() - 2);
  if (std::max(gain, before) <= rounding) return 0.0;
  const double rate = before > 0.0 ? std::min(gain / before, 1.0) : 1.0;
  return rate < 1.0 ? std::max(gain, gain * rate / (1.0 - rate)) : kInfinity;
}

// Computes the curvature along each step between two visits, unless it is known already.
void Acceleration::measure(const Components& components, const Numbers& residual) {
  const Numbers& counts = visits_.back().found.counts;
  Numbers next = residual;
  for (std::size_t i = visits_.size() - 1; i-- > 0 && visits_[i].fell.empty();) {
    Visit& visit = visits_[i];
    visit.moved = coordinates(visit.from, visits_[i + 1].from, components, counts);
    const Numbers own = coordinates(visit.from, visit.found, components, counts);
    visit.fell = own;
    add_multiple(-1.0, next, visit.fell);
    next = own;
    visit.squared = product(visit.moved, visit.moved);
    visit.curvature = product(visit.moved, visit.fell) / visit.squared;
  }
}

// Plans the extrapolation from the last model, and returns the gain that the curvature predicts; infinity where the
// curvature is not known.
double Acceleration::plan(const Components& components) {
  const Visit& last = visits_.back();
  const Numbers residual = coordinates(last.from, last.found, components, last.found.counts);
  measure(components, residual);
  const std::size_t m = visits_.size() - 1;
  const double least = 1.0 / (1.0 + furthest_);
  limited_ = false;
  Numbers direction = residual;
  const double plain = product(direction, direction);
  Numbers along(m), less(m);  // multiples of `moved` added to the direction, and of `fell` subtracted from it
  const auto lift = [&](std::size_t i) { return std::max(least - visits_[i].curvature, 0.0); };
  const auto sharp = [&](std::size_t i) { return std::max(visits_[i].curvature, least) * visits_[i].squared; };
  for (std::size_t i = m; i-- > 0;) {
    const Visit& visit = visits_[i];
    if (!(visit.squared > 0.0)) continue;
    limited_ = limited_ || lift(i) > 0.0;
    less[i] = product(visit.moved, direction) / sharp(i);
    add_multiple(-less[i], visit.fell, direction);
    add_multiple(-less[i] * lift(i), visit.moved, direction);
  }
  for (std::size_t i = 0; i < m; ++i) {
    const Visit& visit = visits_[i];
    if (!(visit.squared > 0.0)) continue;
    const double fell = product(visit.fell, direction) + lift(i) * product(visit.moved, direction);
    along[i] = less[i] - fell / sharp(i);
    add_multiple(along[i], visit.moved, direction);
    along[i] -= less[i] * lift(i);
  }
  const double expected_gain = product(direction, residual) / 2.0;
  const double ratio = std::sqrt(product(direction, direction) / plain);
  if (!std::isfinite(expected_gain) || !std::isfinite(ratio)) return kInfinity;
  const double shortened = std::min(1.0, (1.0 + furthest_) / ratio);
  limited_ = limited_ || shortened < 1.0;
  // The direction as a combination of statistics: `moved` is a difference of two `from`, and `fell` one of residuals.
  weights_.assign(2 * m + 2, 0.0);
  weights_[2 * m] = 1.0 - shortened;
  weights_[2 * m + 1] = shortened;
  for (std::size_t i = 0; i < m; ++i) {
    const double moved = shortened * along[i], fell = shortened * less[i];
    weights_[2 * i] += fell - moved;
    weights_[2 * i + 1] -= fell;
    weights_[2 * i + 2] += moved - fell;
    weights_[2 * i + 3] += fell;
  }
  return limited_ ? kInfinity : expected_gain;
}

}  // namespace gmix
