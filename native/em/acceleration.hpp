// Extrapolation for EM where its steps shrink slowly: a quasi-Newton method whose plain step is that of EM.
//
// Let the M-step read its model from statistics x, under which the E-step finds g. In the coordinates of
// em/coordinates.hpp the residual f = g - x is the gradient of the objective, to first order, and the step of EM is one
// step along it. What is missing is the information that is lost because the components of the rows are unknown: where
// it is large, the curvature of the objective is far below one, and EM is slow. The differences of the last few x and f
// show this curvature, and the method of limited memory of Broyden, Fletcher, Goldfarb & Shanno divides by it
// (Jamshidian & Jennrich 1997, Journal of the Royal Statistical Society B 59:569; Nocedal 1980, Mathematics of
// Computation 35:773). The result is a combination of the last x and g: statistics like any others, from which every
// M-step reads a model.
//
// Where the curvature is negative or nearly zero, as on the way past a saddle point, an extrapolation goes a limited
// number of steps further; the limit doubles when such an extrapolation succeeds and halves when one fails.
#pragma once

#include <vector>

#include "em/statistics.hpp"

namespace gmix {

class Acceleration {
 public:
  // Takes note of a step: the statistics that its M-step read, those that its E-step found under these components, and
  // what it gained. Returns the estimated remaining gain; infinity if there are too few steps yet.
  //
  // `from` is null if the run is not to extrapolate. Gains of plain steps form a geometric series near an optimum,
  // which has a limit (Aitken; Boehning et al. 1994, Annals of the Institute of Statistical Mathematics 46:373). After
  // an extrapolation, the estimate is that of the curvature, and three steps must agree.
  double step(const Statistics* from, const Statistics& found, const Components& components, double gain,
              double rounding);

  // Whether to extrapolate now; if not, a plain step follows.
  bool plans() const { return !weights_.empty(); }

  // Sets `there` to the statistics to try; false if no rows could have them.
  bool extrapolate(Statistics& there) const;

  void accepted();
  void rejected();

  // Forgets the steps so far, with which those that follow cannot be compared.
  void restart();

 private:
  // A model on the way of the run. Its vectors are in the coordinates of the next model, which are close to those of
  // the models that follow.
  struct Visit {
    Statistics from, found;                 // what the model was read from, and what the E-step found under it
    Numbers moved;                          // from this `from` to the next
    Numbers fell;                           // the residual, found - from, less the next one
    double squared = 0.0, curvature = 0.0;  // moved . moved, and moved . fell relative to it
  };

  double series(double rounding) const;
  void measure(const Components& components, const Numbers& residual);
  double plan(const Components& components);

  std::vector<Visit> visits_;  // the last ones, which led from one to the next
  std::vector<double> gains_;  // of the steps since the last one that was rejected
  std::vector<double> estimates_;
  Numbers weights_;        // of `from` and `found` of each visit in the extrapolation; empty for none
  double furthest_ = 2.0;  // steps of EM that an extrapolation may go beyond the plain one
  bool limited_ = false;   // whether this limit is what determines the extrapolation
  bool has_extrapolated_ = false, last_extrapolated_ = false;
};

}  // namespace gmix
