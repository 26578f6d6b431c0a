#include "em/climb.hpp"

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
constexpr std::size_t kSteps = 3, kShown = 8;
constexpr double kSlow = 0.25, kLengths = 4.0, kLasting = 0.999;
constexpr double kNear = 0.1, kFar = 10.0;  // gmix.fitting.stop.Heat

}  // namespace

double Pace::step(double gain, double rounding) {
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

double Pace::leap() const {
  if (gains_.size() < kSteps) return 0.0;
  const double rate = rate_at(1);
  if (!(rate > kSlow)) return 0.0;
  const double root = std::sqrt(rate);
  const double length = rate < 1.0 ? std::min(root / (1.0 - root), longest_) : longest_;
  return std::exp2(std::floor(kLengths * std::log2(length)) / kLengths);
}

void Pace::landed(double length, bool well) {
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

void Pace::forget() {
  gains_.clear();
  ahead_ = kInfinity;
  leapt_ = false;
}

double Pace::rate_at(std::size_t back) const {
  const double gain = *(gains_.end() - static_cast<std::ptrdiff_t>(back));
  const double before = *(gains_.end() - static_cast<std::ptrdiff_t>(back) - 1);
  return before > 0.0 ? std::min(gain / before, 1.0) : 1.0;
}

double Pace::slower() const { return std::max(rate_at(1), rate_at(2)); }

Climb::Climb(const Structure& structure, Expect expect, bool coarse, const Evidence* unseen, const Reference& reference,
             bool patient, Parameters mixture, Sums sums, std::vector<double> history)
    : structure_(structure),
      expect_(std::move(expect)),
      coarse_(coarse),
      unseen_(unseen),
      reference_(reference),
      patient_(patient),
      mixture_(std::move(mixture)),
      sums_(sums),
      history_(std::move(history)),
      ahead_(kInfinity),
      tried_(history_.empty() ? Tried::kFirst : Tried::kStep) {}

double Climb::objective() const { return arrived_ ? history_.back() : -kInfinity; }

double Climb::grain() const {
  const double rows = std::accumulate(sums_.mass, sums_.mass + mixture_.n_components, 0.0);
  return kCoarse * std::sqrt(static_cast<double>(mixture_.n_features)) * rows;
}

// The last step is to be taken again in float64.
void Climb::refine() {
  coarse_ = false;
  if (!arrived_) return;
  next_ = mixture_;
  tried_ = Tried::kAgain;
  history_.pop_back();
  pace_.forget();
}

// What to try next.
Read Climb::choose(const Rule& rule) {
  length_ = rule.leaps && stepped_ && !no_gain_ ? pace_.leap() : 0.0;
  if (length_ > 0.0) {
    // A leap may go along the floor, but not down to it.
    if (beyond(statistics_, before_, length_, mixture_.form, there_))
      if (const Read read = maximize(structure_, there_, unseen_, reference_, next_);
          read == Read::kSound || (read == Read::kCollapsed && last_read_ == Read::kCollapsed)) {
        tried_ = Tried::kLeap;
        return read;
      }
    next_ = mixture_;
    pace_.landed(length_, false);
  }
  return step();
}

Read Climb::step() {
  tried_ = Tried::kStep;
  const Read read = maximize(structure_, statistics_, unseen_, reference_, next_);
  last_read_ = read;
  moved_ = true;
  if (read == Read::kSound || !coarse_) return read;
  refine();
  return Read::kSound;
}

// Takes what was tried into the account.
void Climb::arrive(double reached, double gain, double rounding, double rest) {
  stepped_ = tried_ == Tried::kStep;
  no_gain_ = stepped_ && gain <= rounding;
  seen_ = gain > kSeen * rounding;
  at_rest_ = no_gain_ && arrived_ && change(statistics_, unseen_, mixture_, next_) < rest;
  mixture_ = next_;
  before_ = std::move(statistics_);
  statistics_ = statistics_of(sums_, mixture_);
  arrived_ = true;
  history_.push_back(reached);
  ahead_ = stepped_ ? pace_.step(gain, rounding) : kInfinity;
}

Ended Climb::go_on(const Rule& rule, bool heat) {
  bool judged = false;
  const auto may_go_on = [this](Read read) { return read == Read::kSound || (patient_ && read == Read::kCollapsed); };
  const auto end_of = [](Read read) { return read == Read::kCollapsed ? Ended::kCollapsing : Ended::kNeedsCare; };
  if (!arrived_) {
    if (!mixture_.prepare()) return Ended::kNeedsCare;
    next_ = mixture_;
    judged = true;
  }
  for (;;) {
    if (!judged) {
      if (over_) return Ended::kConverged;
      const bool near = ahead_<rule.tolerance, at_limit = history_.size()> rule.max_steps;
      if (coarse_ && (no_gain_ || near || at_limit)) {
        if (heat) return near || no_gain_ ? Ended::kConverged : Ended::kLimit;
        over_ = near && seen_;
        refine();
      } else if (at_rest_) {
        return Ended::kStationary;
      } else if (near) {
        return Ended::kConverged;
      } else if (at_limit) {
        return Ended::kLimit;
      } else if (const Read read = choose(rule); !may_go_on(read)) {
        return end_of(read);
      }
    }
    judged = true;
    if (!expect_(next_.view(), coarse_, sums_)) return Ended::kInterrupted;
    const double last = history_.empty() ? -kInfinity : history_.back();
    if (!std::isfinite(std::accumulate(sums_.second, sums_.second + second_size(next_.view()), 0.0)))
      return arrived_ ? Ended::kStationary : Ended::kNeedsCare;  // squares beyond float64
    const double reached = sums_.log_likelihood + (unseen_ == nullptr ? 0.0 : log_density(*unseen_, structure_, next_));
    if (!arrived_ && !std::isfinite(reached)) return Ended::kNeedsCare;
    if (tried_ == Tried::kLeap) {
      pace_.landed(length_, reached >= last);
      if (!(reached >= last)) {
        next_ = mixture_;
        if (const Read read = step(); !may_go_on(read)) return end_of(read);
        continue;
      }
    } else if (tried_ == Tried::kStep && !(reached >= last - (coarse_ ? grain() : rule.fall * std::abs(reached)))) {
      if (!coarse_) return Ended::kStationary;
      refine();
      continue;
    } else if (tried_ == Tried::kAgain) {  // what was coarse may have been too high by its own rounding
      for (double& value : history_) value = std::min(value, reached);
    }
    arrive(reached, reached - last, coarse_ ? grain() : rule.rounding * std::abs(reached), rule.rest);
    judged = false;
  }
}

std::vector<std::pair<std::size_t, Ended>> race(std::vector<std::unique_ptr<Climb>>& climbs,
                                                const std::vector<Heat>& heats, const Rule& rule) {
  std::vector<std::size_t> left(climbs.size());
  std::iota(left.begin(), left.end(), std::size_t{0});
  std::vector<Ended> ended(climbs.size());
  const auto gave_up = [](Ended end) { return end == Ended::kNeedsCare || end == Ended::kCollapsing; };
  const auto reached = [&](std::size_t i) { return climbs[i]->objective(); };
  for (const Heat& heat : heats) {
    if (left.size() == 1) break;
    bool interrupted = false;
    for (std::size_t at = 0; at < left.size() && !interrupted; ++at)
      interrupted = (ended[left[at]] = climbs[left[at]]->go_on(heat.rule, true)) == Ended::kInterrupted;
    std::stable_sort(left.begin(), left.end(), [&](std::size_t a, std::size_t b) {
      const bool lost_a = gave_up(ended[a]), lost_b = gave_up(ended[b]);
      return lost_a != lost_b ? lost_b : reached(a) > reached(b);
    });
    if (interrupted) return {{left[0], Ended::kInterrupted}};
    std::vector<std::size_t> ahead;
    for (const std::size_t i : left) {
      const bool behind = ended[i] != Ended::kLimit && reached(left[0]) - reached(i) > kFar * heat.rule.tolerance;
      const bool same = std::any_of(ahead.begin(), ahead.end(), [&](std::size_t other) {
        return std::abs(reached(i) - reached(other)) <= kNear * heat.rule.tolerance;
      });
      if (ahead.size() < heat.most && !behind && !same) ahead.push_back(i);
    }
    for (const std::size_t i : left)
      if (std::find(ahead.begin(), ahead.end(), i) == ahead.end()) climbs[i].reset();
    left = std::move(ahead);
  }
  std::vector<std::pair<std::size_t, Ended>> arrived;
  for (const std::size_t i : left) {
    arrived.emplace_back(i, climbs[i]->go_on(rule, false));
    if (arrived.back().second == Ended::kInterrupted) break;
  }
  return arrived;
}

}  // namespace gmix
