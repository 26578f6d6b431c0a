// Truncated E-steps of diagonal and spherical components: each row belongs to a few components alone, the likeliest
// that were found for it (Forster & Luecke 2018, AISTATS).
//
// A row begins with the components that it kept in the E-step before, and looks at their neighbors: those under which
// an average row of a component is likeliest. If one of these is the likeliest, it looks at the neighbors of that one
// as well. What a row keeps is never less likely than what it kept before, so the lower bound of the log-likelihood
// does not fall.
#pragma once

#include "kernel/blocks.hpp"
#include "kernel/log_sum_exp.hpp"
#include "kernel/paths/neighbors/row.hpp"
#include "kernel/paths/row_by_row.hpp"
#include "kernel/sums.hpp"

namespace gmix::GMIX_LEVEL::truncated {

using neighbors::kLeast;
using neighbors::Packed;

inline constexpr std::size_t kBlock = 256;     // rows that are loaded together
inline constexpr std::size_t kMostMoves = 16;  // to likelier components

// The highest of some values, in order, and what they belong to.
struct Highest {
  double* value;
  std::uint32_t* which;
  std::size_t count;

  void clear(std::uint32_t nothing) const {
    std::fill_n(value, count, -std::numeric_limits<double>::infinity());
    std::fill_n(which, count, nothing);
  }
  double least() const { return value[count - 1]; }
  void add(double one, std::uint32_t of) const {
    if (!(one > least())) return;
    std::size_t at = count - 1;
    for (; at > 0 && one > value[at - 1]; --at) value[at] = value[at - 1], which[at] = which[at - 1];
    value[at] = one, which[at] = of;
  }
};

struct Scratch {
  double* x;                    // (D, kBlock)
  double* row;                  // (width)
  double* variance;             // (width): of a component whose neighbors are sought
  double* weight;               // (kBlock)
  Densities<double> densities;  // without joint
  Highest highest;              // of the components of a row, or the neighbors of a component
  std::uint32_t* unseen;        // (K + lanes): components to evaluate
  std::uint32_t* last_seen;     // (K): by which row, counted from one

  Scratch(const Mixture& m, std::size_t most, Arena& arena)
      : x(arena.take<double>(m.n_features * kBlock)),
        row(arena.take<double>(m.n_features + kLanes<double>)),
        variance(arena.take<double>(m.n_features + kLanes<double>)),
        weight(arena.take<double>(kBlock)),
        densities(0, kBlock, kBlock, arena),
        highest{arena.take<double>(most + kUnroll * kLanes<double>), arena.take<std::uint32_t>(most), most},
        unseen(arena.take<std::uint32_t>(m.n_components + kLanes<double>)),
        last_seen(arena.take<std::uint32_t>(m.n_components)) {}
};

// Gathers components that have not been seen since a mark was set.
class Unseen {
  const Scratch& s_;
  std::uint32_t mark_ = 0;
  std::size_t count_ = 0;

 public:
  Unseen(const Mixture& m, const Scratch& s) : s_(s) { std::fill_n(s.last_seen, m.n_components, 0); }

