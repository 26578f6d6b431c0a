// Squared distances of many points to many centres, and which centre is nearest: products of matrices.
//
// Expanding the square costs no digit that matters: the points are about zero and of unit scale.
#pragma once

#include <limits>

#include "kernel/paths/linear.hpp"

namespace gmix::GMIX_LEVEL {

// Centres (K, P) as joint_tile reads them, so many side by side: squared norms, then -2 times the coordinates.
inline void lay_out(const double* centres, std::size_t k, std::size_t width, double* tiles) {
  for (std::size_t first = 0; first < k; first += kMostJoint) {
    const std::size_t joint = std::min(kMostJoint, k - first);
    for (std::size_t c = 0; c < joint; ++c) {
      const double* const centre = centres + (first + c) * width;
      double norm = 0.0;
      for (std::size_t j = 0; j < width; ++j) {
        norm += centre[j] * centre[j];
        tiles[(1 + j) * joint + c] = -2.0 * centre[j];
      }
      tiles[c] = norm;
    }
    tiles += joint * (1 + width);
  }
}

// Distances of a block of points, by columns, to C centres of a tile.
template <int C>
void tile_distances(const double* points, std::size_t count, std::size_t width, const double* tile, double* to,
                    std::size_t stride) {
  constexpr int V = C > 3 ? 2 : 4;
  for (std::size_t i = 0; i < count; i += V * kLanes<double>)
    joint_tile<double, C, V>(points + i, count, 1 + width, tile, to + i, stride);
}

inline void distances(const Blocks& points, const double* centres, std::size_t k, double* work, double* to) {
  const std::size_t size = 1 + points.width;
  lay_out(centres, k, points.width, work);
  for (std::size_t at = 0; at < points.count; at += kPoints)
    for (std::size_t first = 0; first < k; first += kMostJoint)
      with_count<kMostJoint>(k - first, [&](auto joint) {
        tile_distances<joint()>(points.data + at * size, std::min(kPoints, points.count - at), points.width,
                                work + first * size, to + first * points.count + at, points.count);
      });
}

inline void nearest(const Blocks& points, const double* centres, std::size_t k, double* work, std::int64_t* label) {
  typedef VectorOf<std::int64_t, kLanes<double>>::type Labels;
  const std::size_t size = 1 + points.width;
  lay_out(centres, k, points.width, work);
  for (std::size_t at = 0; at < points.count; at += kPoints) {
    const std::size_t count = std::min(kPoints, points.count - at);
    double squared[kMostJoint * kPoints], least[kPoints];
    for (std::size_t i = 0; i < count; ++i) {
      least[i] = std::numeric_limits<double>::infinity();
      label[at + i] = 0;
    }
    for (std::size_t first = 0; first < k; first += kMostJoint)
      with_count<kMostJoint>(k - first, [&](auto joint) {
        tile_distances<joint()>(points.data + at * size, count, points.width, work + first * size, squared, kPoints);
        for (std::size_t i = 0; i < count; i += kLanes<double>) {
          Vector<double> before = load(least + i);
          Labels which;
          __builtin_memcpy(&which, label + at + i, sizeof which);
#pragma GCC unroll 6
          for (int c = 0; c < joint(); ++c) {
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
