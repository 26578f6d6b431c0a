// Clusters to start from; the plain version is in gmix.fitting.k_means, and a test holds the two together.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <vector>

namespace gmix {

// Points (N, P), one after the other, about zero and of unit scale; and how much each weighs.
struct Points {
  const double* coordinates;
  const double* mass;
  std::size_t n;
  std::size_t width;
};

// Sets labels (N) by greedy k-means++ and at most `sweeps` steps of Lloyd's iteration; clusters are numbered as they
// first appear. `draws` are uniform numbers (K, trials): those of the first row but one are not used. Asks
// interrupted() for each block of points, and returns false if that said yes.
bool cluster(const Points& points, std::size_t n_components, std::size_t trials, std::size_t sweeps,
             const double* draws, const std::function<bool()>& interrupted, std::vector<std::int64_t>& labels);

// Sets labels (N) to the nearest of centers (K, P).
bool assign(const Points& points, const double* centers, std::size_t n_centers,
            const std::function<bool()>& interrupted, std::vector<std::int64_t>& labels);

// Sets the neighbors (K, n), the nearest first, of centers (K, P): the nearest of all, or where they are known from
// `before` (K, n), of these and their neighbors. They include the center itself only where there are no others.
bool find_neighbors(const double* centers, std::size_t n_centers, std::size_t width, std::size_t n,
                    const std::uint32_t* before, const std::function<bool()>& interrupted,
                    std::vector<std::uint32_t>& neighbors);

// Replaces labels (N) of points by the nearest center among the neighbors (K, n) of the one that a label names, and of
// the nearest of these, as long as one of them is nearer.
bool assign_near(const Points& points, const double* centers, std::size_t n_centers,
                 const std::vector<std::uint32_t>& neighbors, std::size_t n, const std::function<bool()>& interrupted,
                 std::vector<std::uint32_t>& labels);

}  // namespace gmix
