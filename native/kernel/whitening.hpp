// Whitened residuals z = W (x - mean) of rows by a lower triangular W, and their squared lengths.
//
// W is stored as a packed triangle: tile after tile of its rows, each tile column by column, which is the order in
// which the loops below read it.
#pragma once

#include "kernel/plan.hpp"

namespace gmix::GMIX_LEVEL {

// Rows of W that one tile applies. The first tile takes the rows that whole tiles do not cover.
inline constexpr std::size_t kTile = 4, kWideTile = 6, kMostNarrow = 20;
inline std::size_t tile_rows(std::size_t d) { return d <= kMostNarrow ? kTile : kWideTile; }
inline std::size_t first_tile(std::size_t d) { return d <= kWideTile ? d : (d - 1) % tile_rows(d) + 1; }

constexpr std::size_t triangle_size(std::size_t d) { return d * (d + 1) / 2; }

// Stores a lower triangle, in units of kScale, as a packed one; returns the end.
template <typename T>
T* pack_triangle(const double* lower, std::size_t d, T* to) {
  std::size_t begin = 0;
  for (std::size_t end = first_tile(d); end <= d; begin = end, end += tile_rows(d))
    for (std::size_t j = 0; j < end; ++j)
      for (std::size_t i = std::max(begin, j); i < end; ++i) *to++ = static_cast<T>(kScale * lower[i * d + j]);
  return to;
}

// Sets the means (K, D) of a tied mixture, whitened about an origin.
template <typename T>
void whiten_means(const Mixture& mixture, const T* origin, T* means) {
  const std::size_t d = mixture.n_features;
  for (std::size_t c = 0; c < mixture.n_components; ++c)
    for (std::size_t i = 0; i < d; ++i) {
      double whitened = 0.0;
      for (std::size_t j = 0; j <= i; ++j)
        whitened += mixture.whitener[i * d + j] * (mixture.means[c * d + j] - static_cast<double>(origin[j]));
      means[c * d + i] = static_cast<T>(kScale * whitened);
    }
}

// Components in the order in which residuals are formed.
template <typename T>
struct PackedComponents {
  T* means;     // (K, D); tied: whitened about the origin
  T* whitener;  // full: K packed triangles; tied: one; diagonal and spherical: (K, D)
  T* origin;    // (D), tied only: the mean of the means

