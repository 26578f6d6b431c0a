// The path of many diagonal or spherical components of which few matter to a row.
//
// For each row the likeliest component is guessed from a few columns. The distance of the row to that component says
// which others can matter (neighbors/plan.hpp); only these are evaluated, and none that is left out has a
// responsibility above 2^kLeast. A wrong guess costs time and changes nothing else. Rows are worked on one after the
// other, columns in SIMD lanes.
#pragma once

#include "kernel/blocks.hpp"
#include "kernel/paths/neighbors/plan.hpp"
#include "kernel/paths/neighbors/row.hpp"

namespace gmix::GMIX_LEVEL::neighbors {

inline constexpr std::size_t kBlock = 256;      // rows whose likeliest components are guessed together
inline constexpr std::size_t kTried = 64;       // rows of a chunk that say whether the path pays for it
inline constexpr std::size_t kMostMoves = 8;    // to likelier components, before the list of one is used
inline constexpr std::size_t kTriedFirst = 16;  // components of a list, before others are

template <typename T>
struct Scratch {
  T* x;                      // (D, groups)
  T* row;                    // (width)
  float* features;           // (1 + P, kBlock)
  float* best;               // (kBlock): the highest value of the guess
  float* tile;               // (kBlock): the first component of the tile that has it
  float* values;             // (kMostFunctions, kStepRows<float>)
  T* weight;                 // (groups)
  Densities<T> densities;    // without joint
  T* joint;                  // (K + lanes): of the evaluated components
  std::uint32_t* evaluated;  // (K + lanes)
  std::uint32_t* last_row;   // (K): the row that a component was last evaluated for, counted from one

  Scratch(const Mixture& m, const Plan<T>& plan, Arena& arena)
      : x(arena.take<T>(m.n_features * kBlock)),
        row(arena.take<T>(plan.packed.width)),
        features(arena.take<float>((1 + plan.most_columns) * kBlock)),
        best(arena.take<float>(kBlock)),
        tile(arena.take<float>(kBlock)),
        values(arena.take<float>(kMostFunctions * kStepRows<float>)),
        weight(arena.take<T>(kBlock)),
        densities(0, kBlock, kBlock, arena),
        joint(arena.take<T>(m.n_components + kUnroll * kLanes<T>)),
        evaluated(arena.take<std::uint32_t>(m.n_components + kUnroll * kLanes<T>)),
        last_row(arena.take<std::uint32_t>(m.n_components)) {}
};

template <typename T>
class ChunkOfRows {
  static constexpr std::size_t kGroupRows = kLanes<T>;

  const Mixture& m_;
  const Chunk& chunk_;
  const Frame& frame_;
  const Plan<T>& plan_;
  const Scratch<T>& s_;
  const std::size_t k_, d_;
  std::uint32_t row_ = 0;  // of the chunk, counted from one
  std::size_t count_ = 0;  // evaluated components of the row
  std::size_t total_ = 0;  // of all rows

