// Rows with independent errors under components whose columns are independent: variances add up, column by column.
#pragma once

#include "kernel/paths/noisy/log_of_product.hpp"
#include "kernel/paths/noisy/tile.hpp"

namespace gmix::GMIX_LEVEL::noisy {

// With the variance t = l^2 + e of a cell, l = 0 and e = 1 where it is missing, the conditional mean of the whitened
// true value is z = l (x - mu) / t, and its conditional variance is e / t.
class Diagonal {
  const std::size_t d_, k_;
  const bool spherical_;
  const double* const means_;
  double* const deviations_;  // (K, D): l
  double* const volumes_;     // (K): log2 |L|
  V* const reciprocals_;      // (K, kGroups, D): 1 / t
  V* const z_;                // (K, kGroups, D)
  V* const joint_;            // (K, kGroups): log2 p_k(x), which is finite
  V* const distances_;        // (K), of far rows
  V* const totals_;           // (K, 2 + 3 D): mass, sum of r log2 p_k(x), first, second and hidden second moments

  std::size_t totals() const { return 2 + 3 * d_; }

 public:
  Diagonal(const Mixture& m, Arena& arena)
      : d_(m.n_features),
        k_(m.n_components),
        spherical_(m.form == Form::kSpherical),
        means_(m.means),
        deviations_(arena.take<double>(k_ * d_)),
        volumes_(arena.take<double>(k_)),
        reciprocals_(arena.take<V>(k_ * kGroups * d_)),
        z_(arena.take<V>(k_ * kGroups * d_)),
        joint_(arena.take<V>(k_ * kGroups)),
        distances_(arena.take<V>(k_)),
        totals_(arena.take<V>(k_ * totals())) {}

  // Reads the components, and clears the sums.
  void begin(const Components& components) const {
    for (std::size_t c = 0; c < k_; ++c) {
      for (std::size_t j = 0; j < d_; ++j) deviations_[c * d_ + j] = factor_at(components, c, j, j);
      volumes_[c] = log2_volume(components, c);
    }
    std::fill_n(totals_, k_ * totals(), V{});
  }

  // Sets log2 p_k(x) of some groups of a tile. If Far, squared distances may overflow, and distances are kept.
  template <bool Far>
  void evaluate(const double* log2_constants, const Tile& tile, std::size_t groups,
                const Densities<double>& densities) const {
    for (std::size_t g = 0; g < groups; ++g)
      for (std::size_t c = 0; c < k_; ++c) {
        const V *const x = tile.values + g * d_, *const present = tile.present + g * d_;
        const V* const errors = tile.errors + g * d_;
        V* const z = z_ + (c * kGroups + g) * d_;
        for (std::size_t j = 0; j < d_; ++j) z[j] = (x[j] - means_[c * d_ + j]) * present[j];
        V scale = V{} + 1.0, squared = {};
        if constexpr (Far) scale = scale_residuals(d_, z);
        LogOfProduct variances;
        for (std::size_t j = 0; j < d_; ++j) {
          const double deviation = deviations_[c * d_ + j];
          const V variance = present[j] * (deviation * deviation) + errors[j], over_variance = reciprocal(variance);
          variances.multiply(variance);
          reciprocals_[(c * kGroups + g) * d_ + j] = over_variance;
          const V scaled = z[j] * over_variance;
          squared += z[j] * scaled;
          z[j] = deviation * scaled;
        }
        if constexpr (Far) {
          distances_[c] = scale * square_root(squared);
          restore_scale(scale, d_, z);
          squared = distances_[c] * distances_[c];
        }
        const V constant = log2_constants[c] + volumes_[c] - 0.5 * variances.log2() + tile.constant[g];
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
    for (std::size_t c = 0; c < k_; ++c)
      for (std::size_t g = 0; g < groups; ++g) {
        const V r = responsibility(densities, c, g);
        if (all_zero(r)) continue;
        const std::size_t at = (c * kGroups + g) * d_;
        V *const to = totals_ + c * totals(), *const first = to + 2, *const second = first + d_;
        for (std::size_t j = 0; j < d_; ++j) {
          const V z = z_[at + j];
          first[j] += r * z;
          second[j] += r * (z * z + tile.errors[g * d_ + j] * reciprocals_[at + j]);
        }
        to[0] += r;
        to[1] += r * joint_[c * kGroups + g];
        if (all_zero(tile.constant[g])) continue;
        for (std::size_t j = 0; j < d_; ++j) second[d_ + j] += r * (1.0 - tile.present[g * d_ + j]);
      }
  }

  // Adds the sums over the lanes to the sums.
  void finish(WhitenedSums& sums) const {
    for (std::size_t c = 0; c < k_; ++c) {
      const V *const from = totals_ + c * totals(), *const first = from + 2, *const second = first + d_;
      sums.mass[c] += sum(from[0]);
      if (sums.joint != nullptr) sums.joint[c] += sum(from[1]) * kLog2;
      for (std::size_t j = 0; j < d_; ++j) {
        const std::size_t at = spherical_ ? c : c * d_ + j;
        sums.first[c * d_ + j] += sum(first[j]);
        sums.second[at] += sum(second[j]);
        if (sums.hidden_second != nullptr) sums.hidden_second[at] += sum(second[d_ + j]);
      }
    }
  }

  // Sets the conditional means (D) of the true values of a group.
  void set_means(const Tile&, std::size_t g, const Densities<double>& densities, V* means) const {
    std::fill_n(means, d_, V{});
    for (std::size_t c = 0; c < k_; ++c) {
      const V r = responsibility(densities, c, g);
      if (all_zero(r)) continue;
      for (std::size_t j = 0; j < d_; ++j)
        means[j] += r * (deviations_[c * d_ + j] * z_[(c * kGroups + g) * d_ + j] + means_[c * d_ + j]);
    }
  }
};

}  // namespace gmix::GMIX_LEVEL::noisy
