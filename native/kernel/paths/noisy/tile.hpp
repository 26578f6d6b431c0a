// What dense.hpp and diagonal.hpp share: the rows that are worked on at once, and how components and far rows are read.
#pragma once

#include "kernel/blocks.hpp"
#include "kernel/log_sum_exp.hpp"
#include "kernel/paths/row_by_row.hpp"

namespace gmix::GMIX_LEVEL::noisy {

using V = Vector<double>;

inline constexpr std::size_t kGroups = kUnroll;  // of rows, one row per lane

// Rows as they are loaded. A missing cell counts as a value at the mean of each component, which does not vary and has
// an error of variance 1. This adds nothing to the sums, and -log(2 pi) / 2 to the log density.
struct Tile {
  const bool covariances;  // or variances
  V* values;               // (kGroups, D): zero where missing
  V* present;              // (kGroups, D): 1, or 0 where missing
  V* errors;               // (kGroups, D) or (kGroups, D, D), of which the lower triangle
  V* constant;             // (kGroups): what the log densities lack because of missing cells, base 2
  double* weight;          // (kGroups)

  Tile(std::size_t d, bool covariances, Arena& arena)
      : covariances(covariances),
        values(arena.take<V>(kGroups * d)),
        present(arena.take<V>(kGroups * d)),
        errors(arena.take<V>(kGroups * (covariances ? d * d : d))),
        constant(arena.take<V>(kGroups)),
        weight(arena.take<double>(kStepRows<double>)) {}

  // Loads the rows of a block. Rows of weight zero count as missing, whatever they hold.
  void read(const Chunk& chunk, const RowBlock<double>& block) const {
    constexpr double half_log2_of_2_pi = 1.3257480647361592;
    const std::size_t d = chunk.rows.n_features;
    block.set_weights(chunk.weight, weight);
    block.load(chunk, Frame{}, reinterpret_cast<double*>(values));
    load_errors(chunk.rows, block);
    for (std::size_t g = 0; g < kGroups; ++g) {
      const V counts = load(weight + g * kLanes<double>) > 0.0 ? V{} + 1.0 : V{};
      V missing = {};
      for (std::size_t i = g * d; i < (g + 1) * d; ++i) {
        present[i] = values[i] == values[i] ? counts : V{};
        values[i] = present[i] > 0.0 ? values[i] : V{};
        missing += 1.0 - present[i];
      }
      constant[g] = counts * missing * half_log2_of_2_pi;
      mask_errors(present + g * d, d, errors + g * (covariances ? d * d : d));
    }
  }

 private:
  void load_errors(const Rows& rows, const RowBlock<double>& block) const {
    const double* const data = covariances ? rows.errors.covariances : rows.errors.variances;
    const std::size_t d = rows.n_features, count = covariances ? d * d : d;
    if (data == nullptr) {
      std::fill_n(errors, kGroups * count, V{});
      return;
    }
    constexpr std::ptrdiff_t size = sizeof(double);
    const Rows table{reinterpret_cast<const char*>(data),
                     rows.errors.common ? 0 : static_cast<std::ptrdiff_t>(count) * size,
                     size,
                     rows.n_rows,
                     count,
                     false};
    load_rows(table, block.begin, block.count, kGroups, Frame{}, reinterpret_cast<double*>(errors));
  }

  void mask_errors(const V* cells, std::size_t d, V* to) const {
    const V one = V{} + 1.0;
    for (std::size_t i = 0; i < d; ++i) {
      if (!covariances) to[i] = cells[i] > 0.0 ? to[i] : one;
      for (std::size_t j = 0; covariances && j <= i; ++j)
        to[i * d + j] = cells[i] * cells[j] > 0.0 ? to[i * d + j] : i == j ? one : V{};
    }
  }
};

// Entry (i, j) of the factor L of component c, with i no less than j.
inline double factor_at(const Components& components, std::size_t c, std::size_t i, std::size_t j) {
  const std::size_t d = components.mixture.n_features;
  switch (components.mixture.form) {
    case Form::kFull:
      return components.factor[(c * d + i) * d + j];
    case Form::kTied:
      return components.factor[i * d + j];
    case Form::kDiagonal:
      return i == j ? components.factor[c * d + i] : 0.0;
    default:
      return i == j ? components.factor[c] : 0.0;
  }
}

// log2 |L| of component c.
inline double log2_volume(const Components& components, std::size_t c) {
  double volume = 0.0;
  for (std::size_t j = 0; j < components.mixture.n_features; ++j) volume += std::log2(factor_at(components, c, j, j));
  return volume;
}

// Residuals of rows so far away that squares overflow are divided by the largest of them until they are whitened. This
// returns it.
inline V scale_residuals(std::size_t d, V* residuals) {
  const V most = V{} + std::numeric_limits<double>::max();
  V largest = {};
  for (std::size_t j = 0; j < d; ++j) {
    V& x = residuals[j];
    x = x > most ? most : x < -most ? -most : x;
    largest = larger(larger(x, -x), largest);
  }
  const V scale = largest > 0.0 ? largest : V{} + 1.0;
  for (std::size_t j = 0; j < d; ++j) residuals[j] /= scale;
  return scale;
}

// Restores the scale of whitened residuals, as far as sums of their squares stay finite.
inline void restore_scale(V scale, std::size_t d, V* whitened) {
  const V most = V{} + row_by_row::kMostResidual<Gaussian>;
  for (std::size_t j = 0; j < d; ++j) {
    const V x = whitened[j] * scale;
    whitened[j] = x > most ? most : x < -most ? -most : x;
  }
}

// A squared distance, as far as sums of such stay finite.
inline V clipped(V squared) {
  const V most = V{} + row_by_row::kMostResidual<Gaussian> * row_by_row::kMostResidual<Gaussian>;
  return squared < most ? squared : most;
}

inline V responsibility(const Densities<double>& densities, std::size_t c, std::size_t g) {
  const std::size_t at = g * kLanes<double>;
  return load(densities.joint + c * densities.stride + at) * load(densities.norm + at);
}

}  // namespace gmix::GMIX_LEVEL::noisy
