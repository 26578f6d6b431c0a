// Rows with errors under components of any form: the covariance of each row is a matrix.
#pragma once

#include "kernel/paths/noisy/factor.hpp"
#include "kernel/paths/noisy/tile.hpp"
#include "kernel/whitening.hpp"

namespace gmix::GMIX_LEVEL::noisy {

// Vectors that are worked on, as many as a triangle has: in registers if the compiler knows their number, else where
// they are kept.
template <typename Size>
class Work {
  V* numbers_;

 public:
  explicit Work(V* memory) : numbers_(memory) {}
  V* data() { return numbers_; }
  void keep(V*) const {}
};

template <int D>
class Work<Constant<D>> {
  static constexpr int kSize = D * (D + 1) / 2;
  V numbers_[kSize];

 public:
  explicit Work(V*) {}
  [[gnu::always_inline]] V* data() { return numbers_; }
  [[gnu::always_inline]] void keep(V* to) const {
#pragma GCC unroll 36
    for (int i = 0; i < kSize; ++i) to[i] = numbers_[i];
  }
};

// With A the factor of a component, zero in the rows of missing cells, and F that of the errors, C is the factor of
// A A' + F F', Y = C^-1 A, v = C^-1 (x - mu) and z = Y' v.
template <typename Size>
class Dense {
  static constexpr int kWork = 3;
  const Size columns_;
  const std::size_t k_;
  const Form form_;
  const bool shared_;  // all components have one factor
  const double* const means_;
  double* const factors_;  // (K or 1, triangle): L
  double* const volumes_;  // (K): log2 |L|
  V* const errors_;        // (kGroups, triangle): F
  V* const c_;             // (K or 1, kGroups, triangle): C, with reciprocals on its diagonal
  V* const log_volumes_;   // (kGroups): log2 |C| of the last factor
  V* const v_;             // (K, kGroups, D)
  V* const joint_;         // (K, kGroups): log2 p_k(x), which is finite
  V* const distances_;     // (K): |v| of far rows
  V* const work_;          // (kWork, triangle)
  V* const totals_;        // (K, 2 + D): mass, sum of r log2 p_k(x), first moments
  V* const second_;        // (K or 1, triangle)
  V* const hidden_;        // (K or 1, triangle)

  int size() const { return columns_() * (columns_() + 1) / 2; }
  std::size_t factors() const { return shared_ ? 1 : k_; }
  std::size_t which(std::size_t c) const { return shared_ ? 0 : c; }
  V* factor(std::size_t c, std::size_t g) const { return c_ + (which(c) * kGroups + g) * size(); }
  V* residual(std::size_t c, std::size_t g) const { return v_ + (c * kGroups + g) * columns_(); }

 public:
  Dense(Size columns, const Mixture& m, Arena& arena)
      : columns_(columns),
        k_(m.n_components),
        form_(m.form),
        shared_(m.form == Form::kTied),
        means_(m.means),
        factors_(arena.take<double>(factors() * size())),
        volumes_(arena.take<double>(k_)),
        errors_(arena.take<V>(kGroups * size())),
        c_(arena.take<V>(factors() * kGroups * size())),
        log_volumes_(arena.take<V>(kGroups)),
        v_(arena.take<V>(k_ * kGroups * columns_())),
        joint_(arena.take<V>(k_ * kGroups)),
        distances_(arena.take<V>(k_)),
        work_(arena.take<V>(kWork * size())),
        totals_(arena.take<V>(k_ * (2 + columns_()))),
        second_(arena.take<V>(factors() * size())),
        hidden_(arena.take<V>(factors() * size())) {}

  // Reads the components, and clears the sums.
  void begin(const Components& components) const {
    const int d = columns_();
    for (std::size_t c = 0; c < factors(); ++c)
      for (int j = 0; j < d; ++j)
        for (int i = j; i < d; ++i) factors_[c * size() + in_row(i, j)] = factor_at(components, c, i, j);
    for (std::size_t c = 0; c < k_; ++c) volumes_[c] = log2_volume(components, c);
    std::fill_n(totals_, k_ * (2 + d), V{});
    std::fill_n(second_, factors() * size(), V{});
    std::fill_n(hidden_, factors() * size(), V{});
  }

