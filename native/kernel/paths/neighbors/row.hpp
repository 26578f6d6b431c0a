// What a row adds to the sums of a few components: columns are in SIMD lanes.
#pragma once

#include <limits>

#include "kernel/elementary.hpp"
#include "kernel/paths/neighbors/packed.hpp"

namespace gmix::GMIX_LEVEL::neighbors {

template <typename T>
Vector<T> summed(const Vector<T> (&vectors)[kLanes<T>]) {
  Vector<T> copy[kLanes<T>];
  std::copy_n(vectors, kLanes<T>, copy);
  return SquareOfVectors<T>::sums(copy);
}

// The log densities of a row (width) under a few components, or bounds of them from some columns if all bounds are
// below `least`.
template <typename T>
Vector<T> densities_of(const Packed<T>& packed, const T* row, const std::uint32_t* components, std::size_t count,
                       T least) {
  constexpr std::size_t lanes = kLanes<T>;
  const T* from[lanes];
  Vector<T> squares[lanes] = {}, constants = {};
#pragma GCC unroll 16
  for (std::size_t lane = 0; lane < lanes; ++lane) {
    const std::size_t c = components[lane < count ? lane : 0];
    from[lane] = packed.component(c);
    constants[lane] = packed.constants[c];
  }
  const std::size_t half = packed.width / 2 / lanes * lanes;
  for (std::size_t j = 0; j < packed.width; j += lanes) {
    const Vector<T> x = load(row + j);
#pragma GCC unroll 16
    for (std::size_t lane = 0; lane < lanes; ++lane) {
      const Vector<T> z = (x - load(from[lane] + 2 * j)) * load(from[lane] + 2 * j + lanes);
      squares[lane] += z * z;
    }
    if (j + lanes == packed.width || (j > 0 && j + lanes != half)) continue;
    const Vector<T> bounds = constants - summed<T>(squares);
    if (all_below(bounds, least)) return bounds;
  }
  return constants - SquareOfVectors<T>::sums(squares);
}

// Replaces log densities (count), which have room for kUnroll vectors more, by exponentials, and returns their sum.
template <typename T>
T exponentiate(T* joint, std::size_t count, T largest) {
  constexpr std::size_t lanes = kLanes<T>, step = kUnroll * lanes;
  std::fill_n(joint + count, step, -std::numeric_limits<T>::infinity());
  Vector<T> norm = {};
  for (std::size_t at = 0; at < count; at += step) {
    Vector<T> e[kUnroll];
#pragma GCC unroll 4
    for (std::size_t v = 0; v < kUnroll; ++v) e[v] = load(joint + at + v * lanes) - largest;
    exp2_of_negative<T>(e);
#pragma GCC unroll 4
    for (std::size_t v = 0; v < kUnroll; ++v) {
      store(joint + at + v * lanes, e[v]);
      norm += e[v];
    }
  }
  return static_cast<T>(sum(norm));
}

// Adds the moments of a row (width) for component c.
template <typename T>
void add_moments(const Mixture& m, const Packed<T>& packed, const T* row, std::size_t c, double responsibility,
                 WhitenedSums& sums) {
  constexpr std::size_t lanes = kLanes<T>;
  const std::size_t d = m.n_features;
  const T* const component = packed.component(c);
  double* const first = sums.first + c * d;
  double* const second = sums.second + (m.form == Form::kSpherical ? c : c * d);
  sums.mass[c] += responsibility;
  const auto add = [&](double* to, Wide<T> value, std::size_t columns) {
    if (columns == lanes) {
      Wide<T> total;
      __builtin_memcpy(&total, to, sizeof total);
      total += value;
      __builtin_memcpy(to, &total, sizeof total);
    } else {
      for (std::size_t j = 0; j < columns; ++j) to[j] += value[j];
    }
  };
  Wide<T> squares = {};
  for (std::size_t j = 0; j < d; j += lanes) {
    const T* const from = component + 2 * j;
    const Wide<T> z = widen<T>((load(row + j) - load(from)) * load(from + lanes)), t = z * responsibility;
    add(first + j, t, std::min(lanes, d - j));
    if (m.form == Form::kDiagonal)
      add(second + j, t * z, std::min(lanes, d - j));
    else
      squares += t * z;
  }
  if (m.form == Form::kSpherical) *second += sum(squares);
}

}  // namespace gmix::GMIX_LEVEL::neighbors
