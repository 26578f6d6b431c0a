#include "em/model.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

namespace gmix {
namespace {

constexpr double kRounding = 4.0 * std::numeric_limits<double>::epsilon();

}  // namespace

bool is_at_rest(const Model& before, const Model& after, double limit) {
  const Mixture old = before.components().mixture, now = after.components().mixture;
  for (std::size_t c = 0; c < now.n_components; ++c) {
    for (std::size_t i = 0; i < now.n_features; ++i) {
      double moved = 0.0, rounding = 0.0;
      for (std::size_t j = 0; j <= i; ++j) {
        const double scale = whitener_at(now, c, i, j), mean = now.means[c * now.n_features + j];
        moved += scale * (mean - old.means[c * now.n_features + j]);
        rounding += kRounding * std::abs(scale * mean);
      }
      if (!(std::abs(moved) < limit + rounding)) return false;
    }
  }
  return true;
}

bool covariances_at_rest(const Model& before, const Model& after, double limit) {
  const Components old = before.components(), now = after.components();
  Mixture old_factor = old.mixture, new_factor = now.mixture;  // whose whiteners are the factors of the covariances
  old_factor.whitener = old.factor, new_factor.whitener = now.factor;
  const std::size_t d = now.mixture.n_features;
  Numbers size(d);  // of the rounding errors of whitened data
  for (std::size_t c = 0; c < now.mixture.n_components; ++c) {
    std::fill(size.begin(), size.end(), 0.0);
    for (std::size_t j = 0; j < d; ++j) {
      double variance = 0.0;
      for (std::size_t l = 0; l <= j; ++l) variance += std::pow(whitener_at(new_factor, c, j, l), 2);
      for (std::size_t i = j; i < d; ++i) size[i] += std::abs(whitener_at(now.mixture, c, i, j)) * std::sqrt(variance);
    }
    for (std::size_t i = 0; i < d; ++i)
      for (std::size_t k = 0; k <= i; ++k) {
        double entry = i == k ? -1.0 : 0.0;  // of the new whitener times the old factor, less the identity
        for (std::size_t j = k; j <= i; ++j)
          entry += whitener_at(now.mixture, c, i, j) * whitener_at(old_factor, c, j, k);
        if (!(std::abs(entry) < limit + kRounding * size[i] * size[k])) return false;
      }
  }
  return true;
}

}  // namespace gmix
