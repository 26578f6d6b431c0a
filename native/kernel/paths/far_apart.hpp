// Full mixtures of many columns whose components lie apart: most shares are nothing, and cost little.
//
// The whitened residuals of the first columns bound a log density from above. The likeliest component by these bounds
// is looked at first, and of the others only those whose bound does not leave them nothing beside it. Rows that are
// left to a component are moved together, once for its density and once for its moments.
#pragma once

#include "kernel/expectation.hpp"

namespace gmix::GMIX_LEVEL {

template <typename T>
class Apart {
  static constexpr std::size_t kLane = kLanes<T>;

  const Mixture& mixture_;
  const Plan<T>& plan_;
  const Scratch<T>& s_;
  const Rows& rows_;
  const std::size_t begin_, count_, k_, d_;  // count_ rows from begin_ on
  const std::size_t groups_;                 // that they fill, a multiple of kUnroll
  const std::size_t columns_;                // that bound densities
  const Stop& stop_;

  T* joint(std::size_t c) const { return s_.apart_joint + c * plan_.span; }

  // Upper bounds of all log densities, or, of all columns, themselves.
  void bound() const {
    for (std::size_t at = 0; at < count_ && !stop_(); at += plan_.piece) {
      const std::size_t count = std::min(plan_.piece, count_ - at), groups = padded<T>(count);
      load_rows(rows_, begin_ + at, count, groups, plan_.frame(), s_.apart_x);
      for (std::size_t c = 0; c < k_; ++c)
        whiten_by_component<T>(plan_, s_.apart_x, c, d_, columns_, groups, s_.residual, {s_.apart_z, 0}, joint(c) + at);
    }
  }

  // Sets the largest bound of each row, and the first component that has it.
  void find_leaders() const {
    for (std::size_t at = 0; at < groups_ * kLane; at += kLane) {
      Vector<T> best = load(joint(0) + at), leader = {};
      for (std::size_t c = 1; c < k_; ++c) {
        const Vector<T> other = load(joint(c) + at);
        leader = other > best ? broadcast(static_cast<T>(c)) : leader;
        best = larger(other, best);
      }
      store(s_.apart_largest + at, best);
      store(s_.leader + at, leader);
    }
  }

  // Lists all rows by their leaders.
  void list_by_leader() const {
    std::size_t* const ends = s_.led;
    std::fill_n(ends, k_ + 1, std::size_t{0});
    for (std::size_t i = 0; i < count_; ++i) ++ends[static_cast<std::size_t>(s_.leader[i]) + 1];
    for (std::size_t c = 1; c < k_; ++c) ends[c] += ends[c - 1];
    for (std::size_t i = 0; i < count_; ++i) s_.listed[ends[static_cast<std::size_t>(s_.leader[i])]++] = i;
  }

  // Lists the rows that follow others and may have a share in c, and returns how many; those that cannot have none.
  std::size_t list_others(std::size_t c) const {
    constexpr T none = -std::numeric_limits<T>::infinity();
    const auto* const leaders = s_.leader;
    std::size_t* const listed = s_.listed;
    std::size_t count = 0;
    for (std::size_t at = 0; at < groups_ * kLane; at += kLane) {
      const Vector<T> least = load(s_.apart_largest + at) + T(kNothing), most = load(joint(c) + at);
      const auto led = load(leaders + at) == broadcast(static_cast<T>(c)), follows = (most > least) & ~led;
      store(joint(c) + at, (follows | led) ? most : broadcast(none));
      if (all_zero(reinterpret_cast<Vector<T>>(follows))) continue;
      for (std::size_t lane = 0; lane < kLane; ++lane) {
        listed[count] = at + lane;
        count += follows[lane] != 0 && at + lane < count_;
      }
    }
    return count;
  }

  // Lists the rows that have a share in c, and their shares, and returns how many. Adds up the shares.
  std::size_t list_sharing(std::size_t c, double& mass) const {
    std::size_t* const listed = s_.listed;
    T* const shares = s_.apart_share;
    std::size_t count = 0;
    Vector<T> total = {};
    for (std::size_t at = 0; at < groups_ * kLane; at += kLane) {
      const Vector<T> share = load(joint(c) + at) * load(s_.apart_norm + at);
      total += share;
      if (all_zero(share)) continue;
      for (std::size_t lane = 0; lane < kLane; ++lane) {
        listed[count] = at + lane;
        shares[count] = share[lane];
        count += share[lane] > T(0);
      }
    }
    mass += sum(total);
    return count;
  }

  // Copies listed rows side by side.
  Rows gather(std::size_t first, std::size_t count) const {
    const std::ptrdiff_t size = rows_.single ? sizeof(float) : sizeof(double), length = d_ * size;
    char* to = s_.gathered;
    for (std::size_t i = first; i < first + count; ++i, to += length) {
      const char* from = rows_.data + static_cast<std::ptrdiff_t>(begin_ + s_.listed[i]) * rows_.row_stride;
      if (rows_.column_stride == size) {
        __builtin_memcpy(to, from, length);
      } else {
        for (std::size_t j = 0; j < d_; ++j)
          __builtin_memcpy(to + j * size, from + static_cast<std::ptrdiff_t>(j) * rows_.column_stride, size);
      }
    }
    return {s_.gathered, length, size, count, d_, rows_.single};
  }

  // Whitens listed rows by component c, some at a time, and hands over which these are.
  template <typename Function>
  void whiten_listed(std::size_t c, std::size_t begin, std::size_t end, const Function& function) const {
    for (std::size_t first = begin; first < end && !stop_(); first += plan_.piece) {
      const std::size_t count = std::min(plan_.piece, end - first), groups = padded<T>(count);
      load_rows(gather(first, count), 0, count, groups, plan_.frame(), s_.apart_x);
      whiten_by_component<T>(plan_, s_.apart_x, c, d_, d_, groups, s_.residual, {s_.apart_z, d_ * kLane},
                             s_.piece_joint);
      function(first, count);
    }
  }

