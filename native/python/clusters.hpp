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

}  // namespace gmix
