// The plan of the path neighbors.hpp: which components may matter to a row that lies near another one.
//
// Let u = W_a (x - m_a) be the whitened residual of a row about component a, and R^2 = |u|^2. By Lagrange duality the
// squared distance of the row to component c is at least
//
//   sum_j lambda w_cj^2 w_aj^2 delta_j^2 / (w_cj^2 + lambda w_aj^2) - lambda R^2,  delta = m_c - m_a,
//
// for any lambda >= 0, and the density of c is negligible beside that of a unless R^2 is above a limit that depends on
// the two components alone. Each component has a list of the others in the order of these limits. A list has limited
// length and limits: rows further away from a component than the last limit of its list are compared with all.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>

#include "kernel/elementary.hpp"
#include "kernel/linear_functions.hpp"
#include "kernel/paths/neighbors/packed.hpp"

namespace gmix::GMIX_LEVEL::neighbors {

inline constexpr std::size_t kLeastComponents = 256, kLeastColumns = 8;
inline constexpr std::size_t kListed = 256;      // components of a list
inline constexpr double kFarthest = 6.0;         // standard deviations of |u|^2 above its mean, up to which lists reach
inline constexpr std::size_t kSteps = 128;       // of limits, up to there
inline constexpr std::size_t kMostColumns = 32;  // from which the likeliest component is guessed
inline constexpr double kMostMissed = 0.02;      // guesses of one row that are wrong
inline constexpr std::size_t kSampled = 16;      // components whose lists say whether lists pay
inline constexpr double kMostOfAll = 1.0 / 10.0;  // part of all components that lists may take of an average row

// Whether mixtures of this shape may use the path.
inline bool may_have_neighbors(const Mixture& m) {
  return m.family == Family::kGaussian && (m.form == Form::kDiagonal || m.form == Form::kSpherical) &&
         m.n_features >= kLeastColumns && m.n_components >= kLeastComponents;
}

template <typename T>
struct Plan {
  bool* used;            // whether chunks of rows may take this path
  std::size_t* columns;  // P, from which the likeliest component is guessed
  std::size_t most_columns;
  Packed<T> packed;      // of no components for a shape that may not use the path
  std::size_t* column;   // (D): in the order in which they are used; the first P of these are
  double* spread;        // (D): how far means differ
  double* origin;        // (D)
  double* scale;         // (D)
  float* coefficients;   // (K, 1 + P), in tiles of kMostFunctions
  float* limits;         // (K, kListed): the squared distance of a row above which the listed component may matter
  std::uint32_t* list;   // (K, kListed)
  std::uint32_t* every;  // (K): all components
  T* limit;              // (K): work
  std::uint32_t* step;   // (K): work

  // Takes little memory for a shape that may not use the path.
  Plan(const Mixture& m, Arena& arena)
      : used(arena.take<bool>(1)),
        columns(arena.take<std::size_t>(1)),
        most_columns(std::min(m.n_features, kMostColumns)),
        packed(may_have_neighbors(m) ? m.n_components : 0, m.n_features, arena) {
    const std::size_t k = may_have_neighbors(m) ? m.n_components : 0;
    column = arena.take<std::size_t>(m.n_features);
    spread = arena.take<double>(m.n_features);
    origin = arena.take<double>(m.n_features);
    scale = arena.take<double>(m.n_features);
    coefficients = arena.take<float>(k * (1 + most_columns));
    limits = arena.take<float>(k * kListed);
    list = arena.take<std::uint32_t>(k * kListed);
    every = arena.take<std::uint32_t>(k);
    limit = arena.take<T>(k + kLanes<T>);
    step = arena.take<std::uint32_t>(k);
  }