  PackedComponents(const Mixture& shape, Arena& arena) {
    const std::size_t k = shape.n_components, d = shape.n_features;
    const bool tied = shape.form == Form::kTied, full = shape.form == Form::kFull;
    means = arena.take<T>(k * d);
    whitener = arena.take<T>(tied ? triangle_size(d) : full ? k * triangle_size(d) : k * d);
    origin = arena.take<T>(tied ? d : 0);
  }
};

template <typename T>
void pack_components(const Mixture& mixture, const PackedComponents<T>& packed) {
  const std::size_t k = mixture.n_components, d = mixture.n_features;
  if (mixture.form == Form::kTied) {
    for (std::size_t j = 0; j < d; ++j) packed.origin[j] = static_cast<T>(mean_of_means(mixture, j));
    whiten_means(mixture, packed.origin, packed.means);
    pack_triangle(mixture.whitener, d, packed.whitener);
    return;
  }
  for (std::size_t i = 0; i < k * d; ++i) packed.means[i] = static_cast<T>(mixture.means[i]);
  T* to = packed.whitener;
  for (std::size_t c = 0; c < k; ++c) {
    if (mixture.form == Form::kFull) {
      to = pack_triangle(mixture.whitener + c * d * d, d, to);
    } else {
      const bool spherical = mixture.form == Form::kSpherical;
      for (std::size_t j = 0; j < d; ++j) *to++ = static_cast<T>(kScale * mixture.whitener[spherical ? c : c * d + j]);
    }
  }
}

// Applies R rows of W to V groups of rows: `before` full columns, then the triangle. Forms the residuals of its own
// columns; if Leave, it stores them for the tiles below.
template <typename T, int R, int V, bool Leave>
[[gnu::always_inline]] inline void whiten_tile(const T* const (&x)[V], const T* mean, T* residuals, std::size_t before,
                                               const T*& w, T* const (&z)[V], Vector<T> (&squares)[V]) {
  constexpr int lanes = kLanes<T>;
  Vector<T> sums[R][V] = {};
  const T* from = residuals;
  for (std::size_t j = 0; j < before; ++j, w += R, from += V * lanes) {
    Vector<T> r[V];
#pragma GCC unroll 8
    for (int v = 0; v < V; ++v) r[v] = load(from + v * lanes);
#pragma GCC unroll 8
    for (int i = 0; i < R; ++i) {
      const Vector<T> factor = broadcast(w[i]);
#pragma GCC unroll 8
      for (int v = 0; v < V; ++v) sums[i][v] += factor * r[v];
    }
  }
  residuals += before * V * lanes;
#pragma GCC unroll 8
  for (int j = 0; j < R; ++j) {
    Vector<T> r[V];
    const Vector<T> center = broadcast(mean[before + j]);
#pragma GCC unroll 8
    for (int v = 0; v < V; ++v) {
      r[v] = load(x[v] + (before + j) * lanes) - center;
      if constexpr (Leave) store(residuals + (j * V + v) * lanes, r[v]);
    }
#pragma GCC unroll 8
    for (int i = j; i < R; ++i) {
      const Vector<T> factor = broadcast(w[i - j]);
#pragma GCC unroll 8
      for (int v = 0; v < V; ++v) sums[i][v] += factor * r[v];
    }
    w += R - j;
  }
#pragma GCC unroll 8
  for (int v = 0; v < V; ++v) {
    T* to = z[v] + before * lanes;
#pragma GCC unroll 8
    for (int i = 0; i < R; ++i) {
      store(to + i * lanes, sums[i][v]);
      squares[v] += sums[i][v] * sums[i][v];
    }
  }
}

// Groups of rows: the first, and the distance from one to the next.
template <typename Number>
struct StridedGroups {
  Number* first;
  std::size_t step;
};

// Stores z = W (x - mean) and constant - |z|^2 of the first d columns, R plus a multiple of Tile, V groups at a time.
template <typename T, int R, int Tile, int V>
void whiten_by(StridedGroups<const T> x, const T* mean, const T* whitener, T constant, std::size_t d,
               std::size_t groups, T* residuals, StridedGroups<T> z, T* joint) {
  for (std::size_t g = 0; g < groups; g += V, joint += V * kLanes<T>) {
    const T* from[V];
    T* to[V];
#pragma GCC unroll 4
    for (std::size_t v = 0; v < V; ++v) from[v] = x.first + (g + v) * x.step, to[v] = z.first + (g + v) * z.step;
    Vector<T> squares[V] = {};
    const T* w = whitener;
    if (d == R) {
      whiten_tile<T, R, V, false>(from, mean, residuals, 0, w, to, squares);
    } else {
      whiten_tile<T, R, V, true>(from, mean, residuals, 0, w, to, squares);
      std::size_t before = R;
      for (; before + Tile < d; before += Tile)
        whiten_tile<T, Tile, V, true>(from, mean, residuals, before, w, to, squares);
      whiten_tile<T, Tile, V, false>(from, mean, residuals, before, w, to, squares);
    }
#pragma GCC unroll 4
    for (int v = 0; v < V; ++v) store(joint + v * kLanes<T>, constant - squares[v]);
  }
}

// Whitens rows of d columns, using only the first `columns` of them: d, or first_tile(d) plus whole tiles. `groups` is
// a multiple of kUnroll; `residuals` has room for (D, kStepRows).
template <typename T>
void whiten(const T* x, const T* mean, const T* w, T constant, std::size_t d, std::size_t columns, std::size_t groups,
            T* residuals, StridedGroups<T> z, T* joint) {
  with_count<kWideTile>(first_tile(d), [&](auto first) {
    const auto by = d <= kMostNarrow ? whiten_by<T, first(), kTile, 2>
                                     : whiten_by<T, first(), kWideTile, kAccumulators / kWideTile>;
    by({x, d * kLanes<T>}, mean, w, constant, columns, groups, residuals, z, joint);
  });
}

// Whitens rows by component c of a full mixture.
template <typename T>
void whiten_by_component(const PackedComponents<T>& components, T constant, const T* x, std::size_t c, std::size_t d,
                         std::size_t columns, std::size_t groups, T* residuals, StridedGroups<T> z, T* joint) {
  whiten<T>(x, components.means + c * d, components.whitener + c * triangle_size(d), constant, d, columns, groups,
            residuals, z, joint);
}

}  // namespace gmix::GMIX_LEVEL
