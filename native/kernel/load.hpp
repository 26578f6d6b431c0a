// Loads rows of a table, of either precision and any strides, into SIMD lanes.
//
// x holds groups of rows: a vector of the first column of kLanes rows, a vector of the second, and so on; then the next
// group.
#pragma once

#include <algorithm>
#include <type_traits>
#include <utility>

#include "kernel/frame.hpp"
#include "kernel/kernel.hpp"
#include "kernel/simd.hpp"

namespace gmix::GMIX_LEVEL {

inline double value_at(const Rows& rows, std::size_t row, std::size_t column) {
  const char* from = rows.data + static_cast<std::ptrdiff_t>(row) * rows.row_stride +
                     static_cast<std::ptrdiff_t>(column) * rows.column_stride;
  if (rows.single) {
    float value;
    __builtin_memcpy(&value, from, sizeof value);
    return value;
  }
  double value;
  __builtin_memcpy(&value, from, sizeof value);
  return value;
}

// Transposes columns First to D of a group of rows that lie `step` bytes apart, each with its values side by side.
// Reads as many values of each row as a vector has lanes.
template <typename From, typename T, int First, int D>
[[gnu::always_inline]] inline void transpose_group(const char* row, std::ptrdiff_t step,
                                                   const VectorToFrame<From, T>& to_frame, T* x) {
  constexpr int lanes = kLanes<T>;
  Vector<T> v[lanes];
#pragma GCC unroll 16
  for (int lane = 0; lane < lanes; ++lane, row += step) {
    typename VectorOf<From, lanes>::type values;
    __builtin_memcpy(&values, row, sizeof values);
    v[lane] = to_frame(values);
  }
  SquareOfVectors<T>::transpose(v);
#pragma GCC unroll 16
  for (int i = First; i < D; ++i) store(x + i * lanes, v[i]);
}

// Transposes groups of rows of at least as many columns as a vector has lanes: square after square, then the Remaining
// columns, which are read with those before them.
template <typename From, typename T, int Remaining>
void transpose_wide(const char* row, std::ptrdiff_t step, std::size_t d, std::size_t groups, const Frame& frame, T* x) {
  constexpr int lanes = kLanes<T>;
  for (std::size_t g = 0; g < groups; ++g, row += lanes * step, x += d * lanes) {
    std::size_t j = 0;
    for (; j + lanes <= d; j += lanes)
      transpose_group<From, T, 0, lanes>(row + j * sizeof(From), step, VectorToFrame<From, T>(frame, j), x + j * lanes);
    if constexpr (Remaining > 0) {
      j = d - lanes;
      transpose_group<From, T, lanes - Remaining, lanes>(row + j * sizeof(From), step, VectorToFrame<From, T>(frame, j),
                                                         x + j * lanes);
    }
  }
}

// Loads groups of contiguous rows whose D values divide a vector.
template <typename From, typename T, int D>
void deinterleave_groups(const char* row, std::size_t groups, const Frame& frame, T* x) {
  constexpr int lanes = kLanes<T>;
  double origin[lanes] = {}, scale[lanes] = {};
  for (int lane = 0; kFramed<T> && lane < lanes; ++lane) {
    origin[lane] = frame.origin[lane % D];
    scale[lane] = frame.scale[lane % D];
  }
  const VectorToFrame<From, T> to_frame({origin, scale}, 0);
  for (std::size_t g = 0; g < groups; ++g) {
    Vector<T> v[D];
#pragma GCC unroll 4
    for (int i = 0; i < D; ++i, row += lanes * sizeof(From)) {
      typename VectorOf<From, lanes>::type values;
      __builtin_memcpy(&values, row, sizeof values);
      v[i] = to_frame(values);
    }
    SquareOfVectors<T>::deinterleave(v);
#pragma GCC unroll 4
    for (int i = 0; i < D; ++i, x += lanes) store(x, v[i]);
  }
}

// Loads one group of rows, a value at a time; lanes after the last row repeat it.
template <typename From, typename T>
void copy_group(const Rows& rows, const char* row, std::size_t count, const Frame& frame, T* x) {
  for (std::size_t j = 0; j < rows.n_features; ++j)
    for (std::size_t lane = 0; lane < kLanes<T>; ++lane) {
      From value;
      __builtin_memcpy(&value,
                       row + static_cast<std::ptrdiff_t>(std::min(lane, count - 1)) * rows.row_stride +
                           static_cast<std::ptrdiff_t>(j) * rows.column_stride,
                       sizeof value);
      *x++ = value_to_frame<From, T>(frame, j, value);
    }
}

// Loads groups from the first on for as long as whole vectors can be read; returns how many.
template <typename From, typename T>
std::size_t transpose_rows(const Rows& rows, std::size_t begin, std::size_t count, const Frame& frame, T* x) {
  constexpr std::size_t lanes = kLanes<T>;
  const std::size_t d = rows.n_features;
  const std::ptrdiff_t size = sizeof(From), step = rows.row_stride;
  if (rows.column_stride != size) return 0;
  const char* row = rows.data + static_cast<std::ptrdiff_t>(begin) * step;
  std::size_t groups = count / lanes;
  if (d >= lanes) {
    if (d % lanes == 0)
      transpose_wide<From, T, 0>(row, step, d, groups, frame, x);
    else
      with_count<static_cast<int>(lanes) - 1>(
          d % lanes, [&](auto remaining) { transpose_wide<From, T, remaining()>(row, step, d, groups, frame, x); });
    return groups;
  }
  if (step != static_cast<std::ptrdiff_t>(d) * size) return 0;
  if (d == 1 || d == 2 || d == 4) {
    const auto by = d == 1   ? deinterleave_groups<From, T, 1>
                    : d == 2 ? deinterleave_groups<From, T, 2>
                             : deinterleave_groups<From, T, 4>;
    by(row, groups, frame, x);
    return groups;
  }
  // Other short rows are read together with the start of the next ones, which must lie inside the table.
  const std::size_t available = (rows.n_rows - begin) * d;  // values to the end of the table
  while (groups > 0 && (groups * lanes - 1) * d + lanes > available) --groups;
  const VectorToFrame<From, T> to_frame(frame, 0);
  const auto by = [&](auto columns) {
    for (std::size_t g = 0; g < groups; ++g)
      transpose_group<From, T, 0, columns()>(row + static_cast<std::ptrdiff_t>(g * lanes) * step, step, to_frame,
                                             x + g * columns() * lanes);
  };
  with_count<static_cast<int>(lanes) - 1>(d, by);
  return groups;
}

// Fills all groups; lanes after the last row repeat it.
template <typename From, typename T>
void copy_rows(const Rows& rows, std::size_t begin, std::size_t count, std::size_t groups, const Frame& frame, T* x) {
  constexpr std::size_t lanes = kLanes<T>;
  for (std::size_t g = transpose_rows<From>(rows, begin, count, frame, x); g < groups; ++g) {
    const std::size_t first = std::min(g * lanes, count - 1);
    copy_group<From>(rows, rows.data + static_cast<std::ptrdiff_t>(begin + first) * rows.row_stride,
                     std::min(lanes, count - first), frame, x + g * rows.n_features * lanes);
  }
}

// Loads rows [begin, begin + count), which fill `groups` groups, in the coordinates of the frame.
template <typename T>
void load_rows(const Rows& rows, std::size_t begin, std::size_t count, std::size_t groups, const Frame& frame, T* x) {
  if (rows.single)
    copy_rows<float>(rows, begin, count, groups, frame, x);
  else
    copy_rows<double>(rows, begin, count, groups, frame, x);
}

// Prefetches the rows of the next block while this one is worked on, a few cache lines per call: many requests at once
// would delay other reads.
class Prefetch {
 public:
  // Covers rows [begin, end) in `calls` calls.
  Prefetch(const Rows& rows, std::size_t begin, std::size_t end, std::size_t calls) {
    const std::ptrdiff_t size = rows.single ? sizeof(float) : sizeof(double);
    if (rows.column_stride != size || rows.row_stride <= 0 || begin >= end) return;
    at_ = rows.data + static_cast<std::ptrdiff_t>(begin) * rows.row_stride;
    end_ = rows.data + static_cast<std::ptrdiff_t>(end) * rows.row_stride;
    lines_ = static_cast<std::size_t>(end_ - at_) / kAlignment / calls + 1;
  }
  void next() {
    for (std::size_t i = 0; i < lines_ && at_ < end_; ++i, at_ += kAlignment) __builtin_prefetch(at_, 0, 3);
  }

 private:
  const char *at_ = nullptr, *end_ = nullptr;
  std::size_t lines_ = 0;
};

}  // namespace gmix::GMIX_LEVEL