  Tiles<float> tiles(const Mixture& m) const { return {coefficients, m.n_components, 1 + *columns, kMostFunctions}; }
};

// The squared length of whitened residuals of an average row, or of one of few that lie further away.
inline double squared_distance(const Mixture& m, double standard_deviations) {
  const double d = static_cast<double>(m.n_features);
  return kScale * kScale * (d + standard_deviations * std::sqrt(2.0 * d));
}

template <typename T>
[[gnu::always_inline]] inline Vector<T> inverse(Vector<T> x) {
  if constexpr (sizeof(T) == sizeof(double))
    return reciprocal(x);
  else
    return T(1) / x;
}

// Sets the limits (K) of all components in the list of a, less what rounding may add; minus infinity where one
// overflows. With equal widths, lambda = 2 is best for components that are as far apart as the last ones of a list, and
// close to best for others.
template <typename T>
void set_limits(const Mixture& m, const Plan<T>& plan, std::size_t a) {
  constexpr std::size_t lanes = kLanes<T>;
  constexpr T lambda = 2, none = -std::numeric_limits<T>::infinity(), tiny = std::numeric_limits<T>::min();
  const std::size_t k = m.n_components;
  const T* const own = plan.packed.component(a);
  for (std::size_t c = 0; c < k; c += lanes) {
    Vector<T> totals[lanes] = {}, constants = {};
#pragma GCC unroll 16
    for (std::size_t lane = 0; lane < lanes; ++lane) {
      const T* const other = plan.packed.component(std::min(c + lane, k - 1));
      for (std::size_t j = 0; j < 2 * plan.packed.width; j += 2 * lanes) {
        const Vector<T> w = load(own + j + lanes), z = load(other + j + lanes);
        const Vector<T> v = (load(other + j) - load(own + j)) * (w * z);
        totals[lane] += v * v * inverse<T>(z * z + lambda * (w * w) + tiny);
      }
      constants[lane] = plan.packed.constants[std::min(c + lane, k - 1)];
    }
    const Vector<T> difference = constants - plan.packed.constants[a] - T(kLeast);
    const Vector<T> limit =
        (SquareOfVectors<T>::sums(totals) * (lambda * T(0.9999)) - difference) / (lambda + T(1)) - T(0.01);
    store(plan.limit + c, limit == limit ? limit : broadcast(none));
  }
}

// Orders the columns by how far means differ in them, in units of the components' mean variance.
template <typename T>
void order_columns(const Mixture& m, const Plan<T>& plan) {
  const std::size_t k = m.n_components, d = m.n_features;
  const double share = 1.0 / static_cast<double>(k);
  for (std::size_t j = 0; j < d; ++j) {
    const double origin = mean_of_means(m, j);
    double variance = 0.0, between = 0.0;
    for (std::size_t c = 0; c < k; ++c) {
      const double deviation = 1.0 / whitener_diagonal(m, c, j), difference = m.means[c * d + j] - origin;
      variance += share * deviation * deviation;
      between += share * difference * difference;
    }
    std::size_t at = j;
    for (; at > 0 && plan.spread[at - 1] < between / variance; --at) {
      plan.spread[at] = plan.spread[at - 1], plan.column[at] = plan.column[at - 1];
      plan.origin[at] = plan.origin[at - 1], plan.scale[at] = plan.scale[at - 1];
    }
    plan.spread[at] = between / variance, plan.column[at] = j;
    plan.origin[at] = origin, plan.scale[at] = 1.0 / std::sqrt(variance);
  }
}

// Adds how many components look likelier than a by mistake, for each number of columns: one at a distance of b standard
// deviations does with probability below exp(-b^2 / 8) / 2. Those in the list of a do no harm. Uses the limits of a.
template <typename T>
void add_misses(const Mixture& m, const Plan<T>& plan, std::size_t a, double* misses) {
  const std::size_t d = m.n_features;
  const T average = static_cast<T>(squared_distance(m, 1.0));
  for (std::size_t c = 0; c < m.n_components; ++c) {
    if (plan.limit[c] < average) continue;
    double distance = 0.0;
    for (std::size_t p = 0, i = 0; p < plan.most_columns; ++p) {
      const std::size_t j = plan.column[p];
      const double difference = (m.means[c * d + j] - m.means[a * d + j]) * plan.scale[p];
      distance += difference * difference;
      if ((p + 1) % kLeastColumns == 0 && distance < 200.0) misses[i] += 0.5 * std::exp(-distance / 8.0);
      i += (p + 1) % kLeastColumns == 0;
    }
  }
}

// Sets the coefficients of squared distances in the chosen columns.
template <typename T>
void prepare_guess(const Mixture& m, const Plan<T>& plan) {
  const std::size_t d = m.n_features;
  for (std::size_t c = 0; c < m.n_components; ++c) {
    const auto b = plan.tiles(m).column(c);
    double square = 0.0;
    for (std::size_t p = 0; p < *plan.columns; ++p) {
      const double mean = (m.means[c * d + plan.column[p]] - plan.origin[p]) * plan.scale[p];
      square += mean * mean;
      b[1 + p] = static_cast<float>(mean);
    }
    const bool dead = !std::isfinite(m.log_constants[c]);
    b[0] = dead ? -std::numeric_limits<float>::infinity() : static_cast<float>(-0.5 * square);
  }
}

// Looks at the lists of some of the components. Returns whether they are short for average rows, and if so chooses the
// fewest columns in which few guesses are wrong.
template <typename T>
bool are_few(const Mixture& m, const Plan<T>& plan) {
  const std::size_t k = m.n_components;
  const T average = static_cast<T>(squared_distance(m, 1.0));
  std::size_t count = 0;
  double misses[kMostColumns / kLeastColumns] = {};
  for (std::size_t i = 0; i < kSampled; ++i) {
    const std::size_t a = i * k / kSampled;
    set_limits(m, plan, a);
    for (std::size_t c = 0; c < k; ++c) count += plan.limit[c] < average;
    if (static_cast<double>(count) > kMostOfAll * static_cast<double>(k * kSampled)) return false;
    if (i == 0) order_columns(m, plan);
    add_misses(m, plan, a, misses);
  }
  *plan.columns = kLeastColumns;
  while (*plan.columns + kLeastColumns <= plan.most_columns &&
         misses[*plan.columns / kLeastColumns - 1] > kMostMissed * static_cast<double>(kSampled))
    *plan.columns += kLeastColumns;
  return true;
}

// Sets the list of a. Limits are rounded down to whole steps, so that they are sorted by counting.
template <typename T>
void set_list(const Mixture& m, const Plan<T>& plan, std::size_t a) {
  const std::size_t k = m.n_components;
  const T step = static_cast<T>(squared_distance(m, kFarthest)) / static_cast<T>(kSteps);
  set_limits(m, plan, a);
  plan.limit[a] = step * static_cast<T>(kSteps);
  std::size_t ends[kSteps + 1] = {};
  for (std::size_t c = 0; c < k; ++c) {
    const T at = plan.limit[c] / step;
    plan.step[c] = at < T(kSteps) ? at > T(0) ? static_cast<std::uint32_t>(at) : 0 : kSteps;
    ++ends[plan.step[c]];
  }
  for (std::size_t i = 1; i <= kSteps; ++i) ends[i] += ends[i - 1];
  float* const limits = plan.limits + a * kListed;
  std::uint32_t* const list = plan.list + a * kListed;
  std::fill_n(limits, kListed, static_cast<float>(step * static_cast<T>(kSteps)));
  std::fill_n(list, kListed, static_cast<std::uint32_t>(a));
  for (std::size_t c = k; c-- > 0;) {
    const std::uint32_t own = plan.step[c];
    if (own == kSteps) continue;
    const std::size_t at = --ends[own];
    if (at >= kListed) continue;
    list[at] = static_cast<std::uint32_t>(c);
    limits[at] = own == 0 ? -std::numeric_limits<float>::infinity() : static_cast<float>(step * static_cast<T>(own));
  }
}

template <typename T>
void set_plan(const Mixture& m, const double* log_constants, const Plan<T>& plan) {
  *plan.used = may_have_neighbors(m);
  if (!*plan.used) return;
  pack(m, log_constants, plan.packed);
  *plan.used = are_few(m, plan);
  if (!*plan.used) return;
  prepare_guess(m, plan);
  for (std::size_t a = 0; a < m.n_components; ++a) {
    plan.every[a] = static_cast<std::uint32_t>(a);
    set_list(m, plan, a);
  }
}

}  // namespace gmix::GMIX_LEVEL::neighbors
