#include "em/model.hpp"

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

}  // namespace gmix
