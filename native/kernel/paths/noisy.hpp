// Rows with errors: extreme deconvolution (Bovy, Hogg and Roweis 2011, arXiv:0905.2979).
//
// A row is a true value plus an error, which is normal with mean zero and a covariance of the row's own; cells may be
// missing. The mixture is that of the true values. A row adds the moments of what is expected of its whitened true
// value: with z its conditional mean and B its conditional covariance, r, r z and r (z z' + B).
//
// Each row and component has its own factorization, so rows of few columns take more time here than on the other paths,
// and there are no choices to make. Everything is in float64.
#pragma once

#include "kernel/labels.hpp"
#include "kernel/paths/noisy/dense.hpp"
#include "kernel/paths/noisy/diagonal.hpp"

namespace gmix::GMIX_LEVEL::noisy {

inline constexpr std::size_t kMostUnrolled = 8;  // columns for which the loops are unrolled

// Calls function(moments), where moments is the class that takes these errors, cut from the arena.
template <typename Function>
void with_moments(const Mixture& m, bool covariances, Arena& arena, const Function& function) {
  const bool matrices = covariances || m.form == Form::kFull || m.form == Form::kTied;
  if (!matrices) return function(Diagonal(m, arena));
  if (m.n_features > kMostUnrolled) return function(Dense<Columns>({static_cast<int>(m.n_features)}, m, arena));
  with_count<kMostUnrolled>(m.n_features, [&](auto columns) { function(Dense<decltype(columns)>(columns, m, arena)); });
}

struct Scratch {
  Tile tile;
  Densities<double> densities;
  row_by_row::Scratch single;
  double* log2_constants;  // (K)
  V* means;                // (D)

  Scratch(const Mixture& m, bool covariances, Arena& arena)
      : tile(m.n_features, covariances, arena),
        densities(m.n_components, kStepRows<double>, kStepRows<double>, arena),
        single(m, arena),
        log2_constants(arena.take<double>(m.n_components)),
        means(arena.take<V>(m.n_features)) {}
};

inline std::size_t scratch_size(const Mixture& m) {
  std::size_t most = 0;
  for (const bool covariances : {false, true}) {
    Arena arena(nullptr);
    Scratch(m, covariances, arena);
    with_moments(m, covariances, arena, [](const auto&) {});
    most = std::max(most, arena.used());
  }
  return most;
}

// Reads the components, and clears the sums.
template <typename Moments>
void begin(const Components& components, const Moments& moments, const Scratch& s) {
  const Mixture& m = components.mixture;
  for (std::size_t c = 0; c < m.n_components; ++c) s.log2_constants[c] = m.log_constants[c] / kLog2;
  moments.begin(components);
}

// Adds to log2 p_k(x) of rows what their labels say.
template <typename Moments>
void apply_labels(const Mixture& m, const Rows& rows, const RowBlock<double>& block, const Moments& moments,
                  const Densities<double>& densities) {
  if (m.group == nullptr || (rows.label == nullptr && rows.log_evidence == nullptr)) return;
  for (std::size_t c = 0; c < m.n_components; ++c)
    for (std::size_t i = 0; i < block.count; ++i)
      moments.add_to_joint(c, i, label_term(m, rows, block.begin + i, c) / kLog2, densities);
}

// Sets the exponentials of a tile, their largest and their norm.
template <typename Moments>
void evaluate(const Mixture& m, const Chunk& chunk, const RowBlock<double>& block, const Moments& moments,
              const Scratch& s) {
  s.tile.read(chunk, block);
  moments.template evaluate<false>(s.log2_constants, s.tile, kGroups, s.densities);
  apply_labels(m, chunk.rows, block, moments, s.densities);
  Prefetch prefetch = block.prefetch(chunk.rows, m.n_components);
  normalize<double>(m.n_components, s.densities, nullptr, 0, prefetch);
}

// Sets the responsibilities of one row, which may be so far from all components that their densities are zero, and
// returns its log density. A factor of 1 turns exponentials into responsibilities.
template <typename Moments>
double evaluate_far(const Mixture& m, const Chunk& chunk, std::size_t row, const Moments& moments, const Scratch& s) {
  constexpr double infinity = std::numeric_limits<double>::infinity();
  const RowBlock<double> block(chunk, row, 1);
  s.tile.read(chunk, block);
  moments.template evaluate<true>(s.log2_constants, s.tile, 1, s.densities);
  apply_labels(m, chunk.rows, block, moments, s.densities);
  bool possible = false;
  for (std::size_t c = 0; c < m.n_components; ++c) {
    double* const joint = s.densities.joint + c * s.densities.stride;
    const bool allowed = label_term(m, chunk.rows, row, c) > -infinity;
    s.single.responsibilities[c] = allowed ? joint[0] * kLog2 : -infinity;
    s.single.distances[c] = allowed && m.log_constants[c] > -infinity ? moments.distance(c) : infinity;
    std::fill_n(joint, kLanes<double>, 0.0);
    possible = possible || allowed;
  }
  std::fill_n(s.densities.norm, kLanes<double>, 1.0);
  if (!possible) return -infinity;
  const double log_density = row_by_row::share(s.single, m.log_constants, m.n_components);
  for (std::size_t c = 0; c < m.n_components; ++c)
    s.densities.joint[c * s.densities.stride] = s.single.responsibilities[c];
  return log_density;
}

// Adds the rows of a chunk to cleared sums.
template <typename Moments>
void add(const Components& components, const Chunk& chunk, const Moments& moments, const Scratch& s,
         WhitenedSums& sums) {
  const bool weighted = chunk.weight != nullptr;
  begin(components, moments, s);
  LogLikelihood<double, kGroups> log_likelihood;
  for (std::size_t at = chunk.begin; at < chunk.end && !chunk.interruption(); at += kStepRows<double>) {
    evaluate(components.mixture, chunk, RowBlock<double>(chunk, at, kStepRows<double>), moments, s);
    V weight[kGroups], largest[kGroups], norm[kGroups], factor[kGroups];
    for (std::size_t g = 0; g < kGroups; ++g) {
      const std::size_t i = g * kLanes<double>;
      weight[g] = load(s.tile.weight + i), largest[g] = load(s.densities.largest + i);
      norm[g] = load(s.densities.norm + i);
    }
    log_likelihood.add(weight, largest, norm, weighted, factor);
    for (std::size_t g = 0; g < kGroups; ++g) store(s.densities.norm + g * kLanes<double>, factor[g]);
    moments.accumulate(s.tile, kGroups, s.densities);
  }
  sums.log_likelihood += log_likelihood.total();
  moments.finish(sums);
}

// The same row by row, where squared distances overflow.
template <typename Moments>
void add_far(const Components& components, const Chunk& chunk, const Moments& moments, const Scratch& s,
             WhitenedSums& sums) {
  begin(components, moments, s);
  for (std::size_t row = chunk.begin; row < chunk.end && !chunk.interruption(); ++row) {
    const double weight = chunk.weight == nullptr ? 1.0 : chunk.weight[row];
    if (weight == 0.0) continue;
    sums.log_likelihood += weight * evaluate_far(components.mixture, chunk, row, moments, s);
    std::fill_n(s.densities.norm, kLanes<double>, weight);
    moments.accumulate(s.tile, 1, s.densities);
  }
  moments.finish(sums);
}

// Where posterior() writes what it finds.
struct Posterior {
  double* log_densities;     // (N)
  double* responsibilities;  // (N, K), or null
  double* means;             // (N, D), or null: conditional means of the true values

