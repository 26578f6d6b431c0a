// A mixture laid out for the kernel, and the memory that one thread works in.
#pragma once

#include <algorithm>
#include <cmath>

#include "kernel/kernel.hpp"
#include "kernel/load.hpp"
#include "kernel/simd.hpp"

namespace gmix::GMIX_LEVEL {

inline constexpr std::size_t kUnroll = 4;  // vectors of rows that small loops hold at once

// Rows of a triangular whitener that are applied at once, and those of its first tile: all of a
// small one, else what whole tiles leave.
inline constexpr std::size_t kTile = 4, kWideTile = 6, kWide = 20;
inline std::size_t tile_rows(std::size_t d) { return d <= kWide ? kTile : kWideTile; }
inline std::size_t first_tile(std::size_t d) { return d <= kWideTile ? d : (d - 1) % tile_rows(d) + 1; }

// Second moments are added up in strips of columns, as many as stay in registers beside three rows; at the diagonal, in
// triangles.
inline constexpr std::size_t kStrip = kRegisters / 4, kRows = 3, kSide = 4;

// Columns of full mixtures from which on rows are looked at one by one where components lie apart (apart.hpp).
inline constexpr std::size_t kApart = 24;

// Inside, log densities are to base 2 and residuals are whitened to squares in its units: with
// z = kScale W (x - mu), log2 p_k(x) = log_constants[k] / log 2 - |z|^2.
inline constexpr double kLog2 = 0.6931471805599453;
inline constexpr double kScale = 0.8493218002880191;  // sqrt(1 / (2 log 2))

template <typename T>
inline constexpr std::size_t kStep = kUnroll * kLanes<T>;  // rows: blocks are padded to multiples

// The groups that hold so many rows; loops over groups want a multiple of kUnroll.
template <typename T>
std::size_t padded(std::size_t count) {
  return (count + kStep<T> - 1) / kStep<T> * kUnroll;
}

// Bytes of the L2 cache that what a block leaves behind may take.
inline constexpr std::size_t kCache = std::size_t{256} << 10;

// Bytes of log densities of rows that are looked at together where components lie apart.
inline constexpr std::size_t kSpanCache = std::size_t{1} << 20;

inline constexpr std::size_t kNarrow = 4;  // features of rows that narrow.hpp takes care of

inline bool is_narrow(const Mixture& mixture) { return mixture.n_features <= kNarrow && mixture.form != Form::kTied; }

// Vectors that the running sums of a component take: mass, first and second moments.
inline std::size_t narrow_moments(const Mixture& mixture) {
  const std::size_t d = mixture.n_features;
  return 1 + d + (mixture.form == Form::kFull ? d * (d + 1) / 2 : d);
}

inline constexpr std::size_t kFew = 4;        // components: fewer do not pay for squares as features
inline constexpr std::size_t kProducts = 16;  // features that are multiplied by each other, by no fewer components

inline constexpr std::size_t kMostSummed = kHeld / 3;  // components of a tile of moments

// Features that log densities are linear in (linear.hpp); zero where that is not offered.
inline std::size_t linear_size(const Mixture& mixture) {
  const std::size_t d = mixture.n_features;
  if (mixture.form == Form::kTied) return 1 + d;
  if (is_narrow(mixture)) return 0;
  if (mixture.form == Form::kSpherical) return 1 + d + 1;
  if (mixture.form == Form::kDiagonal) return mixture.n_components < kFew ? 0 : 1 + d + d;
  return mixture.n_components < d || d > kProducts ? 0 : 1 + d + d * (d + 1) / 2;
}

// Whether rows are whitened once for all components.
inline bool whitens_rows(const Mixture& mixture) {
  return mixture.form == Form::kTied || (mixture.form == Form::kFull && linear_size(mixture) > 0);
}

// The length of D numbers with room up to a whole number of vectors.
inline std::size_t roomy(std::size_t d) { return (d + kLanes<double> - 1) / kLanes<double> * kLanes<double>; }

// Cuts one piece of memory into aligned arrays; from a null base it only measures.
class Arena {
 public:
  explicit Arena(void* base) : base_(static_cast<char*>(base)) {}

  template <typename T>
  T* take(std::size_t count) {
    char* here = base_ == nullptr ? nullptr : base_ + used_;
    used_ += (count * sizeof(T) + kAlignment - 1) / kAlignment * kAlignment;
    return reinterpret_cast<T*>(here);
  }
  std::size_t used() const { return used_; }

