#include "em/coordinates.hpp"

#include <algorithm>
#include <cmath>
#include <utility>

namespace gmix {
namespace {

double inverse_root(double variance) { return variance > 0.0 ? 1.0 / std::sqrt(variance) : 0.0; }

}  // namespace

Numbers coordinates(const Statistics& from, const Statistics& found, const Components& components,
                    const Numbers& counts) {
  const Mixture& m = components.mixture;
  const std::size_t k = found.n_components(), d = found.n_features();
  Numbers all, second = found.scatter, step(d), first(d), mass(k);
  all.reserve(k * (d + 1) + second.size());
  for (std::size_t i = 0; i < second.size(); ++i) second[i] -= from.scatter[i];
  for (std::size_t c = 0; c < k; ++c) {
    const double scale = inverse_root(counts[c]);
    all.push_back((found.counts[c] - from.counts[c]) * scale);
    mass[c] = found.mass[c] - from.mass[c];
    std::fill(first.begin(), first.end(), 0.0);
    for (const auto& [statistics, sign] : {std::pair{&found, 1.0}, std::pair{&from, -1.0}}) {
      const double own = sign * statistics->mass[c];
      for (std::size_t i = 0; i < d; ++i) step[i] = statistics->mean[c * d + i] - m.means[c * d + i];
      for (std::size_t i = 0; i < d; ++i) first[i] += own * step[i];
      add_outer(found.form, c, d, own, step.data(), second.data());
    }
    for (std::size_t i = 0; i < d; ++i) {
      double whitened = 0.0;
      for (std::size_t j = 0; j <= i; ++j) whitened += whitener_at(m, c, i, j) * first[j];
      all.push_back(whitened * scale);
    }
  }
  const bool dense = is_dense(m.form, d), tied = m.form == Form::kTied, round = m.form == Form::kSpherical;
  const std::size_t size = dense ? d * d : 1;
  Numbers work(dense ? size : 0), whitened(size);
  for (std::size_t at = 0; at < second.size(); at += size) {
    const std::size_t c = at * k / second.size();
    const double own = tied ? sum_of(mass) : mass[c], cells = round ? static_cast<double>(d) : 1.0;
    const double scale = inverse_root(2.0 * cells * (tied ? sum_of(counts) : counts[c]));
    if (!dense) {
      all.push_back((m.whitener[at] * m.whitener[at] * second[at] - own * cells) * scale);
      continue;
    }
    kernel().congruence(&m.whitener[at], &second[at], work.data(), whitened.data(), d);
    for (std::size_t i = 0; i < d; ++i) {
      for (std::size_t j = 0; j < i; ++j) all.push_back(whitened[i * d + j] * scale * std::sqrt(2.0));
      all.push_back((whitened[i * d + i] - own) * scale);
    }
  }
  if (components.background) {  // its count is what the others leave
    const double share = std::exp(components.background.log_weight);
    const double count = sum_of(counts) * share / (1.0 - share);
    all.push_back((sum_of(found.counts) - sum_of(from.counts)) * inverse_root(count));
  }
  return all;
}

}  // namespace gmix
