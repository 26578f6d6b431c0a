#include "seeding.hpp"

#include <algorithm>
#include <limits>

namespace gmix {
namespace {

using Numbers = std::vector<double>;

// Points by columns, so that loops run along the points.
class Table {
 public:
  explicit Table(const Points& points)
      : n_(points.n), width_(points.width), columns_(n_ * width_), norm_(n_, 0.0) {
    for (std::size_t i = 0; i < n_; ++i)
      for (std::size_t j = 0; j < width_; ++j) {
        const double value = points.coordinates[i * width_ + j];
        columns_[j * n_ + i] = value;
        norm_[i] += value * value;
      }
  }

  // Squared distances (N) to a centre, less the points' own squared norms. Expanding the square costs no digit that
  // matters: the points are about zero and of unit scale.
  void distances(const double* centre, Numbers& to) const {
    double norm = 0.0;
    for (std::size_t j = 0; j < width_; ++j) norm += centre[j] * centre[j];
    to.assign(n_, norm);
    for (std::size_t j = 0; j < width_; ++j) {
      const double twice = 2.0 * centre[j];
      const double* column = &columns_[j * n_];
      for (std::size_t i = 0; i < n_; ++i) to[i] -= twice * column[i];
    }
  }

  double norm(std::size_t i) const { return norm_[i]; }

 private:
  std::size_t n_, width_;
  Numbers columns_, norm_;
};

// The first whose sum with all before it is above a part of the total.
std::size_t drawn(const Numbers& share, double part) {
  double total = 0.0, sum = 0.0;
  for (const double value : share) total += value;
  for (std::size_t i = 0; i < share.size(); ++i)
    if ((sum += share[i]) > part * total) return i;
  return share.size() - 1;
}

// Each centre the best of a few points, drawn with probability proportional to the squared distance to those chosen.
Numbers seeds(const Points& points, const Table& table, std::size_t k, std::size_t trials,
              const double* draws) {
  const std::size_t n = points.n, width = points.width;
  const Numbers mass(points.mass, points.mass + n);
  Numbers centres, potential(n), squared, closer(n), best(n);
  Numbers closest(n, std::numeric_limits<double>::infinity());
  for (std::size_t c = 0; c < k; ++c) {
    bool spread = false;  // else there are fewer distinct points than centres
    if (c > 0)
      for (std::size_t i = 0; i < n; ++i) spread |= (potential[i] = closest[i] * mass[i]) > 0.0;
    double least = std::numeric_limits<double>::infinity();
    std::size_t chosen = 0;
    for (std::size_t trial = 0; trial < (c == 0 ? 1 : trials); ++trial) {
      const std::size_t tried = drawn(spread ? potential : mass, draws[c * trials + trial]);
      table.distances(&points.coordinates[tried * width], squared);
      double sum = 0.0;
      for (std::size_t i = 0; i < n; ++i) {
        closer[i] = std::min(closest[i], std::max(squared[i] + table.norm(i), 0.0));
        sum += closer[i] * mass[i];
      }
      if (sum < least) {
        least = sum;
        chosen = tried;
        std::swap(best, closer);
      }
    }
    std::swap(closest, best);
    centres.insert(centres.end(), &points.coordinates[chosen * width],
                   &points.coordinates[chosen * width] + width);
  }
  return centres;
}

}  // namespace

std::vector<std::size_t> cluster(const Points& points, std::size_t n_components, std::size_t trials,
                                 std::size_t sweeps, const double* draws) {
  const std::size_t n = points.n, width = points.width, k = n_components;
  const Table table(points);
  Numbers centres = seeds(points, table, k, trials, draws), squared, closest;
  std::vector<std::size_t> labels, before;
  const auto assign = [&] {
    labels.assign(n, 0);
    closest.assign(n, std::numeric_limits<double>::infinity());
    for (std::size_t c = 0; c < k; ++c) {
      table.distances(&centres[c * width], squared);
      for (std::size_t i = 0; i < n; ++i)
        if (squared[i] < closest[i]) {
          closest[i] = squared[i];
          labels[i] = c;
        }
    }
  };
  assign();
  for (std::size_t sweep = 0; sweep < sweeps && labels != before; ++sweep) {
    Numbers size(k, 0.0), sum(k * width, 0.0);
    for (std::size_t i = 0; i < n; ++i) {
      size[labels[i]] += points.mass[i];
      for (std::size_t j = 0; j < width; ++j)
        sum[labels[i] * width + j] += points.mass[i] * points.coordinates[i * width + j];
    }
    for (std::size_t c = 0; c < k; ++c)
      for (std::size_t j = 0; size[c] > 0.0 && j < width; ++j)
        centres[c * width + j] = sum[c * width + j] / size[c];
    before = labels;
    assign();
  }
  std::vector<std::size_t> name(k, k);
  std::size_t known = 0;
  for (std::size_t& label : labels) {
    if (name[label] == k) name[label] = known++;
    label = name[label];
  }
  return labels;
}

}  // namespace gmix