  // Guesses which tile has the likeliest component of each row of a block.
  void guess(std::size_t rows) {
    constexpr std::size_t lanes = kLanes<float>;
    const std::size_t padded = (rows + kStepRows<float> - 1) / kStepRows<float> * kStepRows<float>;
    for (std::size_t p = 0; p < *plan_.columns; ++p) {
      const T* const from = s_.x + plan_.column[p] * kGroupRows;
      float* const to = s_.features + (1 + p) * kBlock;
      for (std::size_t i = 0; i < rows; ++i)
        to[i] = static_cast<float>((from[i / kGroupRows * d_ * kGroupRows + i % kGroupRows] - plan_.origin[p]) *
                                   plan_.scale[p]);
      std::fill(to + rows, to + padded, 0.0f);
    }
    std::fill_n(s_.best, padded, -std::numeric_limits<float>::infinity());
    std::fill_n(s_.tile, padded, 0.0f);
    const Tiles<float> tiles = plan_.tiles(m_);
    for (std::size_t c = 0; c < k_; c += tiles.width())
      with_count<kMostFunctions>(tiles.width(c), [&](auto functions) {
        constexpr std::size_t V = kUnroll * functions() <= kAccumulators ? kUnroll : kUnroll / 2;
        for (std::size_t at = 0; at < padded; at += V * lanes) {
          evaluate_tile<float, functions(), V>(s_.features + at, kBlock, 1 + *plan_.columns, tiles.tile(c), s_.values,
                                               V * lanes);
          for (std::size_t v = 0; v < V * lanes; v += lanes) {
            Vector<float> best = load(s_.values + v);
#pragma GCC unroll 6
            for (int i = 1; i < functions(); ++i) best = larger(load(s_.values + i * V * lanes + v), best);
            const Vector<float> before = load(s_.best + at + v);
            store(s_.tile + at + v, best > before ? broadcast(static_cast<float>(c)) : load(s_.tile + at + v));
            store(s_.best + at + v, larger(best, before));
          }
        }
      });
  }

  // Adds up to `most` of these components to the evaluated ones, but for those that are there; returns the likeliest
  // of those added, counted among the evaluated, or `best` if that is likelier.
  std::size_t evaluate(const std::uint32_t* components, std::size_t most, std::size_t best) {
    constexpr std::size_t lanes = kLanes<T>;
    const std::size_t before = count_;
    for (std::size_t i = 0; i < most; ++i) {
      const std::uint32_t c = components[i];
      s_.evaluated[count_] = c;
      count_ += s_.last_row[c] != row_;
      s_.last_row[c] = row_;
    }
    std::size_t kept = before;
    for (std::size_t i = before; i < count_; i += lanes) {
      const std::size_t here = std::min(lanes, count_ - i);
      const T least = (before == 0 ? -std::numeric_limits<T>::infinity() : s_.joint[best]) + T(kLeast);
      const Vector<T> joint = densities_of(plan_.packed, s_.row, s_.evaluated + i, here, least);
      for (std::size_t lane = 0; lane < here; ++lane) {
        s_.evaluated[kept] = s_.evaluated[i + lane];
        s_.joint[kept] = joint[lane];
        if (joint[lane] > s_.joint[best]) best = kept;
        kept += !(joint[lane] < least);
      }
    }
    total_ += count_ - before;
    count_ = kept;
    return best;
  }

  // The components in the list of the `best` evaluated one that may matter to the row.
  std::size_t near(std::size_t best) const {
    constexpr std::size_t lanes = kLanes<float>;
    const std::size_t a = s_.evaluated[best];
    const float* const limits = plan_.limits + a * kListed;
    const auto squared_distance = broadcast(static_cast<float>(plan_.packed.constants[a] - s_.joint[best]));
    std::size_t count = 0;
    for (std::size_t i = 0; i < kListed; i += lanes) {
      const Vector<float> one = Vector<float>{} + 1.0f,
                          far = load(limits + i) >= squared_distance ? one : Vector<float>{};
      if (all_zero(far)) {
        count = i + lanes;
        continue;
      }
      return i + lanes - static_cast<std::size_t>(sum(far));
    }
    return count;
  }

  // Sets the log densities of the components that may matter to a row, of which some may be in a tile of the guess;
  // returns which is the likeliest.
  std::size_t evaluate_row(std::size_t first, std::size_t tile_width) {
    ++row_;
    count_ = 0;
    std::size_t best = evaluate(plan_.every + first, tile_width, 0);
    std::size_t count = near(best);
    for (std::size_t moves = 0; moves < kMostMoves; ++moves) {
      const std::uint32_t* const list = plan_.list + s_.evaluated[best] * kListed;
      const std::size_t likelier = evaluate(list, std::min(count, kTriedFirst << moves), best);
      if (likelier != best)
        count = near(likelier);
      else if (count <= kTriedFirst << moves)
        break;
      best = likelier;
    }
    const bool all = count == kListed;
    return evaluate(all ? plan_.every : plan_.list + s_.evaluated[best] * kListed, all ? k_ : count, best);
  }

