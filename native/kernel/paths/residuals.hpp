// The path that takes every mixture: the whitened residuals of each row and component are formed and kept for the
// moments of the block. It alone knows other families than the Gaussian.
#pragma once

#include "kernel/blocks.hpp"
#include "kernel/families.hpp"
#include "kernel/moments.hpp"
#include "kernel/whitening.hpp"

namespace gmix::GMIX_LEVEL::residuals {

template <typename T>
struct Plan {
  std::size_t block;  // rows
  PackedComponents<T> components;

  Plan(const Mixture& shape, Arena& arena)
      : block(block_rows<T>(shape.n_components * (1 + (shape.form == Form::kFull ? shape.n_features : 0)))),
        components(shape, arena) {}
};

template <typename T>
struct Scratch {
  T* x;         // (D, groups): rows, one column after the other within a group
  T* y;         // (D, groups), tied only: rows whitened about the origin
  T* z;         // (K, D, groups), full only: whitened residuals
  T* unused;    // (groups), tied only: squared lengths of y
  T* residual;  // (D, kStepRows)
  T* weight;    // (groups)
  Densities<T> densities;
  ActiveRows<T> active;
  T* share_factor;  // (K, stride), other families than the Gaussian
  T* overflow;      // (groups), likewise: zero, or NaN where a squared distance is not finite