 private:
  char* base_;
  std::size_t used_ = 0;
};

template <typename T>
struct Plan {
  std::size_t block;       // rows that are worked on together
  std::size_t wide;        // the same, linear
  std::size_t stride;      // from an array of numbers of a block's rows to the next
  std::size_t span;        // rows that are looked at together where components lie apart; zero where they are not
  std::size_t piece;       // of these, rows of a component that are moved together
  double* log_constants;   // (K), to base 2
  T* means;                // (K, D); tied: whitened about the origin
  T* origin;               // (D): tied, linear
  T* unit;                 // (D): linear: powers of two, which bring the rows to order one
  T* whitener;             // full: triangles in the order in which tiles read them; diagonal, spherical: (K, D)
  T* linear;               // (K, linear_size): coefficients, components of a tile side by side
  bool* near;              // whether the linear form loses no digit
  T* shared;               // the triangle of the whitener of y: tied; full, linear; and in y, if full:
  double* whiteners;       // (K, D, D)
  double* centres;         // (K, D)
  double* square;          // (2, D, D)
  double* middle;          // (D), and what follows, if framed: the frame,
  double* frame_unit;      // (D)
  double* seen_constants;  // (K), and the mixture as seen in it
  double* seen_means;      // (K, D)
  double* seen_whitener;

  Plan(const Mixture& mixture, Arena& arena) {
    const std::size_t k = mixture.n_components, d = mixture.n_features;
    const bool full = mixture.form == Form::kFull;
    // What a block leaves behind (log densities, whitened residuals) should stay in the L2 cache;
    // but with fewer than 16 groups, adding up lanes would cost more.
    const auto rows = [](std::size_t numbers) {
      return std::clamp<std::size_t>(kCache / (numbers * sizeof(T)) / 64 * 64, 16 * kLanes<T>, 512);
    };
    const std::size_t linear = linear_size(mixture);
    block = rows(k * (1 + (full ? d : 0)));
    wide = linear > 0 ? rows(k + linear) : block;
    // No power of two, so that arrays do not contend for the same sets of the cache.
    stride = most() + kAlignment / sizeof(T);
    const bool apart = full && d >= kApart && k > 2;
    span = apart ? std::clamp<std::size_t>(kSpanCache / (k * sizeof(T)) / 64 * 64, 512, 2048) : 0;
    piece = apart ? std::clamp<std::size_t>(4 * kCache / (d * sizeof(T)) / 64 * 64, 16 * kLanes<T>, 512) : 0;
    log_constants = arena.take<double>(k);
    means = arena.take<T>(k * d);
    origin = arena.take<T>(d);
    unit = arena.take<T>(d);
    this->linear = arena.take<T>(k * linear);
    near = arena.take<bool>(1);
    whitener = arena.take<T>(full ? k * d * (d + 1) / 2 : k * d);
    shared = arena.take<T>(whitens_rows(mixture) ? d * (d + 1) / 2 : 0);
    const std::size_t products = full && linear > 0 ? d : 0;
    whiteners = arena.take<double>(k * d * products);
    centres = arena.take<double>(k * products);
    square = arena.take<double>(2 * d * products);
    const std::size_t framed = kFramed<T> ? 1 : 0;
    middle = arena.take<double>(framed * std::max<std::size_t>(d, kLanes<T>));
    frame_unit = arena.take<double>(framed * std::max<std::size_t>(d, kLanes<T>));
    seen_constants = arena.take<double>(framed * k);
    seen_means = arena.take<double>(framed * k * d);
    seen_whitener = arena.take<double>(framed * second_size(mixture));
  }

  std::size_t most() const { return std::max(block, wide); }
  std::size_t rows() const { return *near ? wide : block; }
  Frame frame() const { return {middle, frame_unit}; }

