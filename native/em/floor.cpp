#include "em/floor.hpp"

#include <algorithm>
#include <cmath>

#include "em/linear_algebra.hpp"

namespace gmix {
namespace {

constexpr double kDefinite = 1e-14;   // of a variance; less than that in some direction is rounding
constexpr double kOnFloor = 1.5;      // times the floor; a smaller variance has been raised, or is about to be
constexpr std::size_t kLargest = 64;  // columns up to which Jacobi's rotations are fast enough

// One covariance matrix: gmix.model.covariance.form.Form.lift.
class Lifting {
 public:
  explicit Lifting(std::size_t d) : d_(d), scale_(d), relative_(d * d), work_(d * d) {}

  // Raises eigenvalues that are below the floor to it.
  Outcome lift(const double* floor, double* covariance) {
    if (!measure(floor, covariance)) return Outcome::kFailed;
    if (exceeds(kOnFloor)) return Outcome::kSound;
    if (exceeds(0.5)) return Outcome::kCollapsed;
    if (d_ > kLargest) return Outcome::kFailed;
    std::vector<double> values(d_), axes(d_ * d_);
    work_ = relative_;
    eigen(work_.data(), d_, values.data(), axes.data());
    for (std::size_t i = 0; i < d_; ++i)
      for (std::size_t j = 0; j <= i; ++j) {
        double sum = relative_[i * d_ + j];
        for (std::size_t p = 0; p < d_; ++p)
          sum += axes[i * d_ + p] * std::max(1.0 - values[p], 0.0) * axes[j * d_ + p];
        covariance[i * d_ + j] = covariance[j * d_ + i] = sum * scale_[i] * scale_[j];
      }
    return Outcome::kCollapsed;
  }

 private:
  // The covariance in units of the floor, or of the smallest variance that float64 resolves beside the largest.
  bool measure(const double* floor, const double* covariance) {
    for (std::size_t i = 0; i < d_; ++i) {
      scale_[i] = std::sqrt(std::max(floor[i], kDefinite * covariance[i * d_ + i]));
      if (!(scale_[i] > 0.0) || !std::isfinite(scale_[i])) return false;
    }
    for (std::size_t i = 0; i < d_; ++i)
      for (std::size_t j = 0; j < d_; ++j) relative_[i * d_ + j] = covariance[i * d_ + j] / scale_[i] / scale_[j];
    for (std::size_t i = 0; i < d_; ++i) work_[i] = std::sqrt(std::max(relative_[i * d_ + i], 1.0));
    for (std::size_t i = 0; i < d_; ++i)
      for (std::size_t j = 0; j < d_; ++j) {
        const double limit = work_[i] * work_[j];
        double& value = relative_[i * d_ + j];
        if (!std::isfinite(value)) return false;
        value = std::min(std::max(value, -limit), limit);
      }
    return true;
  }

  // Is every eigenvalue greater?
  bool exceeds(double least) {
    work_ = relative_;
    for (std::size_t i = 0; i < d_; ++i) work_[i * d_ + i] -= least;
    return kernel().cholesky(work_.data(), d_);
  }

  const std::size_t d_;
  std::vector<double> scale_, relative_, work_;
};

}  // namespace

Outcome raise_to_floor(Form form, std::size_t d, const double* floor, std::vector<double>& covariances) {
  Outcome worst = Outcome::kSound;
  if (is_dense(form, d)) {
    Lifting lifting(d);
    for (std::size_t at = 0; at < covariances.size(); at += d * d) {
      const Outcome outcome = lifting.lift(floor, &covariances[at]);
      if (outcome == Outcome::kFailed) return outcome;
      if (outcome == Outcome::kCollapsed) worst = outcome;
    }
    return worst;
  }
  for (std::size_t at = 0; at < covariances.size(); ++at) {
    const double least = floor[form == Form::kDiagonal ? at % d : 0];
    if (!std::isfinite(covariances[at])) return Outcome::kFailed;
    if (!(covariances[at] > kOnFloor * least)) worst = Outcome::kCollapsed;
    covariances[at] = std::max(covariances[at], least);
  }
  return worst;
}

}  // namespace gmix
