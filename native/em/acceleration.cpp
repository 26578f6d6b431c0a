#include "em/acceleration.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

namespace gmix {
namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();
constexpr std::size_t kSteps = 3;   // plain steps before an extrapolation, and before an estimate after one
constexpr std::size_t kShown = 8;   // steps after an extrapolation that show the new rate
constexpr double kSlow = 0.25;      // rate of gains above which an extrapolation is worth trying
constexpr double kLengths = 4.0;    // lengths between one and its double
constexpr double kLasting = 0.999;  // a remembered rate is not slower: where gains grow, the estimate would not end

}  // namespace

double Acceleration::step(double gain, double rounding) {
  gains_.push_back(gain);
  if (gains_.size() < (has_extrapolated_ ? kSteps : 2)) return kInfinity;
  const double before = has_extrapolated_ ? remaining_ : 0.0;
  const double rate = std::max(has_extrapolated_ ? slower_rate() : rate_at(1), gains_.size() < kShown ? rate_ : 0.0);
  if (std::max(gain, *(gains_.end() - 2)) <= rounding)
    remaining_ = 0.0;
  else
    remaining_ = rate < 1.0 ? std::max(gain, gain * rate / (1.0 - rate)) : kInfinity;
  return std::max(before, remaining_);
}

double Acceleration::length() const {
  if (gains_.size() < kSteps) return 0.0;
  const double rate = rate_at(1);
  if (!(rate > kSlow)) return 0.0;
  const double root = std::sqrt(rate);
  const double length = rate < 1.0 ? std::min(root / (1.0 - root), longest_) : longest_;
  return std::exp2(std::floor(kLengths * std::log2(length)) / kLengths);
}

void Acceleration::extrapolated(double length, bool accepted) {
  if (accepted) {
    rate_ = std::min(slower_rate(), kLasting);
    has_extrapolated_ = true;
    gains_.clear();
    if (length >= longest_) longest_ *= 2.0;
  } else {
    gains_.erase(gains_.begin(), gains_.end() - 1);
    longest_ = std::max(std::min(longest_, length) / 2.0, 1.0);
  }
}

void Acceleration::restart() {
  gains_.clear();
  remaining_ = kInfinity;
  has_extrapolated_ = false;
}

double Acceleration::rate_at(std::size_t back) const {
  const double gain = *(gains_.end() - static_cast<std::ptrdiff_t>(back));
  const double before = *(gains_.end() - static_cast<std::ptrdiff_t>(back) - 1);
  return before > 0.0 ? std::min(gain / before, 1.0) : 1.0;
}

double Acceleration::slower_rate() const { return std::max(rate_at(1), rate_at(2)); }

}  // namespace gmix
