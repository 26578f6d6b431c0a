// The path of rows of few columns: a tile of rows goes from its columns to the sums within the L1 cache.
//
// With so few columns the exponentials cost more than the linear algebra. The path therefore does nothing else to a
// row: it lists no active rows, and reads no residual a second time. It keeps no responsibilities, so posterior() uses
// the residuals path, whose plan packs the components in the same order.
#pragma once

#include <limits>

#include "kernel/blocks.hpp"
#include "kernel/log_sum_exp.hpp"
#include "kernel/paths/residuals.hpp"

namespace gmix::GMIX_LEVEL::few_columns {

inline constexpr std::size_t kMostColumns = 4;

template <typename T>
using Plan = residuals::Plan<T>;

template <typename T>
struct Scratch {
  T* x;                 // (D, groups): rows, one column after the other within a group
  T* weight;            // (groups)
  T* z;                 // (K, D + 1, kStepRows): residuals and, if spherical, their squared length
  T* joint;             // (K, kStepRows): log2 p_k(x), then exp2(log2 p_k(x) - largest)
  T* totals;            // (K, moments): running sums, one vector each
  std::size_t* active;  // (K): the components whose exponentials are not negligible

  Scratch(const Mixture& m, const Plan<T>& plan, Arena& arena) {
    const std::size_t k = m.n_components, d = m.n_features;
    const std::size_t moments = 1 + d + (m.form == Form::kFull ? triangle_size(d) : d);
    x = arena.take<T>(d * plan.block);
    weight = arena.take<T>(plan.block);
    z = arena.take<T>(k * (d + 1) * kStepRows<T>);
    joint = arena.take<T>(k * kStepRows<T>);
    totals = arena.take<T>(k * moments * kLanes<T>);
    active = arena.take<std::size_t>(k);
  }
};

// Second moments of one component.
template <Form F>
inline constexpr int squares_of(int d) {
  return F == Form::kFull ? d * (d + 1) / 2 : F == Form::kDiagonal ? d : 1;
}

template <typename T, Form F, int D>
class BlockOfColumns {
  static constexpr int kTileGroups = static_cast<int>(kUnroll), kSquares = squares_of<F>(D);
  static constexpr int kMoments = 1 + D + kSquares;                // mass, first and second moments
  static constexpr int kKept = F == Form::kSpherical ? D + 1 : D;  // residuals, and their squared length
  static constexpr int kTriangle = F == Form::kFull ? D * (D + 1) / 2 : D;
  static constexpr std::size_t kTileRows = kTileGroups * kLanes<T>;
  using V = Vector<T>;

  // Forms residuals and log densities for one component.
  [[gnu::always_inline]] static void whiten_tile(const T* x, const T* mean, const T* whitener, T constant, T* z,
                                                 T* joint, V (&largest)[kTileGroups]) {
    V w[kTriangle];
#pragma GCC unroll 10
    for (int i = 0; i < kTriangle; ++i) w[i] = broadcast(whitener[i]);
    const V start = broadcast(constant);
#pragma GCC unroll 4
    for (int v = 0; v < kTileGroups; ++v) {
      V residuals[D], squares = V{};
#pragma GCC unroll 4
      for (int j = 0; j < D; ++j) residuals[j] = load(x + (v * D + j) * kLanes<T>) - broadcast(mean[j]);
#pragma GCC unroll 4
      for (int i = 0; i < D; ++i) {
        V whitened = residuals[F == Form::kFull ? 0 : i] * w[i];
#pragma GCC unroll 4
        for (int j = 1; F == Form::kFull && j <= i; ++j) whitened += residuals[j] * w[j * D - j * (j - 1) / 2 + i - j];
        squares = i == 0 ? whitened * whitened : squares + whitened * whitened;
        store(z + (v * kKept + i) * kLanes<T>, whitened);
      }
      if constexpr (F == Form::kSpherical) store(z + (v * kKept + D) * kLanes<T>, squares);
      const V log_density = start - squares;
      store(joint + v * kLanes<T>, log_density);
      largest[v] = larger(log_density, largest[v]);
    }
  }

  // Turns log densities into exponentials; false if all are negligible.
  [[gnu::always_inline]] static bool exponentiate(T* joint, const V (&largest)[kTileGroups]) {
    V e[kTileGroups], most;
#pragma GCC unroll 4
    for (int v = 0; v < kTileGroups; ++v) {
      e[v] = load(joint + v * kLanes<T>) - largest[v];
      most = v == 0 ? e[v] : larger(e[v], most);
    }
    if (all_below(most, T(kNegligible))) return false;
    exp2_of_negative<T>(e);
#pragma GCC unroll 4
    for (int v = 0; v < kTileGroups; ++v) store(joint + v * kLanes<T>, e[v]);
    return true;
  }

  // Turns the log densities of two components into exponentials, of which the larger is 1, and their sums.
  [[gnu::always_inline]] static void exponentiate_pair(T* joint, V (&norm)[kTileGroups]) {
    V e[kTileGroups];
    const auto difference = [&](int v) {
      return load(joint + v * kLanes<T>) - load(joint + kTileRows + v * kLanes<T>);
    };
#pragma GCC unroll 4
    for (int v = 0; v < kTileGroups; ++v) {
      const V gap = difference(v), opposite = -gap;
      e[v] = gap < opposite ? gap : opposite;
    }
    exp2_of_negative<T>(e);
#pragma GCC unroll 4
    for (int v = 0; v < kTileGroups; ++v) {
      const V gap = difference(v);
      store(joint + v * kLanes<T>, gap > V{} ? V{} + T(1) : e[v]);
      store(joint + kTileRows + v * kLanes<T>, gap > V{} ? e[v] : V{} + T(1));
      norm[v] = e[v] + T(1);
    }
  }

