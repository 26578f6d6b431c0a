#include "em/k_means.hpp"

#include <algorithm>
#include <limits>

#include "em/statistics.hpp"
#include "kernel/kernel.hpp"
#include "threads/memory.hpp"

namespace gmix {
namespace {

constexpr std::size_t kAtRest = 1000;         // the iteration ends when at most one in so many points has moved
constexpr std::size_t kSearched = 64;         // centers whose neighbors are sought between two such checks
constexpr std::size_t kBlock = 16 * kPoints;  // points that are labeled between two checks for interruptions

// Points in blocks, padded with zeros, and the squared norm of each.
class Table {
 public:
  explicit Table(const Points& points)
      : count_((points.n + kPointStep - 1) / kPointStep * kPointStep),
        width_(points.width),
        blocks_((1 + width_) * count_),
        norm_(count_) {
    for (std::size_t i = 0; i < points.n; ++i) {
      const std::size_t at = i / kPoints * kPoints, stride = std::min(kPoints, count_ - at);
      for (std::size_t j = 0; j < width_; ++j) {
        const double value = points.coordinates[i * width_ + j];
        blocks_[at * (1 + width_) + (1 + j) * stride + i - at] = value;
        norm_[i] += value * value;
      }
    }
  }

  PointBlocks blocks() const { return {blocks_.data(), width_, count_}; }
  double norm(std::size_t i) const { return norm_[i]; }

 private:
  std::size_t count_, width_;
  Numbers blocks_, norm_;
};

// The first index at which the cumulative sum is above a limit.
std::size_t drawn(const Numbers& share, double limit) {
  double sum = 0.0;
  for (std::size_t i = 0; i < share.size(); ++i)
    if ((sum += share[i]) > limit) return i;
  return share.size() - 1;
}

// Sets centers (K, P): each the best of a few points, drawn with probability proportional to the squared distance to
// those chosen. False if interrupted.
bool seed(const Points& points, const Table& table, std::size_t k, std::size_t trials, const double* draws,
          const std::function<bool()>& interrupted, Numbers& centers) {
  const std::size_t n = points.n, width = points.width, padded = table.blocks().count;
  const Numbers mass(points.mass, points.mass + n);
  Numbers potential(n), closer(n), best(n), tried, work(trials * (1 + width)), squared(trials * padded);
  Numbers closest(n, std::numeric_limits<double>::infinity());
  for (std::size_t c = 0; c < k; ++c) {
    if (interrupted()) return false;
    bool spread = false;  // else there are fewer distinct points than centers
    if (c > 0)
      for (std::size_t i = 0; i < n; ++i) spread |= (potential[i] = closest[i] * mass[i]) > 0.0;
    const Numbers& share = spread ? potential : mass;
    const double total = sum_of(share);
    const std::size_t count = c == 0 ? 1 : trials;
    tried.clear();
    for (std::size_t trial = 0; trial < count; ++trial) {
      const double* const point = points.coordinates + drawn(share, draws[c * trials + trial] * total) * width;
      tried.insert(tried.end(), point, point + width);
    }
    kernel().distances(table.blocks(), tried.data(), count, work.data(), squared.data());
    double least = std::numeric_limits<double>::infinity();
    std::size_t chosen = 0;
    for (std::size_t trial = 0; trial < count; ++trial) {
      const double* const distance = &squared[trial * padded];
      double sum = 0.0;
      for (std::size_t i = 0; i < n; ++i) {
        closer[i] = std::min(closest[i], std::max(distance[i] + table.norm(i), 0.0));
        sum += closer[i] * mass[i];
      }
      if (sum < least) {
        least = sum;
        chosen = trial;
        std::swap(best, closer);
      }
    }
    std::swap(closest, best);
    const double* const best_point = tried.data() + chosen * width;
    centers.insert(centers.end(), best_point, best_point + width);
  }
  return true;
}

// Sets the labels (padded N) of the points of a table. False if interrupted.
bool assign(const PointBlocks& all, const double* centers, std::size_t k, const std::function<bool()>& interrupted,
            Numbers& work, std::vector<std::int64_t>& labels) {
  for (std::size_t at = 0; at < all.count; at += kBlock) {
    if (interrupted()) return false;
    const PointBlocks block{all.data + at * (1 + all.width), all.width, std::min(kBlock, all.count - at)};
    kernel().nearest(block, centers, k, work.data(), labels.data() + at);
  }
  return true;
}

// Centers as components of equal weight and width, with the plan of truncated E-steps.
class CentersAsComponents {
 public:
  CentersAsComponents(const double* centers, std::size_t k, std::size_t width, const Truncation& truncation)
      : zeros_(k),
        ones_(k, 1.0),
        mixture_{Form::kSpherical, k, width, zeros_.data(), centers, ones_.data()},
        plan_(kernel().truncated_plan_size(mixture_)),
        scratch_(kernel().truncated_scratch_size(mixture_, truncation)) {
    kernel().truncated_plan(mixture_, plan_.data());
  }

