// k-means for Python. Labels are numbers of float64.
#pragma once

#include "em/k_means.hpp"
#include "python/arrays.hpp"
#include "python/callables.hpp"

namespace gmix {

// Labels (N) of points (N, P).
inline nb::object cluster_points(nb::handle points_object, nb::handle mass_object, std::size_t sweeps,
                                 nb::handle draws_object) {
  const Array points(points_object, 2, "points"), mass(mass_object, 1, "mass");
  const Array draws(draws_object, 2, "draws");
  const std::size_t n = points.size(0), width = points.size(1), k = draws.size(0);
  if (n == 0 || k == 0 || draws.size(1) == 0) throw nb::value_error("clusters need a point and a draw at least");
  const Points rows{points.numbers(n, width), mass.numbers(n), n, width};
  const double* numbers = draws.numbers(k, draws.size(1));
  std::vector<std::int64_t> labels;
  without_gil([&] { return cluster(rows, k, draws.size(1), sweeps, numbers, is_interrupted, labels); });
  return array_of({labels.begin(), labels.end()}, empty_array(n));
}

// The nearest of centers (K, P) to each of points (N, P).
inline nb::object nearest_centers(nb::handle points_object, nb::handle centers_object) {
  const Array points(points_object, 2, "points"), centers(centers_object, 2, "centers");
  const std::size_t n = points.size(0), width = points.size(1), k = centers.size(0);
  if (k == 0) throw nb::value_error("points need a center at least");
  const Points rows{points.numbers(n, width), nullptr, n, width};
  const double* numbers = centers.numbers(k, width);
  std::vector<std::int64_t> labels;
  without_gil([&] { return assign(rows, numbers, k, is_interrupted, labels); });
  return array_of({labels.begin(), labels.end()}, empty_array(n));
}

// Whole numbers below k, in an array of float64 with this number of dimensions.
inline std::vector<std::uint32_t> places_of(nb::handle object, const char* name, int ndim, std::size_t size,
                                            std::size_t k) {
  const Numbers numbers = numbers_of(object, name, ndim, size);
  for (const double place : numbers)
    if (!(place >= 0.0 && place < static_cast<double>(k))) throw nb::value_error("a place names no center");
  return {numbers.begin(), numbers.end()};
}

// The nearest others (K, n) of centers (K, P), given those before or None.
inline nb::object neighbors_of_centers(nb::handle centers_object, std::size_t n, nb::handle before_object) {
  const Array centers(centers_object, 2, "centers");
  const std::size_t k = centers.size(0), width = centers.size(1);
  if (k == 0 || n == 0 || n > k) throw nb::value_error("there are from one to K neighbors");
  const double* numbers = centers.numbers(k, width);
  std::vector<std::uint32_t> before, neighbors;
  if (!before_object.is_none()) before = places_of(before_object, "before", 2, k * n, k);
  without_gil([&] {
    return find_neighbors(numbers, k, width, n, before.empty() ? nullptr : before.data(), is_interrupted, neighbors);
  });
  return array_of({neighbors.begin(), neighbors.end()}, empty_array(k, n));
}

// The nearest of centers (K, P) to each of points (N, P), as far as neighbors (K, n) of the labels (N) lead to it.
inline nb::object nearest_neighbors(nb::handle points_object, nb::handle centers_object, nb::handle labels_object,
                                    nb::handle neighbors_object) {
  const Array points(points_object, 2, "points"), centers(centers_object, 2, "centers");
  const Array shape(neighbors_object, 2, "neighbors");
  const std::size_t n = points.size(0), width = points.size(1), k = centers.size(0), count = shape.size(1);
  if (k == 0 || count == 0 || count > k) throw nb::value_error("there are from one to K neighbors");
  const Points rows{points.numbers(n, width), nullptr, n, width};
  const double* numbers = centers.numbers(k, width);
  std::vector<std::uint32_t> labels = places_of(labels_object, "labels", 1, n, k);
  const std::vector<std::uint32_t> neighbors = places_of(neighbors_object, "neighbors", 2, k * count, k);
  without_gil([&] { return assign_near(rows, numbers, k, neighbors, count, is_interrupted, labels); });
  return array_of({labels.begin(), labels.end()}, empty_array(n));
}

}  // namespace gmix
