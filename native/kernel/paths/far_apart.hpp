// The path of full mixtures of many columns whose components lie far apart: most responsibilities are negligible.
//
// The whitened residuals of the first columns bound a log density from above. For each row, the component of the
// largest bound is evaluated first, and of the others only those whose bound is not negligible beside it. The rows for
// which a component is evaluated are copied side by side, once for its densities and once for its moments.
#pragma once

#include <limits>

#include "kernel/paths/residuals.hpp"

namespace gmix::GMIX_LEVEL::far_apart {

inline constexpr std::size_t kLeastColumns = 24, kLeastComponents = 3;

inline constexpr std::size_t kWindowBytes = std::size_t{1} << 20;  // of the log densities of a window

template <typename T>
struct Plan {
  std::size_t window;  // rows whose bounds are looked at together
  std::size_t batch;   // rows that are copied side by side

  explicit Plan(const Mixture& m)
      : window(std::clamp<std::size_t>(kWindowBytes / (m.n_components * sizeof(T)) / 64 * 64, 512, 2048)),
        batch(std::clamp<std::size_t>(4 * kCacheBytes / (m.n_features * sizeof(T)) / 64 * 64, 16 * kLanes<T>, 512)) {}
};

template <typename T>
struct Scratch {
  Densities<T> densities;  // of a window; joint first holds bounds
  T* weight;               // (window)
  T* responsibility;       // (window): of the listed rows
  T* likeliest;            // (window): the component of the largest bound
  std::size_t* ends;       // (K + 1): where the rows of each likeliest component end in the list
  std::size_t* listed;     // (window): rows, counted from the first of the window
  T* x;                    // (D, groups of a batch)
  T* z;                    // (D, groups of a batch)
  T* residual;             // (D, kStepRows)
  T* weighted_z;           // (kStrip, groups of a batch)
  T* batch_joint;          // (batch)
  char* gathered;          // (batch, D), in the precision of the table

  Scratch(const Mixture& m, const Plan<T>& plan, Arena& arena)
      : densities(m.n_components, plan.window, plan.window, arena),
        weight(arena.take<T>(plan.window)),
        responsibility(arena.take<T>(plan.window + 1)),
        likeliest(arena.take<T>(plan.window)),
        ends(arena.take<std::size_t>(m.n_components + 1)),
        listed(arena.take<std::size_t>(plan.window + 1)),
        x(arena.take<T>(m.n_features * plan.batch)),
        z(arena.take<T>(m.n_features * plan.batch)),
        residual(arena.take<T>(m.n_features * kStepRows<T>)),
        weighted_z(arena.take<T>(kStrip * plan.batch)),
        batch_joint(arena.take<T>(plan.batch)),
        gathered(arena.take<char>(plan.batch * m.n_features * sizeof(double))) {}
};

template <typename T>
class Window {
  static constexpr std::size_t kGroupRows = kLanes<T>;

  const Chunk& chunk_;
  const Frame& frame_;
  const double* const log_constants_;
  const PackedComponents<T>& components_;
  const Plan<T>& plan_;
  const Scratch<T>& s_;
  const RowBlock<T> rows_;
  const std::size_t k_, d_;
  const std::size_t columns_;  // that bound densities

  T* joint(std::size_t c) const { return s_.densities.joint + c * s_.densities.stride; }

  // Whitens a batch of rows by component c.
  void whiten_batch(std::size_t c, std::size_t columns, std::size_t groups, std::size_t z_step, T* to) const {
    whiten_by_component<T>(components_, static_cast<T>(log_constants_[c]), s_.x, c, d_, columns, groups, s_.residual,
                           {s_.z, z_step}, to);
  }

