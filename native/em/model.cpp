#include "em/model.hpp"

#include <cmath>
#include <limits>

namespace gmix {
namespace {

constexpr double kRounding = 4.0 * std::numeric_limits<double>::epsilon();

// The whitener of component c at row i, column j, of which j > i are zero.
double whitener_at(const Mixture& m, std::size_t c, std::size_t i, std::size_t j) {
  const std::size_t d = m.n_features;
  switch (m.form) {
    case Form::kFull:
      return m.whitener[(c * d + i) * d + j];
    case Form::kTied:
      return m.whitener[i * d + j];
    case Form::kDiagonal:
      return i == j ? m.whitener[c * d + i] : 0.0;
    default:
      return i == j ? m.whitener[c] : 0.0;
  }
}

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
