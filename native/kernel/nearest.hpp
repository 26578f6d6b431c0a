// Squared distances of many points to many centers, and the nearest center of each: products of matrices.
//
// The square may be expanded, |x|^2 - 2 x . c + |c|^2, because the caller centers and scales the points: no digit that
// matters cancels.
#pragma once

#include <limits>

#include "kernel/linear_functions.hpp"

namespace gmix::GMIX_LEVEL {

// Stores centers (K, P) as evaluate_tile reads them, kMostFunctions side by side: squared norms, then -2 times the
// coordinates.
inline void lay_out(const double* centers, std::size_t k, std::size_t width, double* tiles) {
  for (std::size_t first = 0; first < k; first += kMostFunctions) {
    const std::size_t functions = std::min(kMostFunctions, k - first);
    for (std::size_t c = 0; c < functions; ++c) {
      const double* const center = centers + (first + c) * width;
      double norm = 0.0;
      for (std::size_t j = 0; j < width; ++j) {
        norm += center[j] * center[j];
        tiles[(1 + j) * functions + c] = -2.0 * center[j];
      }
      tiles[c] = norm;
    }
    tiles += functions * (1 + width);
  }
}

// Sets the distances of a block of points, column after column, to the C centers of a tile.
template <int C>
void tile_distances(const double* points, std::size_t count, std::size_t width, const double* tile, double* to,
                    std::size_t stride) {
  constexpr int V = C > 3 ? 2 : 4;
  for (std::size_t i = 0; i < count; i += V * kLanes<double>)
    evaluate_tile<double, C, V>(points + i, count, 1 + width, tile, to + i, stride);
}

inline void distances(const PointBlocks& points, const double* centers, std::size_t k, double* work, double* to) {
  const std::size_t size = 1 + points.width;
  lay_out(centers, k, points.width, work);
  for (std::size_t at = 0; at < points.count; at += kPoints)
    for (std::size_t first = 0; first < k; first += kMostFunctions)
      with_count<kMostFunctions>(k - first, [&](auto functions) {
        tile_distances<functions()>(points.data + at * size, std::min(kPoints, points.count - at), points.width,
                                    work + first * size, to + first * points.count + at, points.count);
      });
}

inline void nearest(const PointBlocks& points, const double* centers, std::size_t k, double* work,
                    std::int64_t* label) {
  typedef VectorOf<std::int64_t, kLanes<double>>::type Labels;
  const std::size_t size = 1 + points.width;
  lay_out(centers, k, points.width, work);
  for (std::size_t at = 0; at < points.count; at += kPoints) {
    const std::size_t count = std::min(kPoints, points.count - at);
    double squared[kMostFunctions * kPoints], least[kPoints];
    for (std::size_t i = 0; i < count; ++i) {
      least[i] = std::numeric_limits<double>::infinity();
      label[at + i] = 0;
    }
    for (std::size_t first = 0; first < k; first += kMostFunctions)
      with_count<kMostFunctions>(k - first, [&](auto functions) {
        tile_distances<functions()>(points.data + at * size, count, points.width, work + first * size, squared,
                                    kPoints);
        for (std::size_t i = 0; i < count; i += kLanes<double>) {
          Vector<double> before = load(least + i);
          Labels which;
          __builtin_memcpy(&which, label + at + i, sizeof which);
#pragma GCC unroll 6
          for (int c = 0; c < functions(); ++c) {
            const Vector<double> here = load(squared + c * kPoints + i);
            which = here < before ? static_cast<std::int64_t>(first + c) - Labels{} : which;
            before = here < before ? here : before;
          }
          store(least + i, before);
          __builtin_memcpy(label + at + i, &which, sizeof which);
        }
      });
  }
}

}  // namespace gmix::GMIX_LEVEL
