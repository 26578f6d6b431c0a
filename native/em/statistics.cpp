#include "em/statistics.hpp"

#include <algorithm>

namespace gmix {
namespace {

void add_all(const Numbers& from, Numbers& to) {
  for (std::size_t i = 0; i < to.size(); ++i) to[i] += from[i];
}

// Replaces whitened second moments by L second L'.
void to_units_of_data(const Components& components, Numbers& second) {
  const Mixture& m = components.mixture;
  const double* const factor = components.factor;
  const std::size_t d = m.n_features;
  const bool dense = is_dense(m.form, d);
  Numbers centered, work(dense ? d * d : 0);
  for (std::size_t at = 0; at < second.size(); at += dense ? d * d : 1) {
    if (dense) {
      centered.assign(&second[at], &second[at] + d * d);
      kernel().congruence(&factor[at], centered.data(), work.data(), &second[at], d);
    } else {
      second[at] *= factor[at] * factor[at];
    }
  }
}

}  // namespace

double sum_of(const Numbers& values) {
  double sum = 0.0;
  for (const double value : values) sum += value;
  return sum;
}

bool are_of_partial_rows(const Statistics& statistics) {
  return std::any_of(statistics.extra.begin(), statistics.extra.end(),
                     [](const auto& sum) { return sum.first == "joint"; });
}

std::size_t compact_size(Form form, std::size_t k, std::size_t d) {
  return second_size({form, k, d, nullptr, nullptr, nullptr});
}

void add_outer(Form form, std::size_t c, std::size_t d, double mass, const double* v, double* scatter) {
  if (form == Form::kFull || form == Form::kTied) {
    double* matrix = scatter + (form == Form::kFull ? c * d * d : 0);
    for (std::size_t i = 0; i < d; ++i)
      for (std::size_t j = 0; j < d; ++j) matrix[i * d + j] += mass * (v[i] * v[j]);  // symmetric to the bit
  } else {
    for (std::size_t i = 0; i < d; ++i) scatter[form == Form::kDiagonal ? c * d + i : c] += mass * v[i] * v[i];
  }
}

bool have_same_size(const Statistics& left, const Statistics& right) {
  return left.form == right.form && left.mass.size() == right.mass.size() && left.mean.size() == right.mean.size();
}

bool have_same_shape(const Statistics& left, const Statistics& right) {
  return have_same_size(left, right) && std::equal(left.extra.begin(), left.extra.end(), right.extra.begin(),
                                                   right.extra.end(), [](const auto& a, const auto& b) {
                                                     return a.first == b.first && a.second.size() == b.second.size();
                                                   });
}

Statistics sum(const Statistics& left, const Statistics& right) {
  const std::size_t k = left.n_components(), d = left.n_features();
  Statistics all = left;
  add_all(right.counts, all.counts);
  add_all(right.mass, all.mass);
  add_all(right.scatter, all.scatter);
  add_all(right.divisor, all.divisor);
  all.log_likelihood += right.log_likelihood;
  for (auto& [name, values] : all.extra)
    for (const auto& [other, addend] : right.extra)
      if (name == other) add_all(addend, values);
  Numbers step(d);
  for (std::size_t c = 0; c < k; ++c) {
    if (!(right.mass[c] > 0.0)) continue;
    const double share = right.mass[c] / all.mass[c];
    for (std::size_t i = 0; i < d; ++i) {
      step[i] = right.mean[c * d + i] - left.mean[c * d + i];
      all.mean[c * d + i] += share * step[i];
    }
    add_outer(left.form, c, d, left.mass[c] * share, step.data(), all.scatter.data());
  }
  return all;
}

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

bool combine(const std::vector<const Statistics*>& parts, const Numbers& weights, Statistics& sum) {
  sum = *parts.back();
  for (const Statistics* part : parts)
    if (!have_same_shape(*part, sum)) return false;
  const auto combine_all = [&](const auto& numbers, Numbers& into) {
    std::fill(into.begin(), into.end(), 0.0);
    for (std::size_t p = 0; p < parts.size(); ++p)
      for (std::size_t i = 0; i < into.size(); ++i) into[i] += weights[p] * numbers(*parts[p])[i];
  };
  combine_all([](const Statistics& s) -> const Numbers& { return s.counts; }, sum.counts);
  combine_all([](const Statistics& s) -> const Numbers& { return s.mass; }, sum.mass);
  combine_all([](const Statistics& s) -> const Numbers& { return s.scatter; }, sum.scatter);
  combine_all([](const Statistics& s) -> const Numbers& { return s.divisor; }, sum.divisor);
  for (std::size_t e = 0; e < sum.extra.size(); ++e)
    combine_all([&](const Statistics& s) -> const Numbers& { return s.extra[e].second; }, sum.extra[e].second);
  const std::size_t k = sum.n_components(), d = sum.n_features();
  const Numbers& near = parts.back()->mean;  // differences from it keep the digits of the means
  Numbers step(d);
  for (std::size_t c = 0; c < k; ++c) {
    if (!(sum.mass[c] > 0.0 && sum.counts[c] > 0.0)) return false;
    double* const mean = &sum.mean[c * d];
    for (std::size_t p = 0; p < parts.size(); ++p)
      for (std::size_t i = 0; i < d; ++i)
        mean[i] += weights[p] * parts[p]->mass[c] / sum.mass[c] * (parts[p]->mean[c * d + i] - near[c * d + i]);
    for (std::size_t p = 0; p < parts.size(); ++p) {
      for (std::size_t i = 0; i < d; ++i) step[i] = parts[p]->mean[c * d + i] - mean[i];
      add_outer(sum.form, c, d, weights[p] * parts[p]->mass[c], step.data(), sum.scatter.data());
    }
  }
  return true;
}

void set_statistics(const WhitenedSums& sums, const Components& components, Statistics& s) {
  const Mixture& m = components.mixture;
  const double* const factor = components.factor;
  const std::size_t k = m.n_components, d = m.n_features, size = second_size(m);
  const bool dense = is_dense(m.form, d);
  s.form = m.form;
  s.counts.assign(sums.counts, sums.counts + k);
  s.mass.assign(sums.mass, sums.mass + k);
  s.mean.assign(m.means, m.means + k * d);
  s.scatter.assign(sums.second, sums.second + size);
  s.divisor.assign(sums.counts, sums.counts + k);
  s.log_likelihood = sums.log_likelihood;
  s.extra.clear();
  Numbers step(d);
  for (std::size_t c = 0; c < k; ++c) {
    for (std::size_t i = 0; i < d; ++i) step[i] = s.mass[c] > 0.0 ? sums.first[c * d + i] / s.mass[c] : 0.0;
    add_outer(m.form, c, d, -s.mass[c], step.data(), s.scatter.data());
    double* mean = &s.mean[c * d];
    for (std::size_t i = 0; i < d; ++i) {
      if (!dense) {
        mean[i] += factor[m.form == Form::kTied ? 0 : m.form == Form::kDiagonal ? c * d + i : c] * step[i];
        continue;
      }
      const double* row = &factor[(m.form == Form::kFull ? c * d : 0) * d + i * d];
      for (std::size_t j = 0; j <= i; ++j) mean[i] += row[j] * step[j];
    }
  }
  to_units_of_data(components, s.scatter);
  const auto add_extra = [&](const char* name, const double* values, std::size_t count) {
    const auto is_zero = [](double value) { return value == 0.0; };
    if (values != nullptr && !std::all_of(values, values + count, is_zero))
      s.extra.emplace_back(name, Numbers(values, values + count));
  };
  if (sums.log_factors != nullptr) s.extra.emplace_back("log_factors", Numbers(sums.log_factors, sums.log_factors + k));
  add_extra("joint", sums.joint, k);
  if (m.form == Form::kTied) return;  // what is hidden is not one of each component
  add_extra("hidden", sums.hidden_second, size);
  if (!s.extra.empty() && s.extra.back().first == "hidden") to_units_of_data(components, s.extra.back().second);
}

Statistics statistics_of_labels(const double* rows, const double* labels, const double* weight, std::size_t n,
                                std::size_t k, std::size_t d, Form form) {
  Statistics s{form, {}, Numbers(k), Numbers(k * d), Numbers(compact_size(form, k, d)), {}, 0.0, {}};
  const double* center = nullptr;  // differences from a row of positive weight keep the digits of the means
  const auto each = [&](const auto& add) {
    for (std::size_t i = 0; i < n; ++i) {
      const double mass = weight == nullptr ? 1.0 : weight[i];
      if (!(mass > 0.0)) continue;
      const double* row = rows + i * d;
      if (center == nullptr) center = row;
      add(static_cast<std::size_t>(labels[i]), mass, row);
    }
  };
  each([&](std::size_t c, double mass, const double* row) {
    s.mass[c] += mass;
    for (std::size_t j = 0; j < d; ++j) s.mean[c * d + j] += mass * (row[j] - center[j]);
  });
  for (std::size_t c = 0; c < k; ++c)
    for (std::size_t j = 0; center != nullptr && j < d; ++j)
      s.mean[c * d + j] = center[j] + (s.mass[c] > 0.0 ? s.mean[c * d + j] / s.mass[c] : 0.0);
  Numbers difference(d);
  each([&](std::size_t c, double mass, const double* row) {
    for (std::size_t j = 0; j < d; ++j) difference[j] = row[j] - s.mean[c * d + j];
    add_outer(form, c, d, mass, difference.data(), s.scatter.data());
  });
  s.counts = s.divisor = s.mass;
  return s;
}

}  // namespace gmix
