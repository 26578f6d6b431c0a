// Rows of a table, of either precision and any strides, as SIMD lanes.
#pragma once

#include <algorithm>
#include <type_traits>
#include <utility>

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

// How float32 sees rows: less a middle, in units of order one, so that it holds their digits wherever they lie. Both
// have at least as many numbers as a vector has lanes. float64 sees rows as they are.
struct Frame {
  const double* middle;  // (D)
  const double* unit;    // (D): factors
};

template <typename T>
inline constexpr bool kFramed = sizeof(T) < sizeof(double);

// Values as the frame has them, formed in their own precision: what that leaves of the middle is `low`.
template <typename T, typename Values>
[[gnu::always_inline]] inline Values framed(Values x, Values high, Values low, Values unit) {
  if constexpr (!kFramed<T>) return x;
  return (x - high - low) * unit;
}

// Columns from j on, one in each lane.
template <typename From, typename T>
class Sight {
  using Values = typename VectorOf<From, kLanes<T>>::type;
  Values high_ = {}, low_ = {}, unit_ = {};

 public:
  Sight(const Frame& frame, std::size_t j) {
    if constexpr (kFramed<T>) {
      Wide<T> middle, unit;
      __builtin_memcpy(&middle, frame.middle + j, sizeof middle);
      __builtin_memcpy(&unit, frame.unit + j, sizeof unit);
      high_ = __builtin_convertvector(middle, Values);
      low_ = __builtin_convertvector(middle - __builtin_convertvector(high_, Wide<T>), Values);
      unit_ = __builtin_convertvector(unit, Values);
    }
  }
  Vector<T> operator()(Values x) const { return __builtin_convertvector(framed<T>(x, high_, low_, unit_), Vector<T>); }
};

// The same of one value.
template <typename From, typename T>
T see(const Frame& frame, std::size_t j, From x) {
  if constexpr (!kFramed<T>) return static_cast<T>(x);
  const From high = static_cast<From>(frame.middle[j]), low = static_cast<From>(frame.middle[j] - high);
  return static_cast<T>(framed<T>(x, high, low, static_cast<From>(frame.unit[j])));
}

// Columns First to D of a group of rows that lie `step` bytes apart, each of whose values are side by side. Reads as
// many values of each row as a vector has lanes.
template <typename From, typename T, int First, int D>
[[gnu::always_inline]] inline void transpose_group(const char* row, std::ptrdiff_t step, const Sight<From, T>& sight,
                                                   T* x) {
  constexpr int lanes = kLanes<T>;
  Vector<T> v[lanes];
#pragma GCC unroll 16
  for (int lane = 0; lane < lanes; ++lane, row += step) {
    typename VectorOf<From, lanes>::type values;
    __builtin_memcpy(&values, row, sizeof values);
    v[lane] = sight(values);
  }
  Square<T>::transpose(v);
#pragma GCC unroll 16
  for (int i = First; i < D; ++i) store(x + i * lanes, v[i]);
}

// Groups of rows of as many columns as a vector has lanes, or more: a square after the other, and the columns left.
template <typename From, typename T, int Left>
void transpose_wide(const char* row, std::ptrdiff_t step, std::size_t d, std::size_t groups, const Frame& frame, T* x) {
  constexpr int lanes = kLanes<T>;
  for (std::size_t g = 0; g < groups; ++g, row += lanes * step, x += d * lanes) {
    std::size_t j = 0;
    for (; j + lanes <= d; j += lanes)
      transpose_group<From, T, 0, lanes>(row + j * sizeof(From), step, Sight<From, T>(frame, j), x + j * lanes);
    if constexpr (Left > 0) {
      j = d - lanes;
      transpose_group<From, T, lanes - Left, lanes>(row + j * sizeof(From), step, Sight<From, T>(frame, j),
                                                    x + j * lanes);
    }
  }
}

// The same of rows that follow one another, D of them in whole vectors.
template <typename From, typename T, int D>
void take_apart_groups(const char* row, std::size_t groups, const Frame& frame, T* x) {
  constexpr int lanes = kLanes<T>;
  double middle[lanes] = {}, unit[lanes] = {};
  for (int lane = 0; kFramed<T> && lane < lanes; ++lane) {
    middle[lane] = frame.middle[lane % D];
    unit[lane] = frame.unit[lane % D];
  }
  const Sight<From, T> sight({middle, unit}, 0);
  for (std::size_t g = 0; g < groups; ++g) {
    Vector<T> v[D];
#pragma GCC unroll 4
    for (int i = 0; i < D; ++i, row += lanes * sizeof(From)) {
      typename VectorOf<From, lanes>::type values;
      __builtin_memcpy(&values, row, sizeof values);
      v[i] = sight(values);
    }
    Square<T>::take_apart(v);
#pragma GCC unroll 4
    for (int i = 0; i < D; ++i, x += lanes) store(x, v[i]);
  }
}