  // Sets upper bounds of all log densities, which are the densities themselves if all columns are used.
  void set_bounds() const {
    for (std::size_t at = 0; at < rows_.count && !chunk_.interruption(); at += plan_.batch) {
      const std::size_t count = std::min(plan_.batch, rows_.count - at), groups = groups_of<T>(count);
      load_rows(chunk_.rows, rows_.begin + at, count, groups, frame_, s_.x);
      for (std::size_t c = 0; c < k_; ++c) whiten_batch(c, columns_, groups, 0, joint(c) + at);
    }
  }

  // Sets the largest bound of each row, and the first component that has it.
  void find_likeliest() const {
    for (std::size_t at = 0; at < rows_.groups * kGroupRows; at += kGroupRows) {
      Vector<T> best = load(joint(0) + at), likeliest = {};
      for (std::size_t c = 1; c < k_; ++c) {
        const Vector<T> other = load(joint(c) + at);
        likeliest = other > best ? broadcast(static_cast<T>(c)) : likeliest;
        best = larger(other, best);
      }
      store(s_.densities.largest + at, best);
      store(s_.likeliest + at, likeliest);
    }
  }

  // Lists all rows by their likeliest component.
  void list_by_likeliest() const {
    std::size_t* const ends = s_.ends;
    std::fill_n(ends, k_ + 1, std::size_t{0});
    for (std::size_t i = 0; i < rows_.count; ++i) ++ends[static_cast<std::size_t>(s_.likeliest[i]) + 1];
    for (std::size_t c = 1; c < k_; ++c) ends[c] += ends[c - 1];
    for (std::size_t i = 0; i < rows_.count; ++i) s_.listed[ends[static_cast<std::size_t>(s_.likeliest[i])]++] = i;
  }

  // Lists the rows whose likeliest component is another, and in which c may still not be negligible by its bound;
  // returns how many. Where c is negligible, its log density becomes minus infinity.
  std::size_t list_others(std::size_t c) const {
    constexpr T none = -std::numeric_limits<T>::infinity();
    const T* const likeliest = s_.likeliest;
    std::size_t* const listed = s_.listed;
    std::size_t count = 0;
    for (std::size_t at = 0; at < rows_.groups * kGroupRows; at += kGroupRows) {
      const Vector<T> least = load(s_.densities.largest + at) + T(kNegligible), bound = load(joint(c) + at);
      const auto own = load(likeliest + at) == broadcast(static_cast<T>(c)), wanted = (bound > least) & ~own;
      store(joint(c) + at, (wanted | own) ? bound : broadcast(none));
      if (all_zero(reinterpret_cast<Vector<T>>(wanted))) continue;
      for (std::size_t lane = 0; lane < kGroupRows; ++lane) {
        listed[count] = at + lane;
        count += wanted[lane] != 0 && at + lane < rows_.count;
      }
    }
    return count;
  }

  // Lists the rows of positive responsibility in c, with these, and returns how many. Adds the mass.
  std::size_t list_active(std::size_t c, double& mass) const {
    std::size_t* const listed = s_.listed;
    T* const responsibilities = s_.responsibility;
    std::size_t count = 0;
    Vector<T> total = {};
    for (std::size_t at = 0; at < rows_.groups * kGroupRows; at += kGroupRows) {
      const Vector<T> r = load(joint(c) + at) * load(s_.densities.norm + at);
      total += r;
      if (all_zero(r)) continue;
      for (std::size_t lane = 0; lane < kGroupRows; ++lane) {
        listed[count] = at + lane;
        responsibilities[count] = r[lane];
        count += r[lane] > T(0);
      }
    }
    mass += sum(total);
    return count;
  }

