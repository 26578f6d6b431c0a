// The plan and the scratch of the matrix products path.
#pragma once

#include "kernel/linear_functions.hpp"
#include "kernel/log_sum_exp.hpp"
#include "kernel/moments.hpp"
#include "kernel/whitening.hpp"

namespace gmix::GMIX_LEVEL::matrix_products {

inline constexpr std::size_t kMostSummed = kAccumulators / 3;  // components of one tile of moments

// Whether rows are whitened, once for all components, before features are formed.
inline bool whitens_rows(Form form) { return form == Form::kTied || form == Form::kFull; }

// Features: 1; the D columns y; and squares of columns (diagonal), their sum (spherical) or products of two (full).
// The squares of a tied mixture's columns are the same for all components and are no features.
inline std::size_t feature_count(const Mixture& m) {
  const std::size_t d = m.n_features;
  switch (m.form) {
    case Form::kFull:
      return 1 + d + triangle_size(d);
    case Form::kTied:
      return 1 + d;
    case Form::kDiagonal:
      return 1 + d + d;
    case Form::kSpherical:
      return 1 + d + 1;
  }
  return 0;
}

// The length of D numbers rounded up to whole vectors.
inline std::size_t padded_columns(std::size_t d) { return (d + kLanes<double> - 1) / kLanes<double> * kLanes<double>; }

template <typename T>
struct Plan {
  std::size_t block;  // rows
  T* coefficients;    // (K, features), in tiles of kMostFunctions
  T* origin;          // (D)
  T* scale;           // (D), diagonal and spherical: powers of two that bring the columns to order one
  T* whitener;        // tied and full: the packed triangle that whitens rows
  T* means;           // (K, D), tied: whitened about the origin
  double* whiteners;  // (K, D, D), full: the components' whiteners, applied to whitened rows
  double* centers;    // (K, D), full: the components' means, whitened about the origin like rows
  double* work;       // (2, D, D), full

  Plan(const Mixture& m, Arena& arena) {
    const std::size_t k = m.n_components, d = m.n_features, size = feature_count(m);
    const bool tied = m.form == Form::kTied, full = m.form == Form::kFull;
    block = block_rows<T>(k + size);
    coefficients = arena.take<T>(k * size);
    origin = arena.take<T>(d);
    scale = arena.take<T>(tied || full ? 0 : d);
    whitener = arena.take<T>(tied || full ? triangle_size(d) : 0);
    means = arena.take<T>(tied ? k * d : 0);
    whiteners = arena.take<double>(full ? k * d * d : 0);
    centers = arena.take<double>(full ? k * d : 0);
    work = arena.take<double>(full ? 2 * d * d : 0);
  }

  Tiles<T> tiles(const Mixture& m) const { return {coefficients, m.n_components, feature_count(m), kMostFunctions}; }
};

template <typename T>
struct Scratch {
  T* x;         // (D, groups): rows, one column after the other within a group
  T* y;         // (D, groups), tied and full: whitened rows
  T* residual;  // (D, kStepRows), tied and full
  T* features;  // (features, stride)
  std::size_t stride;
  T* weight;  // (groups)
  T* common;  // (groups), tied and full: -|y|^2, which tied log densities have in common
  Densities<T> densities;
  T* responsibility;    // (groups, kMostSummed): weighted, of a tile of components
  std::size_t* active;  // (groups): those with a row of positive responsibility in a tile
  T* weighted_y;        // (kStrip, groups), tied
  double* totals;       // (K, features), in tiles of kMostSummed: sums of responsibility * features
  double* row;          // (D)
  double* square;       // (D, D) and (2, D, padded_columns(D)), full

  Scratch(const Mixture& m, const Plan<T>& plan, Arena& arena)
      : x(arena.take<T>(m.n_features * plan.block)),
        y(arena.take<T>(whitens_rows(m.form) ? m.n_features * plan.block : 0)),
        residual(arena.take<T>(whitens_rows(m.form) ? m.n_features * kStepRows<T> : 0)),
        features(arena.take<T>(feature_count(m) * row_stride<T>(plan.block))),
        stride(row_stride<T>(plan.block)),
        weight(arena.take<T>(plan.block)),
        common(arena.take<T>(whitens_rows(m.form) ? plan.block : 0)),
        densities(m.n_components, plan.block, stride, arena),
        responsibility(arena.take<T>(kMostSummed * plan.block)),
        active(arena.take<std::size_t>(plan.block / kLanes<T>)),
        weighted_y(arena.take<T>(m.form == Form::kTied ? kStrip * plan.block : 0)),
        totals(arena.take<double>(m.n_components * feature_count(m))),
        row(arena.take<double>(m.n_features)),
        square(arena.take<double>(
            m.form == Form::kFull ? m.n_features * (m.n_features + 2 * padded_columns(m.n_features)) : 0)) {}

  Tiles<double> total_tiles(const Mixture& m) const { return {totals, m.n_components, feature_count(m), kMostSummed}; }
};

}  // namespace gmix::GMIX_LEVEL::matrix_products
