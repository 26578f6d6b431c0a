#include "climb.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <utility>

namespace gmix {
namespace {

// Nats a row, times the root of the number of features: gains below it are not seen coarsely, and so many times as
// large ones are, beyond doubt.
constexpr double kCoarse = 2e-8, kSeen = 25.0;
constexpr double kInfinity = std::numeric_limits<double>::infinity();

// How a climb goes on: gmix.stop.Pace.
class Pace {
 public:
  double step(double gain, double rounding) {
    gains_.push_back(gain);
    if (gains_.size() < (leapt_ ? kSteps : 2)) return kInfinity;
    const double before = leapt_ ? ahead_ : 0.0;
    const double rate = std::max(leapt_ ? slower() : rate_at(1), gains_.size() < kShown ? rate_ : 0.0);
    if (std::max(gain, *(gains_.end() - 2)) <= rounding)
      ahead_ = 0.0;
    else
      ahead_ = rate < 1.0 ? std::max(gain, gain * rate / (1.0 - rate)) : kInfinity;
    return std::max(before, ahead_);
  }

  double leap() const {
    if (gains_.size() < kSteps) return 0.0;
    const double rate = rate_at(1);
    if (!(rate > kSlow)) return 0.0;
    const double root = std::sqrt(rate);
    const double length = rate < 1.0 ? std::min(root / (1.0 - root), longest_) : longest_;
    return std::exp2(std::floor(kLengths * std::log2(length)) / kLengths);
  }

  void landed(double length, bool well) {
    if (well) {
      rate_ = std::min(slower(), kLasting);
      leapt_ = true;
      gains_.clear();
      if (length >= longest_) longest_ *= 2.0;
    } else {
      gains_.erase(gains_.begin(), gains_.end() - 1);
      longest_ = std::max(std::min(longest_, length) / 2.0, 1.0);
    }
  }

  // What follows cannot be compared with what was.
  void forget() {
    gains_.clear();
    ahead_ = kInfinity;
    leapt_ = false;
  }

 private:
  static constexpr std::size_t kSteps = 3, kShown = 8;
  static constexpr double kSlow = 0.25, kLengths = 4.0, kLasting = 0.999;

  double rate_at(std::size_t back) const {
    const double gain = *(gains_.end() - static_cast<std::ptrdiff_t>(back));
    const double before = *(gains_.end() - static_cast<std::ptrdiff_t>(back) - 1);
    return before > 0.0 ? std::min(gain / before, 1.0) : 1.0;
  }
  double slower() const { return std::max(rate_at(1), rate_at(2)); }

  std::vector<double> gains_;
  double longest_ = 1.0, rate_ = 0.0, ahead_ = kInfinity;
  bool leapt_ = false;
};

enum class Tried { kFirst, kStep, kLeap, kAgain };

}  // namespace

Ended climb(const Structure& structure, const Expect& expect, bool coarse, const Evidence* unseen, const double* floor,
            const Rule& rule, Parameters& mixture, Sums& sums, Statistics& statistics, std::vector<double>& history) {
  if (!well_above_floor(mixture, floor)) return Ended::kNeedsCare;
  Pace pace;
  Parameters next = mixture;
  Statistics before, there;  // those of the step before; none before the second
  bool arrived = false, over = false;
  double length = 0.0;
  Tried tried = history.empty() ? Tried::kFirst : Tried::kStep;
  const auto grain = [&] {
    const double rows = std::accumulate(sums.mass, sums.mass + mixture.n_components, 0.0);
    return kCoarse * std::sqrt(static_cast<double>(mixture.n_features)) * rows;
  };
  const auto refine = [&] {  // the last step is taken again in float64
    coarse = false;
    if (!arrived) return;
    next = mixture;
    tried = Tried::kAgain;
    history.pop_back();
    pace.forget();
  };
  for (;;) {
    if (!expect(next.view(), coarse, sums)) return Ended::kInterrupted;
    const double last = history.empty() ? -kInfinity : history.back();
    const double reached = sums.log_likelihood + (unseen == nullptr ? 0.0 : log_density(*unseen, structure, next));
    if (!arrived && !std::isfinite(reached)) return Ended::kNeedsCare;
    if (tried == Tried::kLeap) {
      pace.landed(length, reached >= last);
      if (!(reached >= last)) {
        tried = Tried::kStep;
        next = mixture;
        if (!maximize(structure, statistics, unseen, floor, next)) {
          if (!coarse) return Ended::kNeedsCare;
          refine();
        }
        continue;
      }
    } else if (tried == Tried::kStep && !(reached >= last - (coarse ? grain() : rule.fall * std::abs(reached)))) {
      if (!coarse) return Ended::kStationary;
      refine();
      continue;
    } else if (tried == Tried::kAgain) {  // what was coarse may have been too high by its own rounding
      for (double& value : history) value = std::min(value, reached);
    }
    const bool stepped = tried == Tried::kStep;
    const double gain = reached - last, rounding = coarse ? grain() : rule.rounding * std::abs(reached);
    const bool no_gain = stepped && gain <= rounding;
    const bool at_rest = no_gain && arrived && change(statistics, unseen, mixture, next) < rule.rest;
    mixture = next;
    before = std::move(statistics);
    statistics = statistics_of(sums, mixture);
    arrived = true;
    history.push_back(reached);
    const bool near = stepped && pace.step(gain, rounding) < rule.tolerance;
    const bool at_limit = history.size() > rule.max_steps;
    if (over) return Ended::kConverged;
    if (coarse && (no_gain || near || at_limit)) {
      over = near && gain > kSeen * rounding;
      refine();
      continue;
    }
    if (at_rest) return Ended::kStationary;
    if (near) return Ended::kConverged;
    if (at_limit) return Ended::kLimit;
    length = rule.leaps && stepped && !no_gain ? pace.leap() : 0.0;
    if (length > 0.0) {
      if (beyond(statistics, before, length, mixture.form, there) && maximize(structure, there, unseen, floor, next)) {
        tried = Tried::kLeap;
        continue;
      }
      pace.landed(length, false);
    }
    tried = Tried::kStep;
    if (!maximize(structure, statistics, unseen, floor, next)) {
      if (!coarse) return Ended::kNeedsCare;
      refine();
    }
  }
}

}  // namespace gmix
