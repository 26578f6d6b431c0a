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
  double log_density(std::size_t, double log_constant, double distance, std::size_t) const {
    return log_constant - distance * distance / 2;
  }
};

// The derivative of the logarithm of the Gamma function, for x > 0: recurrence up to `large`, and the asymptotic
// series.
inline double digamma(double x) {
  constexpr double large = 10.0;
  double value = 0.0;
  for (; x < large; x += 1.0) value -= 1.0 / x;
  const double y = 1.0 / (x * x);
  const double series =
      y *
      (1.0 / 12 - y * (1.0 / 120 - y * (1.0 / 252 - y * (1.0 / 240 - y * (1.0 / 132 - y * (691.0 / 32760 - y / 12))))));
  return value + std::log(x) - 0.5 / x - series;
}

// Student's t in D cells, component c of which has nu degrees of freedom: log density = constant - (nu + D) / 2 *
// log(1 + delta / nu) and factor u = (nu + D) / (nu + delta), delta the squared distance.
class StudentT {
 public:
  static constexpr bool kHasFactors = true;

  explicit StudentT(const double* degrees_of_freedom) : nu_(degrees_of_freedom) {}

  template <typename V>
  V log_densities(std::size_t c, double log_constant, V squared_distance, std::size_t cells) const {
    return log_constant - (nu_[c] + static_cast<double>(cells)) / 2 * log_of_one_plus(squared_distance / nu_[c]);
  }
  template <typename V>
  V share_factors(std::size_t c, V squared_distance, std::size_t cells) const {
    return (nu_[c] + static_cast<double>(cells)) / (nu_[c] + squared_distance);
  }

  // E[log U] - log u, the same for all rows with this number of cells (Peel & McLachlan 2000, equation 17).
  double log_factor_excess(std::size_t c, std::size_t cells) const {
    const double half = (nu_[c] + static_cast<double>(cells)) / 2;
    return digamma(half) - std::log(half);
  }

  // The same of one row, by its distance, whose square need not be finite.
  double log_density(std::size_t c, double log_constant, double distance, std::size_t cells) const {
    constexpr double large = 1e10;  // from here on, log(1 + x^2) = 2 log x
    const double x = distance / std::sqrt(nu_[c]);
    const double logarithm = x < large ? std::log1p(x * x) : 2.0 * std::log(x);
    return log_constant - (nu_[c] + static_cast<double>(cells)) / 2 * logarithm;
  }
  double root_of_share_factor(std::size_t c, double distance, std::size_t cells) const {
    return std::sqrt(nu_[c] + static_cast<double>(cells)) / std::hypot(std::sqrt(nu_[c]), distance);
  }

 private:
  const double* nu_;  // (K)
};

// Calls function(family) with the family of a mixture. Other families than the Gaussian are not computed in float32.
template <typename T, typename Function>
void with_family(const Mixture& m, const Function& function) {
  if constexpr (sizeof(T) == sizeof(double))
    if (m.family == Family::kStudentT) return function(StudentT(m.degrees_of_freedom));
  function(Gaussian());
}

}  // namespace gmix::GMIX_LEVEL