// One group of rows, a value at a time; lanes beyond the last row repeat it.
template <typename From, typename T>
void copy_group(const Rows& rows, const char* row, std::size_t count, const Frame& frame, T* x) {
  for (std::size_t j = 0; j < rows.n_features; ++j)
    for (std::size_t lane = 0; lane < kLanes<T>; ++lane) {
      From value;
      __builtin_memcpy(&value,
                       row + static_cast<std::ptrdiff_t>(std::min(lane, count - 1)) * rows.row_stride +
                           static_cast<std::ptrdiff_t>(j) * rows.column_stride,
                       sizeof value);
      *x++ = see<From, T>(frame, j, value);
    }
}

// Copies whole groups from the first on, as far as vectors can be read; returns how many.
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
          d % lanes, [&](auto left) { transpose_wide<From, T, left()>(row, step, d, groups, frame, x); });
    return groups;
  }
  if (step != static_cast<std::ptrdiff_t>(d) * size) return 0;
  if (d == 1 || d == 2 || d == 4) {
    const auto by = d == 1   ? take_apart_groups<From, T, 1>
                    : d == 2 ? take_apart_groups<From, T, 2>
                             : take_apart_groups<From, T, 4>;
    by(row, groups, frame, x);
    return groups;
  }
  // Other short rows are read together with those that follow, if there are enough.
  const std::size_t within = (rows.n_rows - begin) * d;  // values up to the end of the table
  while (groups > 0 && (groups * lanes - 1) * d + lanes > within) --groups;
  const Sight<From, T> sight(frame, 0);
  const auto by = [&](auto columns) {
    for (std::size_t g = 0; g < groups; ++g)
      transpose_group<From, T, 0, columns()>(row + static_cast<std::ptrdiff_t>(g * lanes) * step, step, sight,
                                             x + g * columns() * lanes);
  };
  with_count<static_cast<int>(lanes) - 1>(d, by);
  return groups;
}

// Fills whole groups, the last rows' repeated as often as it takes.
template <typename From, typename T>
void copy_rows(const Rows& rows, std::size_t begin, std::size_t count, std::size_t groups, const Frame& frame, T* x) {
  constexpr std::size_t lanes = kLanes<T>;
  for (std::size_t g = transpose_rows<From>(rows, begin, count, frame, x); g < groups; ++g) {
    const std::size_t first = std::min(g * lanes, count - 1);
    copy_group<From>(rows, rows.data + static_cast<std::ptrdiff_t>(begin + first) * rows.row_stride,
                     std::min(lanes, count - first), frame, x + g * rows.n_features * lanes);
  }
}

template <typename T>
void load_rows(const Rows& rows, std::size_t begin, std::size_t count, std::size_t groups, const Frame& frame, T* x) {
  if (rows.single)
    copy_rows<float>(rows, begin, count, groups, frame, x);
  else
    copy_rows<double>(rows, begin, count, groups, frame, x);
}

// The rows of the next block, fetched while this one is worked on, a few at a time: many at once would keep others from
// reading.
class Ahead {
 public:
  // From row `begin` to `end`, in so many calls.
  Ahead(const Rows& rows, std::size_t begin, std::size_t end, std::size_t calls) {
    const std::ptrdiff_t size = rows.single ? sizeof(float) : sizeof(double);
    if (rows.column_stride != size || rows.row_stride <= 0 || begin >= end) return;
    next_ = rows.data + static_cast<std::ptrdiff_t>(begin) * rows.row_stride;
    end_ = rows.data + static_cast<std::ptrdiff_t>(end) * rows.row_stride;
    lines_ = static_cast<std::size_t>(end_ - next_) / kAlignment / calls + 1;
  }
  void fetch() {
    for (std::size_t i = 0; i < lines_ && next_ < end_; ++i, next_ += kAlignment) __builtin_prefetch(next_, 0, 3);
  }

 private:
  const char *next_ = nullptr, *end_ = nullptr;
  std::size_t lines_ = 0;
};

}  // namespace gmix::GMIX_LEVEL
