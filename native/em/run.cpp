#include "em/run.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>

namespace gmix {
namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();
// Nats per row, times the root of the number of columns: coarse E-steps do not see smaller gains, and see those that
// are `kClear` times as large beyond doubt.
constexpr double kCoarse = 2e-8, kClear = 25.0;
constexpr double kPatience = 1e-3;  // times the limit below which a step is none, if cells are missing

// Whether the weights that these statistics lead to differ by less than a limit.
bool weights_at_rest(const Statistics& before, const Statistics& after, double limit) {
  const double old = sum_of(before.counts), now = sum_of(after.counts);
  for (std::size_t c = 0; c < after.counts.size(); ++c)
    if (!(std::abs(after.counts[c] / now - before.counts[c] / old) < limit)) return false;
  return true;
}

}  // namespace

Run::Run(Expect expect, std::unique_ptr<Model> start, bool coarse, bool patient)
    : expect_(std::move(expect)),
      coarse_(coarse),
      patient_(patient),
      model_(std::move(start)),
      next_(model_->copy()),
      remaining_(kInfinity) {}

double Run::objective() const { return arrived_ ? history_.back() : -kInfinity; }

// The smallest gain that a coarse E-step shows.
double Run::grain() const {
  const double columns = static_cast<double>(tried_statistics_.n_features());
  return kCoarse * std::sqrt(columns) * sum_of(tried_statistics_.counts);
}

// Continues in float64, beginning with a repetition of the last step.
void Run::refine() {
  coarse_ = false;
  if (!arrived_) return;
  next_->assign(*model_);
  tried_ = Tried::kRepetition;
  acceleration_.restart();
}

std::optional<Ended> Run::ended_by(const StoppingRule& rule) const {
  if (rule.judge) return rule.judge(history_, at_rest_, remaining_);
  if (rule.change) {
    const std::size_t n = history_.size();
    if (n > 2 && std::abs(history_[n - 2] - history_[n - 3]) < *rule.change) return Ended::kConverged;
  } else if (at_rest_) {
    return Ended::kStationary;
  } else if (remaining_ < rule.tolerance) {
    return Ended::kConverged;
  }
  if (history_.size() > rule.max_steps) return Ended::kLimit;
  return std::nullopt;
}

// Ends a coarse part of the run: in a round of a race, or by going on in float64.
std::optional<Ended> Run::end_coarse_part(const StoppingRule& rule, bool round) {
  const bool converged = remaining_ < rule.tolerance;
  if (round) return converged || no_gain_ ? Ended::kConverged : Ended::kLimit;
  done_ = converged && clear_gain_;
  refine();
  return std::nullopt;
}

// Sets `next` to what to try: an extrapolation if it pays, else the plain step.
std::optional<Ended> Run::try_next(const StoppingRule& rule) {
  if (rule.accelerate && gained_ && acceleration_.plans()) {
    // An extrapolation may go along the floor, but not down to it.
    if (acceleration_.extrapolate(extrapolated_))
      if (const Outcome outcome = next_->maximize(extrapolated_);
          outcome == Outcome::kSound ||
          (patient_ && outcome == Outcome::kCollapsed && last_outcome_ == Outcome::kCollapsed)) {
        tried_ = Tried::kExtrapolation;
        return std::nullopt;
      }
    next_->assign(*model_);
    acceleration_.rejected();
  }
  return try_step();
}

std::optional<Ended> Run::try_step() {
  tried_ = Tried::kStep;
  last_outcome_ = next_->maximize(statistics_);
  if (last_outcome_ == Outcome::kSound) return std::nullopt;
  if (coarse_) {
    refine();
    return std::nullopt;
  }
  if (last_outcome_ == Outcome::kFailed) return patient_ ? Ended::kFailed : Ended::kCollapsed;
  return patient_ ? std::nullopt : std::optional(Ended::kCollapsed);
}

// Whether what was tried is where the run is already. Missing cells slow EM down: the optimum may be many steps away,
// and each of them is small.
bool Run::rests(double limit) const {
  const bool incomplete = are_of_partial_rows(tried_statistics_);
  if (incomplete) limit *= kPatience;
  return weights_at_rest(statistics_, tried_statistics_, limit) && is_at_rest(*model_, *next_, limit) &&
         (!incomplete || covariances_at_rest(*model_, *next_, limit));
}

// Accepts what was tried.
void Run::arrive(const StoppingRule& rule, double reached, double gain) {
  const double rounding = coarse_ ? grain() : rule.rounding * std::abs(reached);
  gained_ = gain > rounding;
  no_gain_ = tried_ == Tried::kStep && !gained_;
  clear_gain_ = gain > kClear * rounding;
  at_rest_ = no_gain_ && arrived_ && rests(rule.rest);
  model_->assign(*next_);
  std::swap(before_, statistics_);
  std::swap(statistics_, tried_statistics_);
  arrived_ = true;
  history_.push_back(reached);
  remaining_ = kInfinity;
  if (tried_ == Tried::kStep || tried_ == Tried::kExtrapolation) {
    const Statistics* from = tried_ == Tried::kStep ? &before_ : &extrapolated_;
    if (!rule.monotone) gain = std::abs(gain);
    remaining_ =
        acceleration_.step(rule.accelerate ? from : nullptr, statistics_, model_->components(), gain, rounding);
  }
}

// Decides what to try next, unless the run ends here.
std::optional<Ended> Run::decide(const StoppingRule& rule, bool round) {
  if (done_) return Ended::kConverged;
  if (coarse_ && (no_gain_ || remaining_ < rule.tolerance || history_.size() > rule.max_steps))
    return end_coarse_part(rule, round);
  if (const auto ended = ended_by(rule)) return ended;
  return try_next(rule);
}

// The E-step of what was tried. Where it is not accepted, sets what to try instead, and `accepted` to false.
std::optional<Ended> Run::take(const StoppingRule& rule, bool& accepted) {
  accepted = false;
  if (!expect_(next_->components(), coarse_, tried_statistics_)) return arrived_ ? Ended::kStationary : Ended::kFailed;
  if (tried_ == Tried::kRepetition) history_.pop_back();  // the coarse objective of the step that was repeated
  const double last = history_.empty() ? -kInfinity : history_.back();
  const double reached = next_->objective(tried_statistics_);
  if (!arrived_ && !std::isfinite(reached)) return Ended::kFailed;
  if (tried_ == Tried::kExtrapolation) {
    if (!(reached >= last)) {
      acceleration_.rejected();
      next_->assign(*model_);
      return try_step();
    }
    acceleration_.accepted();
  } else if (tried_ == Tried::kStep && rule.monotone &&
             !(std::isfinite(reached) && reached >= last - (coarse_ ? grain() : rule.fall * std::abs(reached)))) {
    if (!coarse_) return Ended::kStationary;  // no digits are left to gain by, and the step is not taken
    refine();
    return std::nullopt;
  } else if (tried_ == Tried::kRepetition) {  // coarse objectives may have been too high by their own rounding
    for (double& value : history_) value = std::min(value, reached);
  }
  arrive(rule, reached, reached - last);
  accepted = true;
  return std::nullopt;
}

Ended Run::go_on(const StoppingRule& rule, bool round) try {
  if (!arrived_ && !next_->prepare()) return Ended::kFailed;
  bool accepted = arrived_;  // a start is evaluated whatever the rule says
  for (;;) {
    if (accepted)
      if (const auto ended = decide(rule, round)) return *ended;
    if (const auto ended = take(rule, accepted)) return *ended;
  }
} catch (const Interrupted&) {
  return Ended::kInterrupted;
}

}  // namespace gmix