  // Writes the responsibilities and means of some rows of a tile, whose exponentials have been normalized.
  template <typename Moments>
  void write(std::size_t begin, std::size_t count, const Moments& moments, const Scratch& s, std::size_t k,
             std::size_t d) const {
    constexpr std::size_t lanes = kLanes<double>;
    for (std::size_t i = 0; responsibilities != nullptr && i < count; ++i)
      for (std::size_t c = 0; c < k; ++c)
        responsibilities[(begin + i) * k + c] = s.densities.joint[c * s.densities.stride + i] * s.densities.norm[i];
    for (std::size_t i = 0; means != nullptr && i < count; i += lanes) {
      moments.set_means(s.tile, i / lanes, s.densities, s.means);
      for (std::size_t lane = 0; lane < lanes && i + lane < count; ++lane)
        for (std::size_t j = 0; j < d; ++j) means[(begin + i + lane) * d + j] = s.means[j][lane];
    }
  }
};

template <typename Moments>
void find_posterior(const Components& components, const Chunk& chunk, const Moments& moments, const Scratch& s,
                    const Posterior& to) {
  constexpr std::size_t lanes = kLanes<double>;
  const Mixture& m = components.mixture;
  begin(components, moments, s);
  for (std::size_t at = chunk.begin; at < chunk.end && !chunk.interruption(); at += kStepRows<double>) {
    const RowBlock<double> block(chunk, at, kStepRows<double>);
    evaluate(m, chunk, block, moments, s);
    bool far = false;
    for (std::size_t g = 0; g < kGroups; ++g) {
      const V value = log_density(s.densities, g), norm = load(s.densities.norm + g * lanes);
      store(s.densities.norm + g * lanes, 1.0 / norm);
      for (std::size_t lane = 0; lane < lanes && g * lanes + lane < block.count; ++lane) {
        to.log_densities[at + g * lanes + lane] = value[lane];
        far = far || !std::isfinite(value[lane]);
      }
    }
    to.write(at, block.count, moments, s, m.n_components, m.n_features);
    for (std::size_t row = at; far && row < at + block.count; ++row) {
      if (std::isfinite(to.log_densities[row])) continue;
      to.log_densities[row] = evaluate_far(m, chunk, row, moments, s);
      to.write(row, 1, moments, s, m.n_components, m.n_features);
    }
  }
}

}  // namespace gmix::GMIX_LEVEL::noisy