  const Mixture& mixture() const { return mixture_; }
  const char* plan() const { return plan_.data(); }
  char* scratch() const { return scratch_.data(); }

 private:
  Numbers zeros_, ones_;
  Mixture mixture_;
  Memory plan_, scratch_;
};

}  // namespace

bool find_neighbors(const double* centers, std::size_t n_centers, std::size_t width, std::size_t n,
                    const std::uint32_t* before, const std::function<bool()>& interrupted,
                    std::vector<std::uint32_t>& neighbors) {
  const CentersAsComponents all(centers, n_centers, width, {1, n, nullptr, nullptr});
  neighbors.resize(n_centers * n);
  for (std::size_t at = 0; at < n_centers; at += kSearched) {
    if (interrupted()) return false;
    kernel().find_neighbors(all.mixture(), all.plan(), at, std::min(at + kSearched, n_centers), n, before,
                            all.scratch(), neighbors.data());
  }
  return true;
}

bool assign_near(const Points& points, const double* centers, std::size_t n_centers,
                 const std::vector<std::uint32_t>& neighbors, std::size_t n, const std::function<bool()>& interrupted,
                 std::vector<std::uint32_t>& labels) {
  const Truncation truncation{1, n, labels.data(), neighbors.data()};
  const CentersAsComponents all(centers, n_centers, points.width, truncation);
  const std::ptrdiff_t number = sizeof(double), width = static_cast<std::ptrdiff_t>(points.width);
  const Rows rows{
      reinterpret_cast<const char*>(points.coordinates), width * number, number, points.n, points.width, false};
  const Interruption interruption{[](void* context) { return (*static_cast<const std::function<bool()>*>(context))(); },
                                  const_cast<std::function<bool()>*>(&interrupted)};
  Numbers mass(n_centers), first(n_centers * points.width), second(n_centers);  // which nobody reads
  WhitenedSums sums{mass.data(), first.data(), second.data(), 0.0};
  sums.counts = sums.mass;
  kernel().expect_truncated(all.mixture(), all.plan(), rows, 0, points.n, nullptr, truncation, all.scratch(), sums,
                            interruption);
  return !interrupted();
}

bool assign(const Points& points, const double* centers, std::size_t n_centers,
            const std::function<bool()>& interrupted, std::vector<std::int64_t>& labels) {
  const Table table(points);
  Numbers work(n_centers * (1 + points.width));
  labels.assign(table.blocks().count, 0);
  if (!assign(table.blocks(), centers, n_centers, interrupted, work, labels)) return false;
  labels.resize(points.n);
  return true;
}

bool cluster(const Points& points, std::size_t n_components, std::size_t trials, std::size_t sweeps,
             const double* draws, const std::function<bool()>& interrupted, std::vector<std::int64_t>& labels) {
  const std::size_t n = points.n, width = points.width, k = n_components;
  const Table table(points);
  const PointBlocks all = table.blocks();
  Numbers centers, work(k * (1 + width));
  if (!seed(points, table, k, trials, draws, interrupted, centers)) return false;
  std::vector<std::int64_t> before;
  labels.assign(all.count, 0);
  const auto moved = [&] {  // points whose label is another than before
    std::size_t count = 0;
    for (std::size_t i = 0; i < n; ++i) count += before.empty() || labels[i] != before[i];
    return count;
  };
  const auto relabel = [&] { return assign(all, centers.data(), k, interrupted, work, labels); };
  if (!relabel()) return false;
  for (std::size_t sweep = 0; sweep < sweeps && kAtRest * moved() > n; ++sweep) {
    Numbers size(k, 0.0), sum(k * width, 0.0);
    for (std::size_t i = 0; i < n; ++i) {
      double* const to = sum.data() + static_cast<std::size_t>(labels[i]) * width;
      size[static_cast<std::size_t>(labels[i])] += points.mass[i];
      for (std::size_t j = 0; j < width; ++j) to[j] += points.mass[i] * points.coordinates[i * width + j];
    }
    for (std::size_t c = 0; c < k; ++c)
      for (std::size_t j = 0; size[c] > 0.0 && j < width; ++j) centers[c * width + j] = sum[c * width + j] / size[c];
    before = labels;
    if (!relabel()) return false;
  }
  labels.resize(n);
  std::vector<std::int64_t> name(k, -1);
  std::int64_t known = 0;
  for (std::int64_t& label : labels) {
    std::int64_t& called = name[static_cast<std::size_t>(label)];
    if (called < 0) called = known++;
    label = called;
  }
  return true;
}

}  // namespace gmix