  // Copies listed rows side by side, in the precision of the table.
  Rows gather(std::size_t first, std::size_t count) const {
    const Rows& rows = chunk_.rows;
    const std::ptrdiff_t size = rows.single ? sizeof(float) : sizeof(double), length = d_ * size;
    char* to = s_.gathered;
    for (std::size_t i = first; i < first + count; ++i, to += length) {
      const char* from = rows.data + static_cast<std::ptrdiff_t>(rows_.begin + s_.listed[i]) * rows.row_stride;
      if (rows.column_stride == size) {
        __builtin_memcpy(to, from, length);
      } else {
        for (std::size_t j = 0; j < d_; ++j)
          __builtin_memcpy(to + j * size, from + static_cast<std::ptrdiff_t>(j) * rows.column_stride, size);
      }
    }
    return {s_.gathered, length, size, count, d_, rows.single};
  }

  // Whitens listed rows [begin, end) by component c, batch after batch, and calls function(first, count) for each.
  template <typename Function>
  void whiten_listed(std::size_t c, std::size_t begin, std::size_t end, const Function& function) const {
    for (std::size_t first = begin; first < end && !chunk_.interruption(); first += plan_.batch) {
      const std::size_t count = std::min(plan_.batch, end - first), groups = groups_of<T>(count);
      load_rows(gather(first, count), 0, count, groups, frame_, s_.x);
      whiten_batch(c, d_, groups, d_ * kGroupRows, s_.batch_joint);
      function(first, count);
    }
  }

  // Sets the log densities of listed rows [begin, end).
  void evaluate_listed(std::size_t c, std::size_t begin, std::size_t end) const {
    whiten_listed(c, begin, end, [&](std::size_t first, std::size_t count) {
      for (std::size_t i = 0; i < count; ++i) joint(c)[s_.listed[first + i]] = s_.batch_joint[i];
    });
  }

  // Replaces bounds by log densities, or by minus infinity where these are negligible.
  void replace_bounds() const {
    find_likeliest();
    list_by_likeliest();
    for (std::size_t c = 0; c < k_; ++c) {
      const std::size_t begin = c == 0 ? 0 : s_.ends[c - 1], end = s_.ends[c];
      evaluate_listed(c, begin, end);
      for (std::size_t i = begin; i < end; ++i) s_.densities.largest[s_.listed[i]] = joint(c)[s_.listed[i]];
    }
    for (std::size_t c = 0; c < k_; ++c) evaluate_listed(c, 0, list_others(c));
  }

 public:
  Window(const Mixture& m, const Chunk& chunk, const Frame& frame, const double* log_constants,
         const PackedComponents<T>& components, const Plan<T>& plan, const Scratch<T>& s, const RowBlock<T>& rows,
         std::size_t columns)
      : chunk_(chunk),
        frame_(frame),
        log_constants_(log_constants),
        components_(components),
        plan_(plan),
        s_(s),
        rows_(rows),
        k_(m.n_components),
        d_(m.n_features),
        columns_(columns) {}

  // Sets the exponentials and norms of the rows.
  void evaluate() const {
    set_bounds();
    if (columns_ < d_) replace_bounds();
    Prefetch none(chunk_.rows, 0, 0, 1);
    for (std::size_t g = 0; g < rows_.groups; g += kUnroll) normalize<T>(k_, s_.densities, nullptr, g, none);
  }

  // Adds the rows, once evaluated, to the sums.
  void accumulate(WhitenedSums& sums) const {
    rows_.set_weights(chunk_.weight, s_.weight);
    sums.log_likelihood += weigh(s_.densities, s_.weight, rows_.groups, chunk_.weight != nullptr);
    for (std::size_t c = 0; c < k_; ++c) {
      const std::size_t active = list_active(c, sums.mass[c]);
      std::fill(s_.responsibility + active, s_.responsibility + (active + kGroupRows - 1) / kGroupRows * kGroupRows,
                T(0));
      whiten_listed(c, 0, active, [&](std::size_t first, std::size_t count) {
        triangle_moments(s_.responsibility + first, s_.z, s_.weighted_z, d_, (count + kGroupRows - 1) / kGroupRows,
                         sums.first + c * d_, sums.second + c * d_ * d_);
      });
    }
  }
};

}  // namespace gmix::GMIX_LEVEL::far_apart