  // Adds a tile of rows to the running sums of one component.
  [[gnu::always_inline]] static void add_tile(const T* joint, const T* z, const V (&factors)[kTileGroups], T* sums) {
    V totals[kMoments];
#pragma GCC unroll 16
    for (int i = 0; i < kMoments; ++i) totals[i] = load(sums + i * kLanes<T>);
#pragma GCC unroll 4
    for (int v = 0; v < kTileGroups; ++v) {
      const T* from = z + v * kKept * kLanes<T>;
      const V r = load(joint + v * kLanes<T>) * factors[v];
      totals[0] += r;
#pragma GCC unroll 4
      for (int i = 0; i < D; ++i) {
        const V left = r * load(from + i * kLanes<T>);
        totals[1 + i] += left;
        if constexpr (F == Form::kDiagonal) totals[1 + D + i] += left * load(from + i * kLanes<T>);
#pragma GCC unroll 4
        for (int j = 0; F == Form::kFull && j <= i; ++j)
          totals[1 + D + i * (i + 1) / 2 + j] += left * load(from + j * kLanes<T>);
      }
      if constexpr (F == Form::kSpherical) totals[1 + D] += r * load(from + D * kLanes<T>);
    }
#pragma GCC unroll 16
    for (int i = 0; i < kMoments; ++i) store(sums + i * kLanes<T>, totals[i]);
  }

  // Adds the running sums, over their lanes, to the sums.
  static void flush(const T* totals, std::size_t k, WhitenedSums& sums) {
    for (std::size_t c = 0; c < k; ++c, totals += kMoments * kLanes<T>) {
      const auto total = [&](int i) { return sum(load(totals + i * kLanes<T>)); };
      sums.mass[c] += total(0);
      for (int i = 0; i < D; ++i) sums.first[c * D + i] += total(1 + i);
      for (int i = 0, at = 1 + D; i < D; ++i)
        for (int j = 0; F == Form::kFull && j <= i; ++j) sums.second[(c * D + i) * D + j] += total(at++);
      for (int i = 0; F != Form::kFull && i < kSquares; ++i) sums.second[c * kSquares + i] += total(1 + D + i);
    }
  }

 public:
  // Adds the rows of a block to the sums.
  static void add(std::size_t k, const double* log_constants, const PackedComponents<T>& components,
                  const Scratch<T>& s, std::size_t groups, bool weighted, Prefetch prefetch, WhitenedSums& sums) {
    constexpr std::size_t lanes = kLanes<T>, residuals = kKept * kTileRows, moments = kMoments * lanes;
    T *const joint = s.joint, *const z = s.z, *const totals = s.totals;
    std::size_t* const active = s.active;
    std::fill_n(totals, k * moments, T(0));
    LogLikelihood<T, kTileGroups> log_likelihood;
    for (std::size_t g = 0; g < groups; g += kTileGroups) {
      prefetch.next();
      V largest[kTileGroups], norm[kTileGroups], weight[kTileGroups], factor[kTileGroups];
#pragma GCC unroll 4
      for (int v = 0; v < kTileGroups; ++v) {
        largest[v] = broadcast(-std::numeric_limits<T>::infinity());
        norm[v] = V{};
        weight[v] = load(s.weight + (g + v) * lanes);
      }
      for (std::size_t c = 0; c < k; ++c)
        whiten_tile(s.x + g * D * lanes, components.means + c * D, components.whitener + c * kTriangle,
                    static_cast<T>(log_constants[c]), z + c * residuals, joint + c * kTileRows, largest);
      std::size_t n_active = 0;
      if (k == 2) {
        exponentiate_pair(joint, norm);
        active[n_active++] = 0;
        active[n_active++] = 1;
      } else {
        for (std::size_t c = 0; c < k; ++c) {
          active[n_active] = c;
          n_active += exponentiate(joint + c * kTileRows, largest);
        }
        for (std::size_t a = 0; a < n_active; ++a) {
#pragma GCC unroll 4
          for (int v = 0; v < kTileGroups; ++v) norm[v] += load(joint + active[a] * kTileRows + v * lanes);
        }
      }
      log_likelihood.add(weight, largest, norm, weighted, factor);
      for (std::size_t a = 0; a < n_active; ++a) {
        const std::size_t c = active[a];
        add_tile(joint + c * kTileRows, z + c * residuals, factor, totals + c * moments);
      }
    }
    sums.log_likelihood += log_likelihood.total();
    flush(totals, k, sums);
  }
};

template <typename T, Form F>
void add_block(const Mixture& m, const double* log_constants, const Plan<T>& plan, const Scratch<T>& s,
               std::size_t groups, bool weighted, Prefetch prefetch, WhitenedSums& sums) {
  with_count<static_cast<int>(kMostColumns)>(m.n_features, [&](auto columns) {
    BlockOfColumns<T, F, columns()>::add(m.n_components, log_constants, plan.components, s, groups, weighted, prefetch,
                                         sums);
  });
}

// Adds the rows x of a block to the sums.
template <typename T>
void add_block(const Mixture& m, const double* log_constants, const Plan<T>& plan, const Scratch<T>& s,
               std::size_t groups, bool weighted, Prefetch prefetch, WhitenedSums& sums) {
  const auto by = m.form == Form::kFull       ? add_block<T, Form::kFull>
                  : m.form == Form::kDiagonal ? add_block<T, Form::kDiagonal>
                                              : add_block<T, Form::kSpherical>;
  by(m, log_constants, plan, s, groups, weighted, prefetch, sums);
}

}  // namespace gmix::GMIX_LEVEL::few_columns
