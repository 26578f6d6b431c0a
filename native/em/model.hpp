// What EM fits: gmix.model.model.Model in C++. The loop in em/run.hpp knows nothing else of what is fitted.
#pragma once

#include <memory>

#include "em/statistics.hpp"

namespace gmix {

// How an M-step ended.
enum class Outcome {
  kSound,      // every component is clearly above the floor
  kCollapsed,  // a component is empty, or its covariance is at the floor
  kFailed,     // numbers leave the range of float64; the model is as it was before
};

class Model {
 public:
  virtual ~Model() = default;

  virtual std::unique_ptr<Model> copy() const = 0;
  // Takes the value of another model of the same kind.
  virtual void assign(const Model& other) = 0;

  // Computes the components from the parameters of a start. False if a covariance is not positive definite.
  virtual bool prepare() = 0;
  virtual Components components() const = 0;

  // The M-step: replaces the parameters by the best ones, given the statistics. An iterative M-step begins from the
  // covariances that the model has.
  virtual Outcome maximize(const Statistics& statistics) = 0;

  // What EM raises, given the statistics under this model: the log-likelihood plus the log density of a prior, say.
  virtual double objective(const Statistics& statistics) const = 0;
};

// Whether the means of two models differ by less than `limit` standard deviations, or by no more than rounding.
bool is_at_rest(const Model& before, const Model& after, double limit);

// Whether the covariances of two models differ by less than `limit` of themselves in every direction, or by no more
// than rounding.
bool covariances_at_rest(const Model& before, const Model& after, double limit);

}  // namespace gmix