  // Sets the log densities of listed rows.
  void evaluate_listed(std::size_t c, std::size_t begin, std::size_t end) const {
    whiten_listed(c, begin, end, [&](std::size_t first, std::size_t count) {
      for (std::size_t i = 0; i < count; ++i) joint(c)[s_.listed[first + i]] = s_.piece_joint[i];
    });
  }

  // Replaces bounds by log densities, or by none where there is nothing.
  void evaluate() const {
    find_leaders();
    list_by_leader();
    for (std::size_t c = 0; c < k_; ++c) {
      const std::size_t begin = c == 0 ? 0 : s_.led[c - 1], end = s_.led[c];
      evaluate_listed(c, begin, end);
      for (std::size_t i = begin; i < end; ++i) s_.apart_largest[s_.listed[i]] = joint(c)[s_.listed[i]];
    }
    for (std::size_t c = 0; c < k_; ++c) evaluate_listed(c, 0, list_others(c));
  }

 public:
  Apart(const Mixture& mixture, const Plan<T>& plan, const Scratch<T>& s, const Rows& rows, std::size_t begin,
        std::size_t count, std::size_t columns, const Stop& stop)
      : mixture_(mixture),
        plan_(plan),
        s_(s),
        rows_(rows),
        begin_(begin),
        count_(count),
        k_(mixture.n_components),
        d_(mixture.n_features),
        groups_(padded<T>(count)),
        columns_(columns),
        stop_(stop) {}

  // The rows' exponentials, norms and largest log densities, laid out like those of a block.
  struct Block {
    Plan<T> plan;
    Scratch<T> scratch;
  };
  Block exponentials(const double* weight) const {
    bound();
    if (columns_ < d_) evaluate();
    Block block{plan_, s_};
    Scratch<T>& s = block.scratch;
    block.plan.stride = plan_.span;
    s.joint = s_.apart_joint, s.largest = s_.apart_largest, s.norm = s_.apart_norm, s.weight = s_.apart_weight;
    set_weights(s, weight, begin_, count_, groups_);
    Ahead nothing(rows_, 0, 0, 1);
    for (std::size_t g = 0; g < groups_; g += kUnroll) normalize(mixture_, block.plan, s, g, nothing);
    return block;
  }

  // Adds the rows to the sums.
  void add(const double* weight, Sums& sums) const {
    sums.log_likelihood += weigh(exponentials(weight).scratch, groups_, weight != nullptr);
    for (std::size_t c = 0; c < k_; ++c) {
      const std::size_t sharing = list_sharing(c, sums.mass[c]);
      std::fill(s_.apart_share + sharing, s_.apart_share + (sharing + kLane - 1) / kLane * kLane, T(0));
      whiten_listed(c, 0, sharing, [&](std::size_t first, std::size_t count) {
        triangle_moments(s_.apart_share + first, s_.apart_z, s_.active_t, d_, (count + kLane - 1) / kLane,
                         sums.first + c * d_, sums.second + c * d_ * d_);
      });
    }
  }
};

// How many columns had best bound the densities of rows like those of the first block, or none where it is better to
// look at all components of all rows. Scratch holds the block's exponentials and whitened residuals.
//
// Counted in whitenings of a row by a component; moments, if they are wanted too, cost as much, and moving a row that
// of as many columns as eight vectors have lanes.
template <typename T>
std::size_t bounding_columns(const Mixture& m, const Plan<T>& plan, const Scratch<T>& s, std::size_t groups,
                             bool moments) {
  constexpr std::size_t lanes = kLanes<T>, choices = 5;
  if (plan.span == 0 || *plan.near) return 0;
  const std::size_t d = m.n_features, tile = tile_rows(d), first = first_tile(d);
  std::size_t columns[choices];
  for (std::size_t i = 0; i < choices; ++i)
    columns[i] = std::min(d, first + ((d >> (choices - 1 - i)) + tile - 1) / tile * tile);  // a sixteenth to all
  double left[choices] = {}, sharing = 0.0;
  for (std::size_t c = 0; c < m.n_components; ++c)
    for (std::size_t g = 0; g < groups; ++g) {
      const Vector<T> least = load(s.largest + g * lanes) + T(kNothing);
      const Vector<T> one = Vector<T>{} + T(1), zero = {};
      Vector<T> most = broadcast(static_cast<T>(plan.log_constants[c]));
      const T* z = s.z + c * d * plan.block + g * d * lanes;
      for (std::size_t i = 0, j = 0; i < choices; ++i) {
        for (; j < columns[i]; ++j) most -= load(z + j * lanes) * load(z + j * lanes);
        left[i] += sum(most > least ? one : zero);
      }
      sharing += sum(load(s.joint + c * plan.stride + g * lanes) > T(0) ? one : zero);
    }
  const double rows = static_cast<double>(groups * lanes),
               moved = 1.0 + static_cast<double>(8 * lanes) / static_cast<double>(d);
  double least = (moments ? 1.8 : 0.9) * static_cast<double>(m.n_components) * rows;
  std::size_t best = 0;
  for (std::size_t i = 0; i < choices; ++i) {
    const double part = static_cast<double>(columns[i]) / static_cast<double>(d);
    const double looked_at = columns[i] < d ? left[i] : 0.0;
    double cost = part * part * static_cast<double>(m.n_components) * rows + looked_at * moved;
    if (moments) cost += sharing * (moved + 1.0);
    if (cost < least) least = cost, best = columns[i];
  }
  return best;
}

}  // namespace gmix::GMIX_LEVEL
