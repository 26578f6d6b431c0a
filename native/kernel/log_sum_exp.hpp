// From log densities of components to responsibilities and the log-likelihood: a log-sum-exp over components.
#pragma once

#include "kernel/elementary.hpp"
#include "kernel/load.hpp"
#include "kernel/plan.hpp"

namespace gmix::GMIX_LEVEL {

// Densities of a block of rows. An array (groups) holds one vector for each group of rows; an array (K, stride) holds
// one number per row for each component.
template <typename T>
struct Densities {
  T* joint;  // (K, stride): log2 p_k(x); after normalize(): exp2(log2 p_k(x) - largest)
  std::size_t stride;
  T* largest;  // (groups): the largest log2 p_k(x)
  T* norm;     // (groups): the sum of the exponentials; after weigh(): the weight over it

  Densities(std::size_t k, std::size_t rows, std::size_t stride, Arena& arena)
      : joint(arena.take<T>(k * stride)), stride(stride), largest(arena.take<T>(rows)), norm(arena.take<T>(rows)) {}
};

// Turns the log densities of kStepRows rows from group g on into exponentials, and sets their largest and norm.
// `common` is null or a term (groups) that the log densities of all components have in common and that joint leaves
// out. Prefetches rows of the next block between components, so that the requests do not come all at once.
template <typename T>
void normalize(std::size_t k, const Densities<T>& s, const T* common, std::size_t g, Prefetch& prefetch) {
  constexpr std::size_t lanes = kLanes<T>;
  const std::size_t at = g * lanes;
  Vector<T> largest[kUnroll];
#pragma GCC unroll 4
  for (std::size_t v = 0; v < kUnroll; ++v) largest[v] = load(s.joint + at + v * lanes);
  for (std::size_t c = 1; c < k; ++c)
#pragma GCC unroll 4
    for (std::size_t v = 0; v < kUnroll; ++v)
      largest[v] = larger(load(s.joint + c * s.stride + at + v * lanes), largest[v]);
  Vector<T> norm[kUnroll] = {};
  for (std::size_t c = 0; c < k; ++c) {
    prefetch.next();
    T* const joint = s.joint + c * s.stride + at;
    Vector<T> e[kUnroll], most;
#pragma GCC unroll 4
    for (std::size_t v = 0; v < kUnroll; ++v) {
      e[v] = load(joint + v * lanes) - largest[v];
      most = v == 0 ? e[v] : larger(e[v], most);
    }
    if (all_below(most, T(kNegligible))) {
      std::fill_n(joint, kStepRows<T>, T(0));
      continue;
    }
    exp2_of_negative<T>(e);
#pragma GCC unroll 4
    for (std::size_t v = 0; v < kUnroll; ++v) {
      store(joint + v * lanes, e[v]);
      norm[v] += e[v];
    }
  }
#pragma GCC unroll 4
  for (std::size_t v = 0; v < kUnroll; ++v) {
    store(s.norm + at + v * lanes, norm[v]);
    store(s.largest + at + v * lanes, common != nullptr ? largest[v] + load(common + at + v * lanes) : largest[v]);
  }
}

// Adds up the log-likelihood, N vectors of rows at a time, from the largest log density of each row and the norm.
template <typename T, int N>
class LogLikelihood {
  // Without weights, one logarithm serves a product of norms, each from 1 to K.
  static constexpr int kFactors = 16;
  Wide<T> total_ = {}, largest_ = {}, product_ = Wide<T>{} + 1.0;
  int factors_ = 0;

 public:
  // Sets the factor that turns exponentials into weighted responsibilities.
  void add(const Vector<T> (&weight)[N], const Vector<T> (&largest)[N], const Vector<T> (&norm)[N], bool weighted,
           Vector<T> (&factor)[N]) {
#pragma GCC unroll 8
    for (int v = 0; v < N; ++v) {
      const Wide<T> wide_weight = widen<T>(weight[v]);
      largest_ += wide_weight * widen<T>(largest[v]);
      factor[v] = weight[v] / norm[v];
      if (!weighted) product_ *= widen<T>(weight[v] > T(0) ? norm[v] : weight[v] + T(1));
    }
    if (weighted) {
#pragma GCC unroll 8
      for (int v = 0; v < N; ++v) total_ += widen<T>(weight[v]) * log_of_normal(widen<T>(norm[v]));
    } else if ((factors_ += N) == kFactors) {
      total_ += log_of_normal(product_);
      product_ = Wide<T>{} + 1.0;
      factors_ = 0;
    }
  }

  double total() const { return sum(largest_ * kLog2 + total_ + log_of_normal(product_)); }
};

// Returns the log-likelihood of a block with weights (groups), and turns norms into the factors that make weighted
// responsibilities of exponentials.
template <typename T>
double weigh(const Densities<T>& s, const T* weight, std::size_t groups, bool weighted) {
  LogLikelihood<T, 1> log_likelihood;
  for (std::size_t at = 0; at < groups * kLanes<T>; at += kLanes<T>) {
    Vector<T> factor[1];
    log_likelihood.add({load(weight + at)}, {load(s.largest + at)}, {load(s.norm + at)}, weighted, factor);
    store(s.norm + at, factor[0]);
  }
  return log_likelihood.total();
}

// The log densities of the mixture for a group of rows, from largest and norm as normalize() leaves them.
template <typename T>
Wide<T> log_density(const Densities<T>& s, std::size_t group) {
  return widen<T>(load<T>(s.largest + group * kLanes<T>)) * kLog2 +
         log_of_normal(widen<T>(load(s.norm + group * kLanes<T>)));
}

}  // namespace gmix::GMIX_LEVEL
