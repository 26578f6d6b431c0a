// What a component is, given the Mahalanobis distance of a row and the number of the row's cells: its log density, and
// the share factor that multiplies responsibilities in the moments.
//
// The paths are templates on a family. Gaussian factors are 1, and code for factors is not compiled for them.
#pragma once

#include <cmath>

#include "kernel/elementary.hpp"
#include "kernel/kernel.hpp"

namespace gmix::GMIX_LEVEL {

struct Gaussian {
  static constexpr bool kHasFactors = false;

  // Vectors of Gaussian log densities are formed by the paths themselves: in base 2 they are constant - |z|^2.
  double log_density(double log_constant, double distance, std::size_t) const {
    return log_constant - distance * distance / 2;
  }
};

// Student's t in D cells, with nu degrees of freedom: log density = constant - (nu + D) / 2 * log(1 + delta / nu) and
// factor (nu + D) / (nu + delta), delta the squared distance.
class StudentT {
 public:
  static constexpr bool kHasFactors = true;

  explicit StudentT(double degrees_of_freedom) : nu_(degrees_of_freedom) {}

  template <typename V>
  V log_densities(double log_constant, V squared_distance, std::size_t cells) const {
    return log_constant - (nu_ + static_cast<double>(cells)) / 2 * log_of_one_plus(squared_distance / nu_);
  }
  template <typename V>
  V share_factors(V squared_distance, std::size_t cells) const {
    return (nu_ + static_cast<double>(cells)) / (nu_ + squared_distance);
  }

  // The same of one row, by its distance, whose square need not be finite.
  double log_density(double log_constant, double distance, std::size_t cells) const {
    constexpr double large = 1e10;  // from here on, log(1 + x^2) = 2 log x
    const double x = distance / std::sqrt(nu_);
    const double logarithm = x < large ? std::log1p(x * x) : 2.0 * std::log(x);
    return log_constant - (nu_ + static_cast<double>(cells)) / 2 * logarithm;
  }
  double root_of_share_factor(double distance, std::size_t cells) const {
    return std::sqrt(nu_ + static_cast<double>(cells)) / std::hypot(std::sqrt(nu_), distance);
  }

 private:
  double nu_;
};

// Calls function(family) with the family of a mixture. Other families than the Gaussian are not computed in float32.
template <typename T, typename Function>
void with_family(const Mixture& m, const Function& function) {
  if constexpr (sizeof(T) == sizeof(double))
    if (m.family == Family::kStudentT) return function(StudentT(m.degrees_of_freedom));
  function(Gaussian());
}

}  // namespace gmix::GMIX_LEVEL
