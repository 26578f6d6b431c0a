#include "threads/background.hpp"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>

namespace gmix {
namespace {

constexpr double kNever = -std::numeric_limits<double>::infinity();

// The log of the background's weighted density of the cells that a row has; minus infinity outside the box, and for
// rows that are known to come from a component.
template <typename Number>
double log_background(const Background& background, const Rows& rows, std::size_t row) {
  if (rows.label != nullptr && rows.label[row] >= 0.0) return kNever;
  const char* at = rows.data + static_cast<std::ptrdiff_t>(row) * rows.row_stride;
  double sum = background.log_weight;
  for (std::size_t j = 0; j < rows.n_features; ++j, at += rows.column_stride) {
    Number cell;
    std::memcpy(&cell, at, sizeof cell);
    const double value = static_cast<double>(cell);
    if (std::isnan(value)) continue;
    if (!(value >= background.low[j] && value <= background.high[j])) return kNever;
    sum += background.log_density[j];
  }
  return sum;
}

// Calls add(row, log density of the background, that of both together, share of the components) for each row.
template <typename Add>
void for_each_row(const Background& background, const Rows& rows, std::size_t begin, std::size_t end,
                  const double* log_density, const Add& add) {
  constexpr std::size_t kBlock = 8 * kPointStep;
  alignas(kAlignment) double own[kBlock] = {}, together[kBlock] = {}, share[kBlock];
  const auto log_of = rows.single ? log_background<float> : log_background<double>;
  for (std::size_t first = begin; first < end; first += kBlock) {
    const std::size_t count = std::min(kBlock, end - first);
    for (std::size_t i = 0; i < count; ++i) own[i] = log_of(background, rows, first + i);
    std::copy_n(log_density + first, count, together);
    kernel().add_densities(own, count, together, share);
    for (std::size_t i = 0; i < count; ++i) add(first + i, own[i], together[i], share[i]);
  }
}

}  // namespace

void add_background(const Background& background, const Rows& rows, std::size_t begin, std::size_t end,
                    std::size_t n_components, double* log_density, double* responsibilities) {
  for_each_row(background, rows, begin, end, log_density,
               [&](std::size_t row, double own, double together, double share) {
                 if (own == kNever) return;
                 log_density[row] = together;
                 if (responsibilities == nullptr) return;
                 double* const each = responsibilities + row * n_components;
                 for (std::size_t c = 0; c < n_components; ++c) each[c] = share == 0.0 ? 0.0 : each[c] * share;
               });
}

BackgroundSums leave_to_components(const Background& background, const Rows& rows, std::size_t begin, std::size_t end,
                                   const double* weight, double* log_density) {
  BackgroundSums sums;
  for_each_row(background, rows, begin, end, log_density,
               [&](std::size_t row, double own, double together, double share) {
                 const double mass = weight == nullptr ? 1.0 : weight[row];
                 log_density[row] = mass > 0.0 ? mass * share : 0.0;
                 if (!(mass > 0.0)) return;
                 sums.log_likelihood += mass * together;
                 if (share < 1.0) sums.log_density += mass * (1.0 - share) * own;
               });
  return sums;
}

}  // namespace gmix