  // The mixture as it is in the frame.
  Mixture seen(const Mixture& m) const {
    if constexpr (!kFramed<T>) return m;
    return {m.form, m.n_components, m.n_features, seen_constants, seen_means, seen_whitener};
  }
};

// Rows stand in groups, one SIMD lane each. An array (n, groups) below holds n vectors for the
// first group, n for the second, and so on; an array (n, stride) holds the numbers of all rows n
// times.
template <typename T>
struct Scratch {
  T* x;                  // (D, groups): the rows, a feature after the other
  T* y;                  // (D, groups): whitened by plan.shared
  T* z;                  // (K, D, groups): full: whitened residuals
  T* features;           // (linear_size, stride)
  T* joint;              // (K, stride): log2 p_k(x), then exp2(log2 p_k(x) - largest)
  T* largest;            // (groups)
  T* common;             // (groups): |y|^2 with a minus: tied: what the log densities of all components share
  T* norm;               // (groups): the sum of the exponentials
  T* weight;             // (groups)
  T* share;              // (kMostSummed, groups): weighted responsibilities of components, of their rows only
  T* residual;           // (D, kStep)
  T* active_z;           // (D, groups): of one component, of its rows only
  T* active_t;           // (kStrip, groups): share * z
  T* totals;             // (K, moments): narrow: running sums
  T* apart_joint;        // (K, span), and so on: as above, of the rows that are looked at together in apart.hpp
  T* apart_largest;      // (span)
  T* apart_norm;         // (span)
  T* apart_weight;       // (span)
  T* apart_share;        // (span): of the listed rows
  T* leader;             // (span): the component of the largest bound
  std::size_t* led;      // (K + 1): where those that a component leads end in the list
  T* apart_x;            // (D, groups of a piece)
  T* apart_z;            // (D, groups of a piece)
  T* piece_joint;        // (piece)
  char* gathered;        // (piece, D), of the precision of rows
  std::size_t* listed;   // (span)
  double* linear;        // (K, linear_size): sums of share * features
  std::size_t* active;   // (groups): those with a share in one component; narrow: (K) the reverse
  double* square;        // (D, D) and (2, D, roomy(D)): full, linear
  double* row;           // (D), and of the careful path:
  double* row_z;         // (D)
  double* row_joint;     // (K)
  double* row_distance;  // (K)

