// A Gaussian mixture of one of the structures that the compiled M-step knows, fitted by maximum likelihood or with a
// prior that stays the same from step to step. The plain M-step is GaussianMixture.from_statistics; a test holds the
// two together.
#pragma once

#include <functional>
#include <memory>
#include <optional>

#include "em/covariances.hpp"
#include "em/model.hpp"

namespace gmix {

// A background without its weight, which is what the weights of the components leave.
struct Box {
  Numbers low, high, log_density;
};

// The parameters of a mixture, in the compact shapes of gmix.model.covariance.form, and what the kernel needs of them.
struct Parameters {
  Form form;
  std::size_t n_components;
  std::size_t n_features;
  Numbers weights;
  Numbers means;
  Numbers covariances;
  Numbers factor;
  Numbers whitener;
  Numbers log_constants;
  Numbers groups;  // of the components, which labels of rows name; empty if there are none
  Box box{};       // empty without a background

  Mixture view() const;
  bool has_background() const { return !box.low.empty(); }
  // The weight of the background.
  double left_weight() const;
  Background background() const;
  // Factors the covariances, inverts the factors and computes the constants. False if a covariance is not positive
  // definite.
  bool prepare();
};

// The M-step: the most likely parameters whose covariances are not below the floor, given statistics that already
// include a prior's, and the weight of the rows that belong to a background.
Outcome maximize(const Structure& structure, const Statistics& statistics, const Reference& reference,
                 Parameters& parameters, double background_count = 0.0);

class GaussianModel : public Model {
 public:
  // Does an M-step that the compiled one cannot do.
  using Fallback = std::function<Outcome(const Statistics&, Parameters&)>;

  // `prior` is null or what a prior adds to the statistics of the rows. `blur` is empty or the variances (D) that the
  // M-step adds to every row: gmix.model.blur.
  GaussianModel(const Structure& structure, const Statistics* prior, Numbers blur, const Reference& reference,
                Parameters parameters, Fallback fallback);

  std::unique_ptr<Model> copy() const override { return std::make_unique<GaussianModel>(*this); }
  void assign(const Model& other) override;
  bool prepare() override { return parameters_.prepare(); }
  Components components() const override {
    return {parameters_.view(), parameters_.factor.data(), parameters_.background()};
  }
  Outcome maximize(const Statistics& statistics) override;
  double objective(const Statistics& statistics) const override;

  const Parameters& parameters() const { return parameters_; }

 private:
  double log_prior() const;
  double background_count(const Statistics& statistics) const;

  Structure structure_;
  const Statistics* prior_;
  Numbers blur_;
  const Reference* reference_;
  Parameters parameters_;
  Fallback fallback_;
};

}  // namespace gmix
