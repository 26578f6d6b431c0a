// Rows of few features: a tile of rows goes from its features to the sums within the L1 cache.
//
// Here the exponentials outweigh the linear algebra, so what counts is that nothing else is done to
// a row: no list, no second look at its residuals.
#pragma once

#include "kernel/density.hpp"

namespace gmix::GMIX_LEVEL {

// Second moments of a component.
template <Form F>
inline constexpr int squares_of(int d) {
  return F == Form::kFull ? d * (d + 1) / 2 : F == Form::kDiagonal ? d : 1;
}

template <typename T, Form F, int D>
class Narrow {
  static constexpr int kTileGroups = static_cast<int>(kUnroll), kSquares = squares_of<F>(D);
  static constexpr int kMoments = 1 + D + kSquares;
  static constexpr int kKept = F == Form::kSpherical ? D + 1 : D;  // residuals, and their square
  static constexpr int kTriangle = F == Form::kFull ? D * (D + 1) / 2 : D;
  static constexpr std::size_t kTileStep = kTileGroups * kLanes<T>;
  using V = Vector<T>;

  // Residuals and log densities of one component.
  [[gnu::always_inline]] static void whiten_tile(const T* x, const T* mean, const T* whitener, T constant, T* z,
                                                 T* joint, V (&largest)[kTileGroups]) {
    V w[kTriangle];
#pragma GCC unroll 10
    for (int i = 0; i < kTriangle; ++i) w[i] = broadcast(whitener[i]);
    const V start = broadcast(constant);
#pragma GCC unroll 4
    for (int v = 0; v < kTileGroups; ++v) {
      V residuals[D], square = V{};
#pragma GCC unroll 4
      for (int j = 0; j < D; ++j) residuals[j] = load(x + (v * D + j) * kLanes<T>) - broadcast(mean[j]);
#pragma GCC unroll 4
      for (int i = 0; i < D; ++i) {
        V whitened = residuals[F == Form::kFull ? 0 : i] * w[i];
#pragma GCC unroll 4
        for (int j = 1; F == Form::kFull && j <= i; ++j) whitened += residuals[j] * w[j * D - j * (j - 1) / 2 + i - j];
        square = i == 0 ? whitened * whitened : square + whitened * whitened;
        store(z + (v * kKept + i) * kLanes<T>, whitened);
      }
      if constexpr (F == Form::kSpherical) store(z + (v * kKept + D) * kLanes<T>, square);
      const V log_density = start - square;
      store(joint + v * kLanes<T>, log_density);
      largest[v] = larger(log_density, largest[v]);
    }
  }

  // Turns log densities into exponentials; false if all are nothing.
  [[gnu::always_inline]] static bool exponentiate(T* joint, const V (&largest)[kTileGroups]) {
    V e[kTileGroups], top;
#pragma GCC unroll 4
    for (int v = 0; v < kTileGroups; ++v) {
      e[v] = load(joint + v * kLanes<T>) - largest[v];
      top = v == 0 ? e[v] : larger(e[v], top);
    }
    if (all_below(top, T(kNothing))) return false;
    exp2_of_negative<T>(e);
#pragma GCC unroll 4
    for (int v = 0; v < kTileGroups; ++v) store(joint + v * kLanes<T>, e[v]);
    return true;
  }

  // The same of two components, and their sums: of two exponentials one is 1.
  [[gnu::always_inline]] static void exponentiate_pair(T* joint, V (&norm)[kTileGroups]) {
    V e[kTileGroups];
    const auto difference = [&](int v) {
      return load(joint + v * kLanes<T>) - load(joint + kTileStep + v * kLanes<T>);
    };
#pragma GCC unroll 4
    for (int v = 0; v < kTileGroups; ++v) {
      const V ahead = difference(v), behind = -ahead;
      e[v] = ahead < behind ? ahead : behind;
    }
    exp2_of_negative<T>(e);
#pragma GCC unroll 4
    for (int v = 0; v < kTileGroups; ++v) {
      const V ahead = difference(v);
      store(joint + v * kLanes<T>, ahead > V{} ? V{} + T(1) : e[v]);
      store(joint + kTileStep + v * kLanes<T>, ahead > V{} ? e[v] : V{} + T(1));
      norm[v] = e[v] + T(1);
    }
  }

