// EM from one mixture or from several that race, without a word of Python between the steps.
#pragma once

#include <functional>
#include <memory>
#include <utility>
#include <vector>

#include "em/m_step.hpp"

namespace gmix {

enum class Ended { kConverged, kStationary, kLimit, kInterrupted, kNeedsCare, kCollapsing };

// The rule of gmix.fitting.em.Stop, on totals.
struct Rule {
  double tolerance;  // nats
  double rounding;   // of the log-likelihood: a gain below this is none
  double fall;       // of the log-likelihood: a fall above this is not rounding
  double rest;       // standard deviations: means that move less are at rest
  std::size_t max_steps;
  bool leaps;
};

// gmix.fitting.stop.Heat: a part of a race, after which only so many go on.
struct Heat {
  Rule rule;
  std::size_t most;
};

// Sets the sums to those of all rows under a mixture, coarse ones where they will do; false if
// interrupted.
using Expect = std::function<bool(const Mixture&, bool coarse, Sums&)>;

// How a climb goes on: gmix.fitting.stop.Pace.
class Pace {
 public:
  double step(double gain, double rounding);
  double leap() const;
  void landed(double length, bool well);
  // What follows cannot be compared with what was.
  void forget();

 private:
  double rate_at(std::size_t back) const;
  double slower() const;

  std::vector<double> gains_;
  double longest_ = 1.0, rate_ = 0.0, ahead_;
  bool leapt_ = false;
};

// E-steps and M-steps in turn, and leaps, beginning and ending with an E-step. Mixture and statistics belong together
// once it has `arrived`, which it has not before an E-step was finished. A coarse climb takes coarse steps for as long
// as they gain, and then goes on in float64, which has the last word.
class Climb {
 public:
  // `history` holds the objectives reached before. Unless null, `unseen` is what a prior adds. `sums` is room for an
  // E-step, and may be shared with others. A run that is not `patient` ends where a component collapses.
  Climb(const Structure& structure, Expect expect, bool coarse, const Evidence* unseen, const Reference& reference,
        bool patient, Parameters mixture, Sums sums, std::vector<double> history);

  // Climbs until the rule says to end; under a stricter one it goes on from there. Where a component needs care, the
  // plain M-step should go on from the statistics. What ends a `heat` is as coarse as it is.
  Ended go_on(const Rule& rule, bool heat);

  bool arrived() const { return arrived_; }
  // Whether the last M-step is known to have left every component above the floor.
  bool sound() const { return moved_ && last_read_ == Read::kSound; }
  double objective() const;
  const Parameters& mixture() const { return mixture_; }
  const Statistics& statistics() const { return statistics_; }
  const std::vector<double>& history() const { return history_; }

 private:
  enum class Tried { kFirst, kStep, kLeap, kAgain };

  Read choose(const Rule& rule);
  Read step();
  void refine();
  void arrive(double reached, double gain, double rounding, double rest);
  double grain() const;

  const Structure& structure_;
  const Expect expect_;
  bool coarse_;
  const Evidence* const unseen_;
  const Reference& reference_;
  const bool patient_;
  Parameters mixture_, next_;
  Sums sums_;
  Statistics statistics_, before_, there_;  // `before`: of the step before; none before the second
  std::vector<double> history_;
  Pace pace_;
  // Of the last step: whether it was a plain one, gained nothing, gained beyond doubt, moved nothing.
  bool stepped_ = false, no_gain_ = false, seen_ = false, at_rest_ = false;
  bool arrived_ = false, over_ = false;
  bool moved_ = false;             // by an M-step of this run
  Read last_read_ = Read::kSound;  // how the last M-step but for leaps ended
  double length_ = 0.0, ahead_;    // of the leap that is tried; what is still to gain
  Tried tried_;
};

// Climbs race in heats, and those that are left climb to the end: their places, best first after a heat, and how each
// ended. The others are let go. An interruption ends the list with the climb that it met, in a heat with the best
// alone.
std::vector<std::pair<std::size_t, Ended>> race(std::vector<std::unique_ptr<Climb>>& climbs,
                                                const std::vector<Heat>& heats, const Rule& rule);

}  // namespace gmix