  // Sets log2 p_k(x) of some groups of a tile. If Far, squared distances may overflow, and distances are kept.
  template <bool Far>
  void evaluate(const double* log2_constants, const Tile& tile, std::size_t groups,
                const Densities<double>& densities) const {
    const int d = columns_();
    set_errors(tile, groups);
    for (std::size_t g = 0; g < groups; ++g)
      for (std::size_t c = 0; c < k_; ++c) {
        if (c == 0 || !shared_) log_volumes_[g] = factorize(tile, c, g);
        V* const v = residual(c, g);
        const V *const x = tile.values + g * d, *const present = tile.present + g * d;
        const double* const mean = means_ + c * d;
#pragma GCC unroll 8
        for (int j = 0; j < d; ++j) v[j] = (x[j] - mean[j]) * present[j];
        V scale = V{} + 1.0;
        if constexpr (Far) scale = scale_residuals(columns_(), v);
        V squared = solve(columns_, factor(c, g), v);
        if constexpr (Far) {
          distances_[c] = scale * square_root(squared);
          restore_scale(scale, columns_(), v);
          squared = distances_[c] * distances_[c];
        }
        const V constant = log2_constants[c] + volumes_[c] - log_volumes_[g] + tile.constant[g];
        joint_[c * kGroups + g] = constant - (Far ? clipped(squared) : squared) * (0.5 / kLog2);
        store(densities.joint + c * densities.stride + g * kLanes<double>, constant - squared * (0.5 / kLog2));
      }
  }

  double distance(std::size_t c) const { return distances_[c][0]; }

  // Adds to log2 p_k(x) of a row of the tile, and to the sum of these.
  void add_to_joint(std::size_t c, std::size_t row, double term, const Densities<double>& densities) const {
    densities.joint[c * densities.stride + row] += term;
    if (std::isfinite(term)) joint_[c * kGroups + row / kLanes<double>][row % kLanes<double>] += term;
  }

  // Adds the moments of some groups, with responsibilities joint * norm.
  void accumulate(const Tile& tile, std::size_t groups, const Densities<double>& densities) const {
    const std::size_t with_one_factor = shared_ ? k_ : 1;
    for (std::size_t c = 0; c < k_; c += with_one_factor)
      for (std::size_t g = 0; g < groups; ++g) add_moments(tile, densities, c, c + with_one_factor, g);
  }

  // Adds the sums over the lanes to the sums.
  void finish(WhitenedSums& sums) const {
    const int d = columns_();
    for (std::size_t c = 0; c < k_; ++c) {
      const V* const from = totals_ + c * (2 + d);
      sums.mass[c] += sum(from[0]);
      if (sums.joint != nullptr) sums.joint[c] += sum(from[1]) * kLog2;
      for (int j = 0; j < d; ++j) sums.first[c * d + j] += sum(from[2 + j]);
    }
    for (std::size_t c = 0; c < factors(); ++c) {
      add_triangle(second_ + c * size(), c, sums.second);
      if (sums.hidden_second != nullptr) add_triangle(hidden_ + c * size(), c, sums.hidden_second);
    }
  }

  // Sets the conditional means (D) of the true values of a group.
  void set_means(const Tile& tile, std::size_t g, const Densities<double>& densities, V* means) const {
    const int d = columns_();
    std::fill_n(means, d, V{});
    for (std::size_t c = 0; c < k_; ++c) {
      const V r = responsibility(densities, c, g);
      if (all_zero(r)) continue;
      Work<Size> y(work_), z(work_ + size());
      whiten(tile, c, g, factor(c, g), y.data());
      conditional_mean(columns_, y.data(), residual(c, g), z.data());
      const double* const factor = factors_ + which(c) * size();
      for (int i = 0; i < d; ++i) {
        V value = broadcast(means_[c * d + i]);
        for (int j = 0; j <= i; ++j) value += factor[in_row(i, j)] * z.data()[j];
        means[i] += r * value;
      }
    }
  }

 private:
  void add_triangle(const V* from, std::size_t c, double* second) const {
    const int d = columns_();
    for (int j = 0; j < d; ++j)
      for (int i = j; i < d; ++i) {
        if (form_ == Form::kFull || form_ == Form::kTied)
          second[(c * d + i) * d + j] += sum(from[in_row(i, j)]);
        else if (i == j)
          second[form_ == Form::kDiagonal ? c * d + j : c] += sum(from[in_row(i, j)]);
      }
  }