  Scratch(const Mixture& mixture, const Plan<T>& plan, Arena& arena) {
    const std::size_t block = plan.most();
    const std::size_t k = mixture.n_components, d = mixture.n_features;
    const bool full = mixture.form == Form::kFull, narrow = is_narrow(mixture);
    x = arena.take<T>(d * block);
    y = arena.take<T>(whitens_rows(mixture) ? d * block : 0);
    z = arena.take<T>(full ? k * d * plan.block : narrow ? k * (d + 1) * kStep<T> : 0);
    features = arena.take<T>(linear_size(mixture) * plan.stride);
    joint = arena.take<T>(k * plan.stride);
    largest = arena.take<T>(block);
    common = arena.take<T>(whitens_rows(mixture) ? block : 0);
    norm = arena.take<T>(block);
    weight = arena.take<T>(block);
    share = arena.take<T>(kMostSummed * block);
    residual = arena.take<T>(d * kStep<T>);
    active_z = arena.take<T>(d * block);
    active_t = arena.take<T>(kStrip * std::max(block, plan.piece));
    totals = arena.take<T>(narrow ? k * narrow_moments(mixture) * kLanes<T> : 0);
    active = arena.take<std::size_t>(std::max(block / kLanes<T>, narrow ? k : 0));
    apart_joint = arena.take<T>(k * plan.span);
    apart_largest = arena.take<T>(plan.span);
    apart_norm = arena.take<T>(plan.span);
    apart_weight = arena.take<T>(plan.span);
    apart_share = arena.take<T>(plan.span + (plan.span > 0 ? 1 : 0));
    leader = arena.take<T>(plan.span);
    led = arena.take<std::size_t>(plan.span > 0 ? k + 1 : 0);
    apart_x = arena.take<T>(d * plan.piece);
    apart_z = arena.take<T>(d * plan.piece);
    piece_joint = arena.take<T>(plan.piece);
    gathered = arena.take<char>(plan.piece * d * sizeof(double));
    listed = arena.take<std::size_t>(plan.span + (plan.span > 0 ? 1 : 0));
    linear = arena.take<double>(k * linear_size(mixture));
    square = arena.take<double>(full && linear_size(mixture) > 0 ? d * (d + 2 * roomy(d)) : 0);
    row = arena.take<double>(d);
    row_z = arena.take<double>(d);
    row_joint = arena.take<double>(k);
    row_distance = arena.take<double>(k);
  }
};

// Sets the weights of a block's rows, and none for those that fill its last groups.
template <typename T>
void set_weights(const Scratch<T>& s, const double* weight, std::size_t begin, std::size_t count, std::size_t groups) {
  if (weight == nullptr)
    std::fill_n(s.weight, count, T(1));
  else
    for (std::size_t i = 0; i < count; ++i) s.weight[i] = static_cast<T>(weight[begin + i]);
  std::fill(s.weight + count, s.weight + groups * kLanes<T>, T(0));
}

// Stores a lower triangle in the order in which whiten() reads it; returns the end.
template <typename T>
T* pack_triangle(const double* lower, std::size_t d, T* to) {
  std::size_t begin = 0;
  for (std::size_t end = first_tile(d); end <= d; begin = end, end += tile_rows(d))
    for (std::size_t j = 0; j < end; ++j)
      for (std::size_t i = std::max(begin, j); i < end; ++i) *to++ = static_cast<T>(kScale * lower[i * d + j]);
  return to;
}

// What a unit of column j is in component c's own units, given the columns before it.
inline double steepness(const Mixture& m, std::size_t c, std::size_t j) {
  const std::size_t d = m.n_features;
  switch (m.form) {
    case Form::kFull:
      return m.whitener[(c * d + j) * d + j];
    case Form::kTied:
      return m.whitener[j * d + j];
    case Form::kDiagonal:
      return m.whitener[c * d + j];
    case Form::kSpherical:
      return m.whitener[c];
  }
  return 1.0;
}

// Powers of two that bring what a column spans, from a middle to a deviation beyond each mean, to order one.
template <typename Number>
void make_units(const Mixture& m, const Number* middle, Number* unit) {
  const auto unit_of = [](double span) {
    return static_cast<Number>(std::exp2(-static_cast<double>(std::ilogb(span))));
  };
  double widest = 0.0;
  for (std::size_t j = 0; j < m.n_features; ++j) {
    double span = 0.0;
    for (std::size_t c = 0; c < m.n_components; ++c)
      span = std::max(
          span, std::fabs(m.means[c * m.n_features + j] - static_cast<double>(middle[j])) + 1.0 / steepness(m, c, j));
    widest = std::max(widest, span);
    unit[j] = unit_of(span);
  }
  if (m.form == Form::kSpherical) std::fill_n(unit, m.n_features, unit_of(widest));
}

inline double middle_of_means(const Mixture& m, std::size_t j) {
  double middle = 0.0;
  for (std::size_t c = 0; c < m.n_components; ++c)
    middle += m.means[c * m.n_features + j] / static_cast<double>(m.n_components);
  return middle;
}

// Sets the frame, and the mixture as seen in it.
template <typename T>
void make_frame(const Mixture& m, const Plan<T>& plan) {
  const std::size_t d = m.n_features, size = second_size(m);
  for (std::size_t j = 0; j < d; ++j) plan.middle[j] = middle_of_means(m, j);
  make_units(m, plan.middle, plan.frame_unit);
  double volume = 0.0;
  for (std::size_t j = 0; j < d; ++j) volume += std::log(plan.frame_unit[j]);
  for (std::size_t c = 0; c < m.n_components; ++c) plan.seen_constants[c] = m.log_constants[c] - volume;
  for (std::size_t i = 0; i < m.n_components * d; ++i)
    plan.seen_means[i] = (m.means[i] - plan.middle[i % d]) * plan.frame_unit[i % d];
  for (std::size_t i = 0; i < size; ++i)
    plan.seen_whitener[i] = m.whitener[i] / plan.frame_unit[m.form == Form::kSpherical ? 0 : i % d];
}

// Means whitened about the origin, which is the middle of them.
template <typename T>
void whiten_means(const Mixture& mixture, const Plan<T>& plan) {
  const std::size_t d = mixture.n_features;
  for (std::size_t c = 0; c < mixture.n_components; ++c)
    for (std::size_t i = 0; i < d; ++i) {
      double whitened = 0.0;
      for (std::size_t j = 0; j <= i; ++j)
        whitened += mixture.whitener[i * d + j] * (mixture.means[c * d + j] - static_cast<double>(plan.origin[j]));
      plan.means[c * d + i] = static_cast<T>(kScale * whitened);
    }
}

template <typename T>
void make_plan(const Mixture& mixture, const Plan<T>& plan) {
  const std::size_t k = mixture.n_components, d = mixture.n_features;
  for (std::size_t c = 0; c < k; ++c) plan.log_constants[c] = mixture.log_constants[c] / kLog2;
  for (std::size_t j = 0; j < d; ++j) plan.origin[j] = static_cast<T>(middle_of_means(mixture, j));
  if (mixture.form == Form::kTied) {
    whiten_means(mixture, plan);
    pack_triangle(mixture.whitener, d, plan.shared);
    return;
  }
  for (std::size_t i = 0; i < k * d; ++i) plan.means[i] = static_cast<T>(mixture.means[i]);
  T* to = plan.whitener;
  for (std::size_t c = 0; c < k; ++c) {
    if (mixture.form == Form::kFull) {
      to = pack_triangle(mixture.whitener + c * d * d, d, to);
    } else {
      const bool spherical = mixture.form == Form::kSpherical;
      for (std::size_t j = 0; j < d; ++j) *to++ = static_cast<T>(kScale * mixture.whitener[spherical ? c : c * d + j]);
    }
  }
}

}  // namespace gmix::GMIX_LEVEL