  void begin() { ++mark_, count_ = 0; }
  void see(std::uint32_t c) { s_.last_seen[c] = mark_; }
  void add(std::uint32_t c) {
    s_.unseen[count_] = c;
    count_ += s_.last_seen[c] != mark_;
    s_.last_seen[c] = mark_;
  }
  void add(const std::uint32_t* components, std::size_t count) {
    for (std::size_t i = 0; i < count; ++i) add(components[i]);
  }
  // Calls function(components, count) for as many as a vector has lanes at a time, and forgets them.
  template <typename Function>
  void evaluate(const Function& function) {
    constexpr std::size_t lanes = kLanes<double>;
    for (std::size_t i = 0; i < count_; i += lanes) function(s_.unseen + i, std::min(lanes, count_ - i));
    count_ = 0;
  }
};

// The expected log densities, up to a constant, of rows of a component (width: its mean and variance) under others.
inline Vector<double> expected_densities(const Packed<double>& packed, const double* mean, const double* variance,
                                         const std::uint32_t* components, std::size_t count) {
  constexpr std::size_t lanes = kLanes<double>;
  Vector<double> totals[lanes] = {}, constants = {};
#pragma GCC unroll 16
  for (std::size_t lane = 0; lane < lanes; ++lane) {
    const std::size_t c = components[lane < count ? lane : 0];
    const double* const from = packed.component(c);
    constants[lane] = packed.constants[c];
    for (std::size_t j = 0; j < packed.width; j += lanes) {
      const Vector<double> difference = load(mean + j) - load(from + 2 * j), w = load(from + 2 * j + lanes);
      totals[lane] += (difference * difference + load(variance + j)) * (w * w);
    }
  }
  return constants - SquareOfVectors<double>::sums(totals);
}

inline void find_neighbors_of(const Packed<double>& packed, const Scratch& s, std::uint32_t a, std::size_t n_components,
                              std::size_t n_neighbors, const std::uint32_t* before, Unseen& unseen) {
  constexpr std::size_t lanes = kLanes<double>;
  const double* const own = packed.component(a);
  for (std::size_t j = 0; j < packed.width; j += lanes) {
    const Vector<double> w = load(own + 2 * j + lanes), variance = kScale * kScale / (w * w);
    store(s.row + j, load(own + 2 * j));
    store(s.variance + j, w > 0.0 ? variance : Vector<double>{});
  }
  unseen.begin();
  unseen.see(a);
  if (before == nullptr) {
    for (std::size_t c = 0; c < n_components; ++c) unseen.add(static_cast<std::uint32_t>(c));
  } else {
    const std::uint32_t* const near = before + a * n_neighbors;
    unseen.add(near, n_neighbors);
    for (std::size_t i = 0; i < n_neighbors; ++i) unseen.add(before + near[i] * n_neighbors, n_neighbors);
  }
  s.highest.clear(a);
  unseen.evaluate([&](const std::uint32_t* components, std::size_t count) {
    const Vector<double> values = expected_densities(packed, s.row, s.variance, components, count);
    for (std::size_t lane = 0; lane < count; ++lane) s.highest.add(values[lane], components[lane]);
  });
}

class ChunkOfRows {
  static constexpr std::size_t kGroupRows = kLanes<double>;

  const Mixture& m_;
  const Packed<double>& packed_;
  const Truncation& truncation_;
  const Scratch& s_;
  Unseen unseen_;

  // Those that are negligible beside the likeliest are not kept.
  void evaluate() {
    unseen_.evaluate([&](const std::uint32_t* components, std::size_t count) {
      const double least = std::max(s_.highest.least(), s_.highest.value[0] + kLeast);
      const Vector<double> joint = neighbors::densities_of(packed_, s_.row, components, count, least);
      for (std::size_t lane = 0; lane < count; ++lane)
        if (joint[lane] > least) s_.highest.add(joint[lane], components[lane]);
    });
  }

  // Sets the components of a row.
  void find(std::uint32_t* kept) {
    const std::size_t c = truncation_.n_kept, g = truncation_.n_neighbors;
    s_.highest.clear(kept[0]);
    unseen_.begin();
    unseen_.add(kept, c);
    evaluate();
    for (std::size_t i = 0; i < c; ++i) unseen_.add(truncation_.neighbors + kept[i] * g, g);
    std::uint32_t best = s_.highest.which[0];
    evaluate();
    for (std::size_t moves = 0; moves < kMostMoves && s_.highest.which[0] != best; ++moves) {
      best = s_.highest.which[0];
      unseen_.add(truncation_.neighbors + best * g, g);
      evaluate();
    }
    const double least = s_.highest.value[0] + kLeast;
    for (std::size_t i = 0; i < c; ++i) kept[i] = s_.highest.which[s_.highest.value[i] > least ? i : 0];
  }

  void add_row(std::size_t row, std::size_t i, WhitenedSums& sums) {
    const double* const from = s_.x + i / kGroupRows * m_.n_features * kGroupRows + i % kGroupRows;
    for (std::size_t j = 0; j < m_.n_features; ++j) s_.row[j] = from[j * kGroupRows];
    find(truncation_.kept + row * truncation_.n_kept);
    const double largest = s_.highest.value[0];
    const double norm = neighbors::exponentiate(s_.highest.value, truncation_.n_kept, largest);
    s_.densities.largest[i] = largest;
    s_.densities.norm[i] = norm;
    const double factor = s_.weight[i] / norm;
    for (std::size_t at = 0; at < truncation_.n_kept; ++at)
      if (s_.highest.value[at] > 0.0)
        neighbors::add_moments(m_, packed_, s_.row, s_.highest.which[at], s_.highest.value[at] * factor, sums);
  }

