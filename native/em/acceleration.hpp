// Extrapolation for EM where its steps shrink slowly: a quasi-Newton method whose plain step is that of EM.
//
// The M-step makes a model from statistics x, and the E-step under this model gives statistics g. In the coordinates of
// em/coordinates.hpp the residual f = g - x is the gradient of the objective, to first order, and the step of EM is a
// step of length one along it. Information is lost because the components of the rows are unknown. Where the loss is
// large, the curvature of the objective is far below one, and EM is slow. The differences of the last few x and f
// give this curvature, and the limited-memory method of Broyden, Fletcher, Goldfarb & Shanno divides by it
// (Jamshidian & Jennrich 1997, Journal of the Royal Statistical Society B 59:569; Nocedal 1980, Mathematics of
// Computation 35:773). The result is a linear combination of the last x and g: statistics like any others, which every
// M-step can use.
//
// Where the curvature is negative or nearly zero, as near a saddle point, the length of an extrapolation is limited to
// a number of plain steps. The limit doubles when such an extrapolation succeeds and halves when one fails.
#pragma once

#include <vector>

#include "em/statistics.hpp"

namespace gmix {

class Acceleration {
 public:
  // Records a step: `from`, the statistics that its M-step used; `found`, those of its E-step under these components;
  // and the gain in the objective. Returns the estimated remaining gain; infinity if there are too few steps yet.
  //
  // `from` is null if the run must not extrapolate. Near an optimum the gains of plain steps form a geometric series,
  // whose sum is the estimate (Aitken; Boehning et al. 1994, Annals of the Institute of Statistical Mathematics
  // 46:373). After an extrapolation, the estimate comes from the curvature, and is the largest of the last three.
  double step(const Statistics* from, const Statistics& found, const Components& components, double gain,
              double rounding);

  // Whether the next step is an extrapolation; otherwise it is a plain step.
  bool plans() const { return !weights_.empty(); }

  // Sets `there` to the extrapolated statistics; false if no rows can have them.
  bool extrapolate(Statistics& there) const;

  void accepted();
  void rejected();

  // Forgets the steps so far, with which those that follow cannot be compared.
  void restart();

 private:
  // A model that the run has visited. Its vectors are in the coordinates of the model after it, which are close to
  // those of later models.
  struct Visit {
    Statistics from, found;                 // what the M-step made the model from, and the E-step under the model
    Numbers moved;                          // the next `from` minus this one
    Numbers fell;                           // this residual, found - from, minus the next one
    double squared = 0.0, curvature = 0.0;  // moved . moved, and moved . fell divided by it
  };

  double series(double rounding) const;
  void measure(const Components& components, const Numbers& residual);
  double plan(const Components& components);

  std::vector<Visit> visits_;  // the latest, in order
  std::vector<double> gains_;  // of the steps since the last one that was rejected
  std::vector<double> estimates_;
  Numbers weights_;        // of `from` and `found` of each visit in the extrapolation; empty before a plain step
  double furthest_ = 2.0;  // plain steps by which an extrapolation may be longer than the plain step
  bool limited_ = false;   // whether this limit changed the extrapolation
  bool has_extrapolated_ = false, last_extrapolated_ = false;
};

}  // namespace gmix
