#include "em/coordinates.hpp"

#include <cmath>

namespace gmix {
namespace {

double inverse_root(double variance) { return variance > 0.0 ? 1.0 / std::sqrt(variance) : 0.0; }

// Whitens the compact second moment that begins at `at`, less this mass, and appends it, divided by its deviations.
void add_second(const Mixture& m, Numbers& second, std::size_t at, double mass, double count, Numbers& all) {
  const std::size_t d = m.n_features;
  if (!is_dense(m.form, d)) {
    const double cells = m.form == Form::kSpherical ? static_cast<double>(d) : 1.0;
    all.push_back((m.whitener[at] * m.whitener[at] * second[at] - mass * cells) * inverse_root(2.0 * count * cells));
    return;
  }
  Numbers work(d * d), whitened(d * d);
  kernel().congruence(&m.whitener[at], &second[at], work.data(), whitened.data(), d);
  for (std::size_t i = 0; i < d; ++i) whitened[i * d + i] -= mass;
  for (const double value : whitened) all.push_back(value * inverse_root(2.0 * count));
}

}  // namespace

Numbers coordinates(const Statistics& s, const Components& components, const Numbers& counts) {
  const Mixture& m = components.mixture;
  const std::size_t k = s.n_components(), d = s.n_features();
  Numbers all, second = s.scatter, step(d);
  all.reserve(k * (d + 1) + second.size());
  for (std::size_t c = 0; c < k; ++c) {
    all.push_back(s.counts[c] * inverse_root(counts[c]));
    for (std::size_t i = 0; i < d; ++i) step[i] = s.mean[c * d + i] - m.means[c * d + i];
    add_outer(s.form, c, d, s.mass[c], step.data(), second.data());
    for (std::size_t i = 0; i < d; ++i) {
      double whitened = 0.0;
      for (std::size_t j = 0; j <= i; ++j) whitened += whitener_at(m, c, i, j) * step[j];
      all.push_back(s.mass[c] * whitened * inverse_root(counts[c]));
    }
  }
  const std::size_t size = is_dense(m.form, d) ? d * d : 1;
  for (std::size_t at = 0; at < second.size(); at += size) {
    const std::size_t c = m.form == Form::kTied ? 0 : at * k / second.size();
    const bool tied = m.form == Form::kTied;
    add_second(m, second, at, tied ? sum_of(s.mass) : s.mass[c], tied ? sum_of(counts) : counts[c], all);
  }
  return all;
}

}  // namespace gmix
