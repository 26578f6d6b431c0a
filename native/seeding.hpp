// Clusters to start from; the plain version is in gmix.seeding, and a test holds the two together.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace gmix {

// Points (N, P), one after the other, about zero and of unit scale; and how much each weighs.
struct Points {
  const double* coordinates;
  const double* mass;
  std::size_t n;
  std::size_t width;
};

// Labels (N) by greedy k-means++ and at most so many of Lloyd's steps, clusters counted as they first appear. `draws`
// are uniform numbers (K, trials): those of the first row but one are not used.
std::vector<std::int64_t> cluster(const Points& points, std::size_t n_components, std::size_t trials,
                                  std::size_t sweeps, const double* draws);

}  // namespace gmix
