// Truncated E-steps for Python.
#pragma once

#include "python/callables.hpp"
#include "threads/truncated_pass.hpp"

namespace gmix {

// Truncated E-steps over rows in memory, whose labels (N) name the components that rows begin with.
class TruncatedEStep {
 public:
  TruncatedEStep(nb::handle rows, nb::handle labels, std::size_t n_kept, std::size_t n_neighbors, std::size_t threads)
      : given_(rows),
        labels_(numbers_of(labels, "labels", 1, given_.rows().n_rows)),
        n_kept_(n_kept),
        n_neighbors_(n_neighbors),
        threads_(threads) {
    if (is_grouped(given_.rows()) || is_noisy(given_.rows()))
      throw nb::value_error("truncated E-steps take rows that are known completely");
    if (n_kept == 0 || n_neighbors == 0) throw nb::value_error("a row keeps at least one component");
  }

  nb::tuple expect(nb::handle object) {
    const ComponentArrays arrays(object);
    const Components components = arrays.view();
    const Mixture& mixture = components.mixture;
    require_fit(mixture, given_.rows());
    if (mixture.family != Family::kGaussian || components.background ||
        (mixture.form != Form::kDiagonal && mixture.form != Form::kSpherical))
      throw nb::value_error("truncated E-steps take diagonal and spherical Gaussian components");
    if (!pass_) begin(mixture);
    if (mixture.n_components != n_components_ || mixture.form != form_)
      throw nb::value_error("the components of truncated E-steps have one form and number");
    without_gil([&] { return pass_->expect(mixture, given_.rows(), given_.weight(), is_interrupted); });
    Statistics statistics{};
    set_statistics(pass_->sums(), components, statistics);
    return statistics_tuple(statistics);
  }

 private:
  void begin(const Mixture& mixture) {
    for (const double label : labels_)
      if (!(label >= 0.0 && label < static_cast<double>(mixture.n_components)))
        throw nb::value_error("a label names no component");
    pass_ =
        std::make_unique<TruncatedPass>(mixture, given_.rows().n_rows, labels_.data(), n_kept_, n_neighbors_, threads_);
    n_components_ = mixture.n_components;
    form_ = mixture.form;
    labels_ = {};
  }

  const GivenRows given_;
  Numbers labels_;
  const std::size_t n_kept_, n_neighbors_, threads_;
  std::size_t n_components_ = 0;
  Form form_ = Form::kDiagonal;
  std::unique_ptr<TruncatedPass> pass_;
};

}  // namespace gmix
