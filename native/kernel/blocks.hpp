// The rows of one call, worked on block after block.
#pragma once

#include <algorithm>

#include "kernel/load.hpp"
#include "kernel/plan.hpp"

namespace gmix::GMIX_LEVEL {

// Rows [begin, end) of a table; weight is null or one number per row of the table.
struct Chunk {
  const Rows& rows;
  std::size_t begin, end;
  const double* weight;
  const Interruption& interruption;
};

// Rows [begin, begin + count), which fill `groups` groups.
template <typename T>
struct RowBlock {
  std::size_t begin, count, groups;

  RowBlock(const Chunk& chunk, std::size_t at, std::size_t most)
      : begin(at), count(std::min(most, chunk.end - at)), groups(groups_of<T>(count)) {}

  void load(const Chunk& chunk, const Frame& frame, T* x) const {
    load_rows(chunk.rows, begin, count, groups, frame, x);
  }

  // Sets the weights of the rows, and zero for the lanes after the last row.
  void set_weights(const double* from, T* weight) const {
    if (from == nullptr)
      std::fill_n(weight, count, T(1));
    else
      for (std::size_t i = 0; i < count; ++i) weight[i] = static_cast<T>(from[begin + i]);
    std::fill(weight + count, weight + groups * kLanes<T>, T(0));
  }

  // Prefetches the rows after this block in `calls` calls.
  Prefetch prefetch(const Rows& rows, std::size_t calls) const {
    return {rows, begin + count, std::min(begin + 2 * count, rows.n_rows), calls};
  }
};

}  // namespace gmix::GMIX_LEVEL
