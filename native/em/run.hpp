// One run of EM: E-steps, M-steps and extrapolations in turn, from a start to where a stopping rule ends it.
//
// The loop is written over three functions, each compiled or Python: the E-step (`Expect`), the M-step and the
// objective
// (`Model`), and the stopping rule (`StoppingRule`). The plain loop that it is tested against is
// gmix.model.kernel.reference.expectation_maximization.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <vector>

#include "em/acceleration.hpp"
#include "em/model.hpp"

namespace gmix {

// Why a run ended: gmix.model.stopping.Reason. kCollapsed ends a run that is not patient. kFailed is for a start that
// cannot be evaluated, and for an M-step that float64 cannot do.
enum class Ended { kConverged, kStationary, kLimit, kInterrupted, kCollapsed, kFailed };

// gmix.model.stopping.StoppingRule, in nats over all rows.
struct StoppingRule {
  // Looks at the objectives so far, whether the parameters are at rest, and the estimated remaining gain.
  using Judge = std::function<std::optional<Ended>(const std::vector<double>&, bool, double)>;

  double tolerance;              // of the remaining gain
  std::optional<double> change;  // of the objective, in the step before the last; replaces the tolerance
  double rounding;               // of the objective: a smaller gain is none
  double fall;                   // of the objective: a greater fall is more than rounding
  double rest;                   // standard deviations: means that move less are at rest
  std::size_t max_steps;         // that are accepted
  bool accelerate;               // by extrapolation
  bool monotone;                 // a step that decreases the objective ends the run
  Judge judge;                   // decides instead of the tolerance, if there is one
};

// Thrown by any of the three functions when the user interrupts the run.
struct Interrupted {};

// The E-step: sets the statistics to those of all rows under these components, in float32 if `coarse` and the rows
// allow it. False where sums of squares leave the range of float64.
using Expect = std::function<bool(const Components&, bool coarse, Statistics&)>;

// A run begins and ends with an E-step, so its statistics belong to its model once it has `arrived`. A coarse run takes
// coarse steps for as long as they gain, and then goes on in float64, which has the last word.
class Run {
 public:
  // A run that is not `patient` ends where a component collapses.
  Run(Expect expect, std::unique_ptr<Model> start, bool coarse, bool patient);

  // Continues until the rule ends the run; may be called again with a stricter rule. At the end of a `round` of a race
  // a coarse run stays coarse.
  Ended go_on(const StoppingRule& rule, bool round);

  bool arrived() const { return arrived_; }
  // Whether the last plain M-step left every component above the floor.
  bool sound() const { return last_outcome_ == Outcome::kSound; }
  double objective() const;
  const Model& model() const { return *model_; }
  const Statistics& statistics() const { return statistics_; }
  const std::vector<double>& history() const { return history_; }

 private:
  enum class Tried { kStart, kStep, kExtrapolation, kRepetition };

  std::optional<Ended> decide(const StoppingRule& rule, bool round);
  std::optional<Ended> end_coarse_part(const StoppingRule& rule, bool round);
  std::optional<Ended> ended_by(const StoppingRule& rule) const;
  std::optional<Ended> try_next(const StoppingRule& rule);
  std::optional<Ended> try_step();
  std::optional<Ended> take(const StoppingRule& rule, bool& accepted);
  void refine();
  bool rests(double limit) const;
  void arrive(const StoppingRule& rule, double reached, double gain);
  double grain() const;

  const Expect expect_;
  bool coarse_;
  const bool patient_;
  std::unique_ptr<Model> model_, next_;
  Statistics statistics_, before_, tried_statistics_, extrapolated_;  // `before`: one accepted step ago
  std::vector<double> history_;                                       // objectives of the E-steps that were accepted
  Acceleration acceleration_;
  // Of the last step: whether it gained, was a plain one without a gain, gained beyond doubt, moved nothing.
  bool gained_ = false, no_gain_ = false, clear_gain_ = false, at_rest_ = false;
  bool arrived_ = false, done_ = false;
  Outcome last_outcome_ = Outcome::kFailed;  // of the last M-step that was no extrapolation; kFailed before the first
  double remaining_;                         // the estimated gain to come
  Tried tried_ = Tried::kStart;
};

}  // namespace gmix
