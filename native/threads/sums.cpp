#include "threads/sums.hpp"

namespace gmix {

WhitenedSums cut_sums(const Mixture& m, char*& at) {
  const auto take = [&at](std::size_t count) {
    double* here = reinterpret_cast<double*>(at);
    at += aligned(count * sizeof(double));
    return here;
  };
  WhitenedSums sums{take(m.n_components), take(m.n_components * m.n_features), take(second_size(m)), 0.0};
  sums.counts = m.family == Family::kGaussian ? sums.mass : take(m.n_components);
  sums.log_factors = m.family == Family::kGaussian ? nullptr : take(m.n_components);
  sums.joint = take(m.n_components);
  sums.hidden_second = take(second_size(m));
  return sums;
}

std::size_t sums_size(const Mixture& m) {
  return (m.family == Family::kGaussian ? 2 : 4) * aligned(m.n_components * sizeof(double)) +
         aligned(m.n_components * m.n_features * sizeof(double)) + 2 * aligned(second_size(m) * sizeof(double));
}

void clear_partial(const Mixture& m, WhitenedSums& sums) {
  std::fill_n(sums.joint, m.n_components, 0.0);
  std::fill_n(sums.hidden_second, second_size(m), 0.0);
}

void clear(const Mixture& m, WhitenedSums& sums) {
  std::fill_n(sums.mass, m.n_components, 0.0);
  std::fill_n(sums.counts, m.n_components, 0.0);
  if (sums.log_factors != nullptr) std::fill_n(sums.log_factors, m.n_components, 0.0);
  std::fill_n(sums.first, m.n_components * m.n_features, 0.0);
  std::fill_n(sums.second, second_size(m), 0.0);
  sums.log_likelihood = 0.0;
  clear_partial(m, sums);
}

void add_sums(const Mixture& m, const WhitenedSums& part, WhitenedSums& total) {
  const auto add_all = [](const double* from, double* to, std::size_t count) {
    for (std::size_t i = 0; i < count; ++i) to[i] += from[i];
  };
  add_all(part.mass, total.mass, m.n_components);
  if (part.counts != part.mass) add_all(part.counts, total.counts, m.n_components);
  if (part.log_factors != nullptr) add_all(part.log_factors, total.log_factors, m.n_components);
  add_all(part.first, total.first, m.n_components * m.n_features);
  add_all(part.second, total.second, second_size(m));
  add_all(part.joint, total.joint, m.n_components);
  add_all(part.hidden_second, total.hidden_second, second_size(m));
  total.log_likelihood += part.log_likelihood;
}

void mirror(const Mixture& m, double* second) {
  if (m.form != Form::kFull && m.form != Form::kTied) return;
  const std::size_t d = m.n_features;
  for (double* matrix = second; matrix != second + second_size(m); matrix += d * d)
    for (std::size_t i = 0; i < d; ++i)
      for (std::size_t j = 0; j < i; ++j) matrix[j * d + i] = matrix[i * d + j];
}

}  // namespace gmix
