#include "em/acceleration.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>

#include "em/coordinates.hpp"

namespace gmix {
namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();
constexpr std::size_t kVisits = 6;  // one more than the pairs of differences
constexpr std::size_t kSteps = 3;   // plain steps before the first extrapolation
constexpr std::size_t kAgree = 3;   // estimates that must agree after an extrapolation
constexpr double kSlow = 0.25;      // rate of gains above which an extrapolation is worth trying

double product(const Numbers& a, const Numbers& b) {
  double sum = 0.0;
  for (std::size_t i = 0; i < a.size(); ++i) sum += a[i] * b[i];
  return sum;
}

void add_multiple(double factor, const Numbers& addend, Numbers& sum) {
  for (std::size_t i = 0; i < sum.size(); ++i) sum[i] += factor * addend[i];
}

Numbers difference(const Numbers& a, const Numbers& b) {
  Numbers found = a;
  add_multiple(-1.0, b, found);
  return found;
}

// A vector, and the weights of the statistics that it is a combination of.
struct Combination {
  Numbers vector, weights;

  void add(double factor, const Combination& other) {
    add_multiple(factor, other.vector, vector);
    add_multiple(factor, other.weights, weights);
  }
};

double product(const Combination& a, const Combination& b) { return product(a.vector, b.vector); }

// How far x moved, and how much the residual fell on the way.
struct Pair {
  Combination moved, fell;
  double curvature;
};

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
  const std::size_t n = gains_.size();
  const bool slow = n >= kSteps && gain > kSlow * gains_[n - 2];
  const bool planned = visits_.size() > 1 && (slow || has_extrapolated_);
  const double ahead = planned ? plan(components) : kInfinity;
  if (!slow && !extrapolated) weights_.clear();
  if (!has_extrapolated_) return series(rounding);
  if (gain <= rounding && n > 1 && gains_[n - 2] <= rounding) return 0.0;
  estimates_.push_back(std::max(ahead, 2.0 * gain));
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

// The sum of the gains that remain if they go on to shrink at the same rate.
double Acceleration::series(double rounding) const {
  if (gains_.size() < 2) return kInfinity;
  const double gain = gains_.back(), before = *(gains_.end() - 2);
  if (std::max(gain, before) <= rounding) return 0.0;
  const double rate = before > 0.0 ? std::min(gain / before, 1.0) : 1.0;
  return rate < 1.0 ? std::max(gain, gain * rate / (1.0 - rate)) : kInfinity;
}

// Sets the weights of the extrapolation from here, and returns what the curvature lets one expect it to gain; infinity
// where the curvature is not known.
double Acceleration::plan(const Components& components) {
  const std::size_t m = visits_.size();
  const Numbers& counts = visits_.back().found.counts;
  std::vector<Combination> from, residual;
  for (std::size_t i = 0; i < m; ++i) {
    from.push_back({coordinates(visits_[i].from, components, counts), Numbers(2 * m)});
    from[i].weights[2 * i] = 1.0;
    residual.push_back({coordinates(visits_[i].found, components, counts), Numbers(2 * m)});
    residual[i].weights[2 * i + 1] = 1.0;
    residual[i].add(-1.0, from[i]);
  }
  const double least = 1.0 / (1.0 + furthest_);
  limited_ = false;
  std::vector<Pair> pairs;
  for (std::size_t i = 0; i + 1 < m; ++i) {
    Pair pair{from[i + 1], residual[i], 0.0};
    pair.moved.add(-1.0, from[i]);
    pair.fell.add(-1.0, residual[i + 1]);
    const double squared = product(pair.moved, pair.moved);
    if (!(squared > 0.0)) continue;
    const double curvature = product(pair.moved, pair.fell) / squared;
    if (!(curvature >= least)) {
      pair.fell.add(least - curvature, pair.moved);
      limited_ = true;
    }
    pair.curvature = product(pair.moved, pair.fell);
    pairs.push_back(std::move(pair));
  }
  Combination direction = residual.back();
  const double plain = product(direction, direction);
  std::vector<double> along(pairs.size());
  for (std::size_t i = pairs.size(); i-- > 0;) {
    along[i] = product(pairs[i].moved, direction) / pairs[i].curvature;
    direction.add(-along[i], pairs[i].fell);
  }
  for (std::size_t i = 0; i < pairs.size(); ++i)
    direction.add(along[i] - product(pairs[i].fell, direction) / pairs[i].curvature, pairs[i].moved);
  const double ahead = product(direction, residual.back()) / 2.0;
  const double ratio = std::sqrt(product(direction, direction) / plain);
  double shortened = 1.0;
  if (!(ratio <= 1.0 + furthest_)) {
    shortened = (1.0 + furthest_) / ratio;
    limited_ = true;
  }
  if (!std::isfinite(ahead) || !(shortened > 0.0)) return kInfinity;
  weights_ = from.back().weights;
  add_multiple(shortened, direction.weights, weights_);
  return limited_ ? kInfinity : ahead;
}

}  // namespace gmix
