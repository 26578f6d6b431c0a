#include "threads/row_groups.hpp"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>
#include <limits>

#include "threads/parallel.hpp"

namespace gmix {
namespace {

constexpr std::size_t kMostChunks = 8, kManyColumns = 128;
constexpr std::size_t kFewRows = 12, kFewRowsPerColumn = 1;  // fewer, of one group, are added up one by one

void make_room(std::unique_ptr<Memory>& memory, std::size_t& size, std::size_t needed) {
  if (memory == nullptr || size < needed) memory = std::make_unique<Memory>(size = needed);
}

// Sets a bit of the key for every cell of a row that is present.
template <typename Number>
void set_present_cells(const Rows& rows, std::size_t row, std::uint64_t* key) {
  const char* at = rows.data + static_cast<std::ptrdiff_t>(row) * rows.row_stride;
  for (std::size_t first = 0; first < rows.n_features; first += 64) {
    std::uint64_t present = 0;
    for (std::size_t j = first; j < std::min(first + 64, rows.n_features); ++j, at += rows.column_stride) {
      Number value;
      std::memcpy(&value, at, sizeof value);
      present |= static_cast<std::uint64_t>(value == value) << (j - first);
    }
    *key++ = present;
  }
}

template <typename Number>
double* copy_cells(const Rows& rows, std::size_t row, const std::vector<std::size_t>& columns, double* to) {
  const char* at = rows.data + static_cast<std::ptrdiff_t>(row) * rows.row_stride;
  for (const std::size_t j : columns) {
    Number value;
    std::memcpy(&value, at + static_cast<std::ptrdiff_t>(j) * rows.column_stride, sizeof value);
    *to++ = static_cast<double>(value);
  }
  return to;
}

// Whether the densities of a row's components depend on the row by more than its cells.
bool has_evidence(const Mixture& m, const Rows& rows) { return rows.log_evidence != nullptr && m.group != nullptr; }

std::uint64_t hash_of(const std::uint64_t* key, std::size_t words) {
  std::uint64_t hash = 0;
  for (std::size_t i = 0; i < words; ++i) {
    hash = (hash ^ key[i]) * 0x9E3779B97F4A7C15u;
    hash ^= hash >> 32;
  }
  return hash;
}

}  // namespace

std::size_t grouped_chunk(std::size_t n_features) {
  return kChunk * std::bit_floor(std::clamp<std::size_t>(kManyColumns / n_features, 1, kMostChunks));
}

void RowGroups::group_rows(const Rows& rows, std::size_t begin, std::size_t end, const double* weight) {
  constexpr std::size_t bits = 64, nowhere = std::numeric_limits<std::size_t>::max();
  const std::size_t d = rows.n_features, words = (d + bits - 1) / bits + 1;
  slots_.assign(64, 0);
  groups_.clear();
  keys_.assign(words, 0);
  group_of_.assign(end - begin, nowhere);
  const auto set_present = rows.single ? set_present_cells<float> : set_present_cells<double>;
  for (std::size_t row = begin; row < end; ++row) {
    if (weight != nullptr && weight[row] == 0.0) continue;
    std::uint64_t* key = &keys_[groups_.size() * words];
    std::fill_n(key, words, 0);
    if (rows.incomplete)
      set_present(rows, row, key);
    else
      std::fill_n(key, words - 1, ~std::uint64_t{0});
    const double label = rows.label == nullptr ? -1.0 : rows.label[row];
    key[words - 1] = static_cast<std::uint64_t>(label + 1.0);
    std::size_t slot = slot_of(key, words);
    if (slots_[slot] == 0) {
      groups_.push_back({{}, label, 0, 0});
      slots_[slot] = groups_.size();
      for (std::size_t j = 0; j < d; ++j)
        if (key[j / bits] >> (j % bits) & 1) groups_.back().columns.push_back(j);
      keys_.resize((groups_.size() + 1) * words);
      group_of_[row - begin] = groups_.size() - 1;
      if (2 * groups_.size() > slots_.size()) grow_slots(words);
    } else {
      group_of_[row - begin] = slots_[slot] - 1;
    }
    ++groups_[group_of_[row - begin]].end;
  }
  std::size_t total = 0;
  for (Group& group : groups_) {
    group.begin = total, total += group.end, group.end = group.begin;
  }
  order_.resize(total);
  for (std::size_t row = begin; row < end; ++row)
    if (group_of_[row - begin] != nowhere) order_[groups_[group_of_[row - begin]].end++] = row;
}

// The slot of a key: that of the group with this key, or an empty one.
std::size_t RowGroups::slot_of(const std::uint64_t* key, std::size_t words) const {
  const std::size_t mask = slots_.size() - 1;
  std::size_t slot = hash_of(key, words) & mask;
  const auto is_other = [&](const std::uint64_t* known) {
    for (std::size_t i = 0; i < words; ++i)
      if (known[i] != key[i]) return true;
    return false;
  };
  while (slots_[slot] != 0 && is_other(&keys_[(slots_[slot] - 1) * words])) slot = (slot + 1) & mask;
  return slot;
}

void RowGroups::grow_slots(std::size_t words) {
  slots_.assign(4 * slots_.size(), 0);
  for (std::size_t group = 0; group < groups_.size(); ++group)
    slots_[slot_of(&keys_[group * words], words)] = group + 1;
}

bool RowGroups::choose_components(const Mixture& m, const Group& group) {
  chosen_.clear();
  for (std::size_t c = 0; c < m.n_components; ++c)
    if (group.label < 0.0 || m.group == nullptr || m.group[c] == group.label) chosen_.push_back(c);
  return !chosen_.empty();
}

bool RowGroups::are_few(const Group& group, const Mixture& m) const {
  // The log densities of other families do not follow from sums.
  if (group.columns.empty() || m.family != Family::kGaussian) return true;
  return group.end - group.begin < std::max(kFewRows, kFewRowsPerColumn * m.n_features);
}

RowGroup RowGroups::as_rows(const Mixture& m, const Group& group) {
  absent_.clear();
  for (std::size_t j = 0, a = 0; j < m.n_features; ++j) {
    if (a < group.columns.size() && group.columns[a] == j)
      ++a;
    else
      absent_.push_back(j);
  }
  constants_.resize(m.n_components);
  for (std::size_t c = 0; c < m.n_components; ++c)
    constants_[c] = log_constant(m, c, group.columns.size()) - log_constant(m, c, m.n_features);
  return {&order_[group.begin], group.columns.data(), absent_.data(), chosen_.data(),   group.end - group.begin,
          group.columns.size(), absent_.size(),       chosen_.size(), constants_.data()};
}

void RowGroups::begin_incomplete(const Mixture& m) {
  make_room(incomplete_, incomplete_size_, kernel_.incomplete_size(m));
  kernel_.begin_incomplete(m, incomplete_->data());
}

void RowGroups::set_marginal(const Components& components, const Group& group) {
  const Mixture& m = components.mixture;
  if (marginal_ == nullptr || shape_.form != m.form || shape_.n_components != m.n_components ||
      shape_.n_features != m.n_features) {
    shape_ = m;
    marginal_ = std::make_unique<Marginal>(m);
    part_numbers_.resize(m.n_components * (2 + m.n_features) + second_size(m));
    double* const at = part_numbers_.data();
    part_ = {at, at + 2 * m.n_components, at + m.n_components * (2 + m.n_features), 0.0, at + m.n_components};
  }
  marginal_->set(components, group.columns, chosen_);
  const Mixture& mixture = marginal_->mixture();
  make_room(plan_, plan_size_, kernel_.plan_size(mixture));
  make_room(scratch_, scratch_size_, kernel_.scratch_size(mixture));
  kernel_.plan(mixture, false, plan_->data());
}

Rows RowGroups::copied(const Rows& rows, const Group& group, const double* weight) {
  const std::size_t count = group.end - group.begin, d = group.columns.size();
  cells_.resize(count * d);
  double* to = cells_.data();
  const auto copy = rows.single ? copy_cells<float> : copy_cells<double>;
  for (std::size_t i = group.begin; i < group.end; ++i) to = copy(rows, order_[i], group.columns, to);
  weights_.resize(weight == nullptr ? 0 : count);
  for (std::size_t i = 0; i < weights_.size(); ++i) weights_[i] = weight[order_[group.begin + i]];
  constexpr std::ptrdiff_t size = sizeof(double);
  return {reinterpret_cast<const char*>(cells_.data()), static_cast<std::ptrdiff_t>(d) * size, size, count, d, false};
}

void RowGroups::expect(const Components& components, const Rows& rows, std::size_t begin, std::size_t end,
                       const double* weight, WhitenedSums& sums, const Interruption& interruption) {
  const Mixture& m = components.mixture;
  std::fill_n(sums.mass, m.n_components, 0.0);
  std::fill_n(sums.counts, m.n_components, 0.0);
  if (sums.log_factors != nullptr) std::fill_n(sums.log_factors, m.n_components, 0.0);
  std::fill_n(sums.first, m.n_components * m.n_features, 0.0);
  std::fill_n(sums.second, second_size(m), 0.0);
  std::fill_n(sums.joint, m.n_components, 0.0);
  std::fill_n(sums.hidden_second, second_size(m), 0.0);
  sums.log_likelihood = 0.0;
  group_rows(rows, begin, end, weight);
  begin_incomplete(m);
  for (const Group& group : groups_) {
    if (interruption()) return;
    if (!choose_components(m, group)) {
      sums.log_likelihood = -std::numeric_limits<double>::infinity();
    } else if (has_evidence(m, rows) || are_few(group, m)) {
      kernel_.expect_incomplete(m, rows, weight, as_rows(m, group), incomplete_->data(), sums);
    } else {
      set_marginal(components, group);
      const Rows complete = copied(rows, group, weight);
      part_.log_likelihood = 0.0;
      kernel_.expect(marginal_->mixture(), false, plan_->data(), complete, 0, complete.n_rows,
                     weight == nullptr ? nullptr : weights_.data(), scratch_->data(), part_, interruption);
      marginal_->add(part_, sums);
    }
  }
  kernel_.finish_incomplete(m, incomplete_->data(), sums);
  for (std::size_t i = 0; i < second_size(m); ++i) sums.second[i] += sums.hidden_second[i];
}

void RowGroups::posterior(const Components& components, const Rows& rows, std::size_t begin, std::size_t end,
                          double* log_density, double* responsibilities, const Interruption& interruption) {
  const Mixture& m = components.mixture;
  const std::size_t k = m.n_components;
  group_rows(rows, begin, end, nullptr);
  begin_incomplete(m);
  for (const Group& group : groups_) {
    if (interruption()) return;
    const bool possible = choose_components(m, group);
    if (possible && (has_evidence(m, rows) || are_few(group, m))) {
      kernel_.posterior_incomplete(m, rows, as_rows(m, group), incomplete_->data(), log_density, responsibilities);
      continue;
    }
    const std::size_t count = group.end - group.begin, width = chosen_.size();
    log_density_.assign(count, -std::numeric_limits<double>::infinity());
    responsibilities_.resize(responsibilities == nullptr ? 0 : count * width);
    if (possible) {
      set_marginal(components, group);
      const Rows complete = copied(rows, group, nullptr);
      kernel_.posterior(marginal_->mixture(), plan_->data(), complete, 0, count, scratch_->data(), log_density_.data(),
                        responsibilities == nullptr ? nullptr : responsibilities_.data(), interruption);
    }
    for (std::size_t i = 0; i < count; ++i) {
      const std::size_t row = order_[group.begin + i];
      log_density[row] = log_density_[i];
      if (responsibilities == nullptr) continue;
      std::fill_n(responsibilities + row * k, k, 0.0);
      for (std::size_t a = 0; a < width; ++a) responsibilities[row * k + chosen_[a]] = responsibilities_[i * width + a];
    }
  }
}

}  // namespace gmix