  Scratch(const Mixture& m, const Plan<T>& plan, Arena& arena)
      : x(arena.take<T>(m.n_features * plan.block)),
        y(arena.take<T>(m.form == Form::kTied ? m.n_features * plan.block : 0)),
        z(arena.take<T>(m.form == Form::kFull ? m.n_components * m.n_features * plan.block : 0)),
        unused(arena.take<T>(m.form == Form::kTied ? plan.block : 0)),
        residual(arena.take<T>(m.n_features * kStepRows<T>)),
        weight(arena.take<T>(plan.block)),
        densities(m.n_components, plan.block, row_stride<T>(plan.block), arena),
        active(m.n_features, plan.block, arena),
        share_factor(arena.take<T>(m.family == Family::kGaussian ? 0 : m.n_components * densities.stride)),
        overflow(arena.take<T>(m.family == Family::kGaussian ? 0 : plan.block)) {}
};

// Stores constant - |z|^2 with z_j = (x_j - mean_j) scale_j, or without a scale.
template <typename T, bool Scaled>
void diagonal_joint(const T* x, const T* mean, const T* scale, T constant, std::size_t d, std::size_t groups,
                    T* joint) {
  const std::size_t group = d * kLanes<T>;
  for (std::size_t g = 0; g < groups; g += kUnroll, x += kUnroll * group) {
    Vector<T> squares[kUnroll] = {};
    for (std::size_t j = 0; j < d; ++j) {
      const Vector<T> center = broadcast(mean[j]);
#pragma GCC unroll 8
      for (std::size_t v = 0; v < kUnroll; ++v) {
        Vector<T> z = load(x + v * group + j * kLanes<T>) - center;
        if constexpr (Scaled) z *= scale[j];
        squares[v] += z * z;
      }
    }
#pragma GCC unroll 8
    for (std::size_t v = 0; v < kUnroll; ++v, joint += kLanes<T>) store(joint, constant - squares[v]);
  }
}

// Turns -|z|^2 of component c into log2 p_k(x), and sets the share factors. Where a squared distance overflows, the
// other components of the row may still have finite densities; the row is marked for row_by_row.hpp.
template <typename T, typename F>
void apply_family(const F& family, double log_constant, std::size_t c, std::size_t d, const Scratch<T>& s,
                  std::size_t groups) {
  constexpr std::size_t lanes = kLanes<T>;
  T *const joint = s.densities.joint + c * s.densities.stride, *const factor = s.share_factor + c * s.densities.stride;
  if (c == 0) std::fill_n(s.overflow, groups * lanes, T(0));
  for (std::size_t at = 0; at < groups * lanes; at += lanes) {
    const Vector<T> squared_distance = load(joint + at) * (-1.0 / (kScale * kScale));
    store(s.overflow + at, load(s.overflow + at) + squared_distance * 0.0);
    store(joint + at, family.log_densities(c, log_constant, squared_distance, d) / kLog2);
    store(factor + at, family.share_factors(c, squared_distance, d));
  }
}

// Sets log2 p_k(x) of a block, and y or z on the way.
template <typename T, typename F>
void set_log_densities(const F& family, const Mixture& m, const double* log_constants, const Plan<T>& plan,
                       const Scratch<T>& s, std::size_t groups) {
  const std::size_t k = m.n_components, d = m.n_features;
  const PackedComponents<T>& components = plan.components;
  if (m.form == Form::kTied)
    whiten<T>(s.x, components.origin, components.whitener, T(0), d, d, groups, s.residual, {s.y, d * kLanes<T>},
              s.unused);
  for (std::size_t c = 0; c < k; ++c) {
    const T* mean = components.means + c * d;
    const T constant = F::kHasFactors ? T(0) : static_cast<T>(log_constants[c]);
    T* joint = s.densities.joint + c * s.densities.stride;
    if (m.form == Form::kFull)
      whiten_by_component<T>(components, constant, s.x, c, d, d, groups, s.residual,
                             {s.z + c * d * plan.block, d * kLanes<T>}, joint);
    else if (m.form == Form::kTied)
      diagonal_joint<T, false>(s.y, mean, nullptr, constant, d, groups, joint);
    else
      diagonal_joint<T, true>(s.x, mean, components.whitener + c * d, constant, d, groups, joint);
    if constexpr (F::kHasFactors) apply_family(family, m.log_constants[c], c, d, s, groups);
  }
}

// From the rows x of a block to its exponentials and norms.
template <typename T, typename F>
void evaluate(const F& family, const Mixture& m, const double* log_constants, const Plan<T>& plan, const Scratch<T>& s,
              std::size_t groups, Prefetch prefetch) {
  set_log_densities(family, m, log_constants, plan, s, groups);
  const T* const common = F::kHasFactors ? s.overflow : nullptr;
  for (std::size_t g = 0; g < groups; g += kUnroll) normalize<T>(m.n_components, s.densities, common, g, prefetch);
}

// Adds a block that has been evaluated to the sums.
template <typename F, typename T>
void accumulate(const Mixture& m, const Plan<T>& plan, const Scratch<T>& s, std::size_t groups, bool weighted,
                WhitenedSums& sums) {
  const std::size_t k = m.n_components, d = m.n_features;
  const Densities<T>& densities = s.densities;
  sums.log_likelihood += weigh(densities, s.weight, groups, weighted);
  for (std::size_t c = 0; c < k; ++c) {
    const std::size_t at = c * densities.stride;
    const ActiveCount active = find_active<F::kHasFactors>(
        s.active, densities.joint + at, densities.norm, s.share_factor + at, groups, sums.mass[c],
        F::kHasFactors ? sums.counts + c : nullptr, F::kHasFactors ? sums.log_factors + c : nullptr);
    if (active.groups == 0) continue;
    const T* mean = plan.components.means + c * d;
    double* first = sums.first + c * d;
    if (m.form == Form::kFull) {
      const T* const z = s.z + c * d * plan.block;
      active_moments<T>(s.active, z, nullptr, d, groups, active, first, sums.second + c * d * d);
    } else if (m.form == Form::kTied) {
      active_moments<T>(s.active, s.y, mean, d, groups, active, first, sums.second);
    } else {
      const bool spherical = m.form == Form::kSpherical;
      diagonal_moments(s.active, s.x, mean, plan.components.whitener + c * d, d, active.groups, first,
                       sums.second + (spherical ? c : c * d), spherical);
    }
  }
}

}  // namespace gmix::GMIX_LEVEL::residuals