  // Sets the factors F of a tile.
  void set_errors(const Tile& tile, std::size_t groups) const {
    const int d = columns_();
    for (std::size_t g = 0; g < groups; ++g) {
      V* const to = errors_ + g * size();
      for (int j = 0; j < d; ++j)
        for (int i = j; i < d; ++i)
          to[in_row(i, j)] = tile.covariances ? tile.errors[(g * d + i) * d + j]
                             : i == j         ? square_root(tile.errors[g * d + j])
                                              : V{};
      if (tile.covariances) factorize_errors(columns_, to);
    }
  }

  // Sets `to` to A, where place(row, column) says.
  template <typename Place>
  [[gnu::always_inline]] void mask_factor(const Tile& tile, std::size_t c, std::size_t g, V* to,
                                          const Place& place) const {
    const int d = columns_();
    const double* const factor = factors_ + which(c) * size();
    const V* const present = tile.present + g * d;
#pragma GCC unroll 8
    for (int j = 0; j < d; ++j)
#pragma GCC unroll 8
      for (int i = j; i < d; ++i) to[place(i, j)] = factor[in_row(i, j)] * present[i];
  }

  // Sets C, and returns log2 |C|.
  [[gnu::always_inline]] V factorize(const Tile& tile, std::size_t c, std::size_t g) const {
    Work<Size> a(factor(c, g)), f(work_);
    mask_factor(tile, c, g, a.data(), in_row);
    const int count = size();
#pragma GCC unroll 36
    for (int i = 0; i < count; ++i) f.data()[i] = errors_[g * count + i];
    LogOfProduct diagonal;
    add_errors(columns_, a.data(), f.data(), diagonal);
    a.keep(factor(c, g));
    return diagonal.log2();
  }

  // Sets Y.
  [[gnu::always_inline]] void whiten(const Tile& tile, std::size_t c, std::size_t g, const V* factor, V* y) const {
    mask_factor(tile, c, g, y, [d = columns_()](int i, int j) { return in_column(d, i, j); });
    whiten_factor(columns_, factor, y);
  }

  // Adds the moments of a group about components [begin, end), which have one factor.
  void add_moments(const Tile& tile, const Densities<double>& densities, std::size_t begin, std::size_t end,
                   std::size_t g) const {
    const int d = columns_();
    V weight = {};
    for (std::size_t c = begin; c < end; ++c) weight += responsibility(densities, c, g);
    if (all_zero(weight)) return;
    Work<Size> y(work_);
    whiten(tile, begin, g, factor(begin, g), y.data());
    V* const second = second_ + which(begin) * size();
    add_covariance(weight, y.data(), second);
    for (std::size_t c = begin; c < end; ++c) {
      const V r = responsibility(densities, c, g);
      if (all_zero(r)) continue;
      Work<Size> z(work_ + size());
      conditional_mean(columns_, y.data(), residual(c, g), z.data());
      V* const totals = totals_ + c * (2 + d);
#pragma GCC unroll 8
      for (int j = 0; j < d; ++j) {
        const V weighted = r * z.data()[j];
        totals[2 + j] += weighted;
#pragma GCC unroll 8
        for (int i = j; i < d; ++i) second[in_row(i, j)] += weighted * z.data()[i];
      }
      totals[0] += r;
      totals[1] += r * joint_[c * kGroups + g];
    }
    if (!all_zero(tile.constant[g])) add_hidden(tile, weight, begin, g);
  }

  // Adds weight (I - Y' Y).
  [[gnu::always_inline]] void add_covariance(V weight, const V* y, V* to) const {
    const int d = columns_();
#pragma GCC unroll 8
    for (int j = 0; j < d; ++j)
#pragma GCC unroll 8
      for (int i = j; i < d; ++i) to[in_row(i, j)] += weight * conditional_covariance(columns_, y, j, i);
  }

  // Adds the conditional covariance that missing cells leave to rows without errors.
  void add_hidden(const Tile& tile, V weight, std::size_t c, std::size_t g) const {
    const int d = columns_();
    Work<Size> factor(work_), f(work_ + size()), y(work_ + 2 * size());
    mask_factor(tile, c, g, factor.data(), in_row);
#pragma GCC unroll 8
    for (int j = 0; j < d; ++j)
#pragma GCC unroll 8
      for (int i = j; i < d; ++i) f.data()[in_row(i, j)] = i == j ? 1.0 - tile.present[g * d + j] : V{};
    LogOfProduct diagonal;
    add_errors(columns_, factor.data(), f.data(), diagonal);
    whiten(tile, c, g, factor.data(), y.data());
    add_covariance(weight, y.data(), hidden_ + which(c) * size());
  }
};

}  // namespace gmix::GMIX_LEVEL::noisy