  // Sets the evaluated components of row i of a block, their exponentials, and the largest density and norm.
  void evaluate_densities(std::size_t i) {
    const T* const from = s_.x + i / kGroupRows * d_ * kGroupRows + i % kGroupRows;
    for (std::size_t j = 0; j < d_; ++j) s_.row[j] = from[j * kGroupRows];
    const std::size_t first = static_cast<std::size_t>(s_.tile[i]);
    const T largest = s_.joint[evaluate_row(first, plan_.tiles(m_).width(first))];
    s_.densities.largest[i] = largest;
    s_.densities.norm[i] = exponentiate(s_.joint, count_, largest);
  }

  // Calls of_row(block, i) for each row after its densities are known, and of_block(block) after the last row of each
  // block. Returns false before the end if lists are so long for the first rows that another path is faster.
  template <typename OfRow, typename OfBlock>
  bool visit(const OfRow& of_row, const OfBlock& of_block) {
    for (std::size_t at = chunk_.begin; at < chunk_.end && !chunk_.interruption(); at += kBlock) {
      const RowBlock<T> block(chunk_, at, kBlock);
      block.set_weights(chunk_.weight, s_.weight);
      block.load(chunk_, frame_, s_.x);
      guess(block.count);
      for (std::size_t i = 0; i < block.count; ++i) {
        evaluate_densities(i);
        of_row(block, i);
        if (row_ <= kTried && static_cast<double>(total_) > kMostOfAll * static_cast<double>(kTried * k_)) return false;
      }
      const std::size_t padded = block.groups * kGroupRows;
      std::fill(s_.densities.largest + block.count, s_.densities.largest + padded, T(0));
      std::fill(s_.densities.norm + block.count, s_.densities.norm + padded, T(1));
      of_block(block);
    }
    return true;
  }

 public:
  ChunkOfRows(const Mixture& m, const Chunk& chunk, const Frame& frame, const Plan<T>& plan, const Scratch<T>& s)
      : m_(m), chunk_(chunk), frame_(frame), plan_(plan), s_(s), k_(m.n_components), d_(m.n_features) {
    std::fill_n(s_.last_row, k_, 0);
    std::fill_n(s_.row, plan_.packed.width, T(0));
  }

  // Adds the rows to the sums. Returns false, with sums of some rows, if another path is faster.
  bool add(WhitenedSums& sums) {
    return visit(
        [&](const RowBlock<T>&, std::size_t i) {
          const double factor = static_cast<double>(s_.weight[i]) / static_cast<double>(s_.densities.norm[i]);
          for (std::size_t at = 0; at < count_; ++at)
            if (s_.joint[at] > T(0))
              add_moments(m_, plan_.packed, s_.row, s_.evaluated[at], static_cast<double>(s_.joint[at]) * factor, sums);
        },
        [&](const RowBlock<T>& block) {
          sums.log_likelihood += weigh(s_.densities, s_.weight, block.groups, chunk_.weight != nullptr);
        });
  }

  // Sets the responsibilities (N, K) of the rows, unless they are null, and calls of_block(block, densities) for the
  // largest densities and norms of each block. Returns false, after some of the rows, if another path is faster.
  template <typename OfBlock>
  bool find_posterior(double* responsibilities, const OfBlock& of_block) {
    return visit(
        [&](const RowBlock<T>& block, std::size_t i) {
          if (responsibilities == nullptr) return;
          double* const own = responsibilities + (block.begin + i) * k_;
          std::fill_n(own, k_, 0.0);
          for (std::size_t at = 0; at < count_; ++at) own[s_.evaluated[at]] = s_.joint[at] / s_.densities.norm[i];
        },
        [&](const RowBlock<T>& block) { of_block(block, s_.densities); });
  }
};

}  // namespace gmix::GMIX_LEVEL::neighbors
