// The coordinates in which float32 sees rows and mixtures.
//
// float32 holds seven digits. Rows are shifted by the mean of the component means and scaled by powers of two before
// they are rounded, so that these digits describe the clusters and not their offset. float64 uses the coordinates of
// the data.
#pragma once

#include <cmath>

#include "kernel/arena.hpp"
#include "kernel/plan.hpp"
#include "kernel/simd.hpp"

namespace gmix::GMIX_LEVEL {

template <typename T>
inline constexpr bool kFramed = sizeof(T) < sizeof(double);

// Both arrays hold at least as many numbers as a vector has lanes, so that whole vectors can be read.
struct Frame {
  double* origin;  // (D)
  double* scale;   // (D): powers of two
};

// Brings values to the frame. The subtraction is done in the precision of the rows: `low` is the part of the origin
// that rounding to that precision loses.
template <typename T, typename Values>
[[gnu::always_inline]] inline Values framed(Values x, Values high, Values low, Values scale) {
  if constexpr (!kFramed<T>) return x;
  return (x - high - low) * scale;
}

// Converts vectors that hold columns j, j + 1, ... of one row in their lanes.
template <typename From, typename T>
class VectorToFrame {
  using Values = typename VectorOf<From, kLanes<T>>::type;
  Values high_ = {}, low_ = {}, scale_ = {};

 public:
  VectorToFrame(const Frame& frame, std::size_t j) {
    if constexpr (kFramed<T>) {
      Wide<T> origin, scale;
      __builtin_memcpy(&origin, frame.origin + j, sizeof origin);
      __builtin_memcpy(&scale, frame.scale + j, sizeof scale);
      high_ = __builtin_convertvector(origin, Values);
      low_ = __builtin_convertvector(origin - __builtin_convertvector(high_, Wide<T>), Values);
      scale_ = __builtin_convertvector(scale, Values);
    }
  }
  Vector<T> operator()(Values x) const { return __builtin_convertvector(framed<T>(x, high_, low_, scale_), Vector<T>); }
};

// Converts one value of column j.
template <typename From, typename T>
T value_to_frame(const Frame& frame, std::size_t j, From x) {
  if constexpr (!kFramed<T>) return static_cast<T>(x);
  const From high = static_cast<From>(frame.origin[j]), low = static_cast<From>(frame.origin[j] - high);
  return static_cast<T>(framed<T>(x, high, low, static_cast<From>(frame.scale[j])));
}

// A frame and the mixture in its coordinates. It is empty for float64.
template <typename T>
struct FramedMixture {
  Frame frame;
  double* log_constants;  // (K)
  double* means;          // (K, D)
  double* whitener;       // as in Mixture

  FramedMixture(const Mixture& shape, Arena& arena) {
    const std::size_t k = shape.n_components, d = shape.n_features, used = kFramed<T> ? 1 : 0;
    frame.origin = arena.take<double>(used * std::max<std::size_t>(d, kLanes<T>));
    frame.scale = arena.take<double>(used * std::max<std::size_t>(d, kLanes<T>));
    log_constants = arena.take<double>(used * k);
    means = arena.take<double>(used * k * d);
    whitener = arena.take<double>(used * second_size(shape));
  }

  // Views the mixture in these coordinates.
  Mixture view(const Mixture& m) const {
    if constexpr (!kFramed<T>) return m;
    Mixture view = m;
    view.log_constants = log_constants, view.means = means, view.whitener = whitener;
    return view;
  }
};

// Chooses the frame for a mixture and sets the mixture in its coordinates.
template <typename T>
void set_frame(const Mixture& m, const FramedMixture<T>& framed) {
  const std::size_t d = m.n_features, size = second_size(m);
  double *const origin = framed.frame.origin, *const scale = framed.frame.scale;
  for (std::size_t j = 0; j < d; ++j) origin[j] = mean_of_means(m, j);
  set_scales(m, origin, scale);
  double volume = 0.0;
  for (std::size_t j = 0; j < d; ++j) volume += std::log(scale[j]);
  for (std::size_t c = 0; c < m.n_components; ++c) framed.log_constants[c] = m.log_constants[c] - volume;
  for (std::size_t i = 0; i < m.n_components * d; ++i) framed.means[i] = (m.means[i] - origin[i % d]) * scale[i % d];
  for (std::size_t i = 0; i < size; ++i)
    framed.whitener[i] = m.whitener[i] / scale[m.form == Form::kSpherical ? 0 : i % d];
}

// Turns the log-likelihood in the frame into that of the data. The rounding of the constants to T is undone as well: it
// is the same for all rows and would not average out.
template <typename T>
void restore_constants(const Mixture& m, const FramedMixture<T>& framed, const double* log2_constants,
                       WhitenedSums& sums) {
  for (std::size_t c = 0; c < m.n_components; ++c) {
    const double constant = log2_constants[c], rounding = constant - static_cast<double>(static_cast<T>(constant));
    const double lost = rounding * kLog2 + m.log_constants[c] - framed.log_constants[c];
    if (sums.mass[c] > 0.0) sums.log_likelihood += sums.mass[c] * lost;
  }
}

}  // namespace gmix::GMIX_LEVEL