 public:
  ChunkOfRows(const Mixture& m, const Packed<double>& packed, const Truncation& truncation, const Scratch& s)
      : m_(m), packed_(packed), truncation_(truncation), s_(s), unseen_(m, s) {
    std::fill_n(s.row, packed.width, 0.0);
  }

  void add(const Chunk& chunk, WhitenedSums& sums) {
    for (std::size_t at = chunk.begin; at < chunk.end && !chunk.interruption(); at += kBlock) {
      const RowBlock<double> block(chunk, at, kBlock);
      block.set_weights(chunk.weight, s_.weight);
      block.load(chunk, Frame{}, s_.x);
      for (std::size_t i = 0; i < block.count; ++i) add_row(at + i, i, sums);
      const std::size_t padded = block.groups * kGroupRows;
      std::fill(s_.densities.largest + block.count, s_.densities.largest + padded, 0.0);
      std::fill(s_.densities.norm + block.count, s_.densities.norm + padded, 1.0);
      sums.log_likelihood += weigh(s_.densities, s_.weight, block.groups, chunk.weight != nullptr);
    }
  }
};

inline Packed<double> planned(const Mixture& m, Arena& arena) { return {m.n_components, m.n_features, arena}; }

inline std::size_t plan_size(const Mixture& m) {
  Arena arena(nullptr);
  planned(m, arena);
  arena.take<double>(m.n_components);
  return arena.used();
}

inline std::size_t scratch_size(const Mixture& m, const Truncation& truncation) {
  Arena arena(nullptr);
  row_by_row::Scratch(m, arena);
  Scratch(m, std::max(truncation.n_kept, truncation.n_neighbors), arena);
  return arena.used();
}

inline void make_plan(const Mixture& m, void* memory) {
  Arena arena(memory);
  const Packed<double> packed = planned(m, arena);
  double* const log_constants = arena.take<double>(m.n_components);
  for (std::size_t c = 0; c < m.n_components; ++c) log_constants[c] = m.log_constants[c] / kLog2;
  neighbors::pack(m, log_constants, packed);
}

inline void find_neighbors(const Mixture& m, const void* plan, std::size_t begin, std::size_t end,
                           std::size_t n_neighbors, const std::uint32_t* before, void* memory,
                           std::uint32_t* neighbors) {
  Arena arena_of_plan(const_cast<void*>(plan)), arena(memory);
  const Packed<double> packed = planned(m, arena_of_plan);
  const Scratch s(m, n_neighbors, arena);
  Unseen unseen(m, s);
  for (std::size_t a = begin; a < end; ++a) {
    find_neighbors_of(packed, s, static_cast<std::uint32_t>(a), m.n_components, n_neighbors, before, unseen);
    std::copy_n(s.highest.which, n_neighbors, neighbors + a * n_neighbors);
  }
}

inline void expect(const Mixture& m, const void* plan, const Rows& rows, std::size_t begin, std::size_t end,
                   const double* weight, const Truncation& truncation, void* memory, WhitenedSums& sums,
                   const Interruption& interruption) {
  Arena arena_of_plan(const_cast<void*>(plan)), arena(memory);
  const Packed<double> packed = planned(m, arena_of_plan);
  const row_by_row::Scratch single(m, arena);
  const Scratch s(m, truncation.n_kept, arena);
  const Chunk chunk{rows, begin, end, weight, interruption};
  clear(m, sums);
  ChunkOfRows(m, packed, truncation, s).add(chunk, sums);
  rescale(m, sums);
  if (all_finite(m, sums)) return;
  clear(m, sums);
  for (std::size_t row = begin; row < end && !interruption(); ++row)
    row_by_row::add(Gaussian(), m, rows, row, weight == nullptr ? 1.0 : weight[row], single, sums);
}

}  // namespace gmix::GMIX_LEVEL::truncated