  [[gnu::always_inline]] static void add_tile(const T* joint, const T* z, const V (&factors)[kTileGroups], T* sums) {
    V totals[kMoments];
#pragma GCC unroll 16
    for (int i = 0; i < kMoments; ++i) totals[i] = load(sums + i * kLanes<T>);
#pragma GCC unroll 4
    for (int v = 0; v < kTileGroups; ++v) {
      const T* here = z + v * kKept * kLanes<T>;
      const V share = load(joint + v * kLanes<T>) * factors[v];
      totals[0] += share;
#pragma GCC unroll 4
      for (int i = 0; i < D; ++i) {
        const V left = share * load(here + i * kLanes<T>);
        totals[1 + i] += left;
        if constexpr (F == Form::kDiagonal) totals[1 + D + i] += left * load(here + i * kLanes<T>);
#pragma GCC unroll 4
        for (int j = 0; F == Form::kFull && j <= i; ++j)
          totals[1 + D + i * (i + 1) / 2 + j] += left * load(here + j * kLanes<T>);
      }
      if constexpr (F == Form::kSpherical) totals[1 + D] += share * load(here + D * kLanes<T>);
    }
#pragma GCC unroll 16
    for (int i = 0; i < kMoments; ++i) store(sums + i * kLanes<T>, totals[i]);
  }

  static void flush(const T* totals, std::size_t k, Sums& sums) {
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
  static void add_block(const Mixture& mixture, const Plan<T>& plan, const Scratch<T>& s, std::size_t groups,
                        bool weighted, Ahead& ahead, Sums& sums) {
    constexpr std::size_t lanes = kLanes<T>, residuals = kKept * kTileStep, moments = kMoments * lanes;
    const std::size_t k = mixture.n_components;
    T *const joint = s.joint, *const z = s.z, *const totals = s.totals;
    std::size_t* const active = s.active;
    std::fill_n(totals, k * moments, T(0));
    LogLikelihood<T, kTileGroups> log_likelihood;
    for (std::size_t g = 0; g < groups; g += kTileGroups) {
      ahead.fetch();
      V largest[kTileGroups], norm[kTileGroups], weight[kTileGroups], factor[kTileGroups];
#pragma GCC unroll 4
      for (int v = 0; v < kTileGroups; ++v) {
        largest[v] = broadcast(-std::numeric_limits<T>::infinity());
        norm[v] = V{};
        weight[v] = load(s.weight + (g + v) * lanes);
      }
      for (std::size_t c = 0; c < k; ++c)
        whiten_tile(s.x + g * D * lanes, plan.means + c * D, plan.whitener + c * kTriangle,
                    static_cast<T>(plan.log_constants[c]), z + c * residuals, joint + c * kTileStep, largest);
      std::size_t n_active = 0;
      if (k == 2) {
        exponentiate_pair(joint, norm);
        active[n_active++] = 0;
        active[n_active++] = 1;
      } else {
        for (std::size_t c = 0; c < k; ++c) {
          active[n_active] = c;
          n_active += exponentiate(joint + c * kTileStep, largest);
        }
        for (std::size_t a = 0; a < n_active; ++a) {
#pragma GCC unroll 4
          for (int v = 0; v < kTileGroups; ++v) norm[v] += load(joint + active[a] * kTileStep + v * lanes);
        }
      }
      log_likelihood.add(weight, largest, norm, weighted, factor);
      for (std::size_t a = 0; a < n_active; ++a) {
        const std::size_t c = active[a];
        add_tile(joint + c * kTileStep, z + c * residuals, factor, totals + c * moments);
      }
    }
    sums.log_likelihood += log_likelihood.total();
    flush(totals, k, sums);
  }
};

template <typename T, Form F>
void add_narrow(const Mixture& mixture, const Plan<T>& plan, const Scratch<T>& s, std::size_t groups, bool weighted,
                Ahead& ahead, Sums& sums) {
  with_count<static_cast<int>(kNarrow)>(mixture.n_features, [&](auto columns) {
    Narrow<T, F, columns()>::add_block(mixture, plan, s, groups, weighted, ahead, sums);
  });
}

template <typename T>
void add_narrow(const Mixture& mixture, const Plan<T>& plan, const Scratch<T>& s, std::size_t groups, bool weighted,
                Ahead& ahead, Sums& sums) {
  switch (mixture.form) {
    case Form::kFull:
      return add_narrow<T, Form::kFull>(mixture, plan, s, groups, weighted, ahead, sums);
    case Form::kDiagonal:
      return add_narrow<T, Form::kDiagonal>(mixture, plan, s, groups, weighted, ahead, sums);
    default:
      return add_narrow<T, Form::kSpherical>(mixture, plan, s, groups, weighted, ahead, sums);
  }
}

}  // namespace gmix::GMIX_LEVEL
