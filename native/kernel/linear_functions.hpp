// Linear functions b_k . f of features f = (1, f_1, ..., f_P) of many rows, for many k: products of matrices.
#pragma once

#include <algorithm>

#include "kernel/simd.hpp"

namespace gmix::GMIX_LEVEL {

inline constexpr std::size_t kMostFunctions = 6;  // of one tile

// Numbers (K, size) in tiles of nearly equal width: within a tile, the K's numbers of one feature are side by side.
template <typename T>
class Tiles {
 public:
  Tiles(T* data, std::size_t k, std::size_t size, std::size_t most) : data_(data), k_(k), size_(size) {
    const std::size_t tiles = (k_ + most - 1) / most;
    width_ = (k_ + tiles - 1) / tiles;
  }
  struct Column {
    T* first;
    std::size_t step;
    T& operator[](std::size_t p) const { return first[p * step]; }
  };
  // The numbers of function c.
  Column column(std::size_t c) const {
    const std::size_t first = c / width_ * width_;
    return {data_ + first * size_ + (c - first), width(first)};
  }
  // The tile that begins with function `first`, and its width.
  T* tile(std::size_t first) const { return data_ + first * size_; }
  std::size_t width(std::size_t first) const { return std::min(width_, k_ - first); }
  // The width of all tiles but the last.
  std::size_t width() const { return width_; }

 private:
  T* data_;
  std::size_t k_, size_, width_;
};

// Stores the values of C functions for V groups of rows. `features` is (size, feature_stride); its first row stands for
// the constant 1 and is not read.
template <typename T, int C, int V>
[[gnu::always_inline]] inline void evaluate_tile(const T* features, std::size_t feature_stride, std::size_t size,
                                                 const T* b, T* values, std::size_t stride) {
  constexpr std::size_t lanes = kLanes<T>;
  Vector<T> sums[C][V];
#pragma GCC unroll 8
  for (int c = 0; c < C; ++c)
#pragma GCC unroll 8
    for (int v = 0; v < V; ++v) sums[c][v] = broadcast(b[c]);
  for (std::size_t p = 1; p < size; ++p) {
    b += C;
    features += feature_stride;
    Vector<T> f[V];
#pragma GCC unroll 8
    for (int v = 0; v < V; ++v) f[v] = keep_in_register(load(features + v * lanes));
#pragma GCC unroll 8
    for (int c = 0; c < C; ++c) {
      const Vector<T> factor = broadcast(b[c]);
#pragma GCC unroll 8
      for (int v = 0; v < V; ++v) sums[c][v] += factor * f[v];
    }
  }
#pragma GCC unroll 8
  for (int c = 0; c < C; ++c)
#pragma GCC unroll 8
    for (int v = 0; v < V; ++v) store(values + c * stride + v * lanes, sums[c][v]);
}

}  // namespace gmix::GMIX_LEVEL
