// The path of rows with missing cells, few of which have the same cells: one row at a time, in float64.
//
// With W = inverse(L) and zeros in place of the missing residuals, z = W (x - mean) differs from the conditional mean
// of the whitened residual, given the present cells, by a combination of the columns of W that belong to missing cells.
// With orthonormal rows N that span these columns, the conditional mean is z - N' N z, and the conditional covariance
// is N' N. The factors of the Gram-Schmidt process give the determinant of the marginal covariance.
#pragma once

#include "kernel/labels.hpp"
#include "kernel/paths/row_by_row.hpp"

namespace gmix::GMIX_LEVEL::incomplete {

// Vectors of D numbers are padded with zeros to whole vectors of lanes.
inline std::size_t padded(std::size_t d) { return (d + kLanes<double> - 1) / kLanes<double> * kLanes<double>; }

// to += factor * from, from a position in a padded vector on.
inline void add_scaled(double factor, const double* from, double* to, std::size_t width, std::size_t first = 0) {
  const Vector<double> scale = broadcast(factor);
  for (std::size_t i = first / kLanes<double> * kLanes<double>; i < width; i += kLanes<double>)
    store(to + i, load(to + i) + scale * load(from + i));
}

inline double dot(const double* a, const double* b, std::size_t width, std::size_t first = 0) {
  Vector<double> sums = {};
  for (std::size_t i = first / kLanes<double> * kLanes<double>; i < width; i += kLanes<double>)
    sums += load(a + i) * load(b + i);
  return sum(sums);
}

inline bool has_matrices(const Mixture& m) { return m.form == Form::kFull || m.form == Form::kTied; }

struct Scratch {
  std::size_t width;  // of padded vectors
  std::size_t size;   // of a padded matrix (D, width), K of which the full form has, and the tied form one
  double* columns;    // the whiteners by columns
  double* basis;      // N of the group at hand
  double* second;     // sum of r z z'; of forms with matrices
  double* hidden;     // sum of r N' N
  double* z;          // (K, width)
  double* constants;  // (K): the log constants of the components of the group
  double* densities;  // (K): the log densities of the row at hand
  double* counts;     // (K): of the group
  row_by_row::Scratch row;

  Scratch(const Mixture& m, Arena& arena)
      : width(padded(m.n_features)),
        size(has_matrices(m) ? m.n_features * width : 0),
        columns(arena.take<double>(n_matrices(m) * size)),
        basis(arena.take<double>(n_matrices(m) * size)),
        second(arena.take<double>(n_matrices(m) * size)),
        hidden(arena.take<double>(n_matrices(m) * size)),
        z(arena.take<double>(m.n_components * width)),
        constants(arena.take<double>(m.n_components)),
        densities(arena.take<double>(m.n_components)),
        counts(arena.take<double>(m.n_components)),
        row(m, arena) {}

  static std::size_t n_matrices(const Mixture& m) { return m.form == Form::kFull ? m.n_components : 1; }
  std::size_t matrix(const Mixture& m, std::size_t c) const { return m.form == Form::kFull ? c * size : 0; }
};

// Prepares for the groups of a chunk.
inline void begin(const Mixture& m, const Scratch& s) {
  const std::size_t d = m.n_features, total = Scratch::n_matrices(m) * s.size;
  for (double* array : {s.columns, s.basis, s.second, s.hidden}) std::fill_n(array, total, 0.0);
  std::fill_n(s.z, m.n_components * s.width, 0.0);
  if (!has_matrices(m)) return;
  for (std::size_t k = 0; k < Scratch::n_matrices(m); ++k)
    for (std::size_t i = 0; i < d; ++i)
      for (std::size_t j = 0; j <= i; ++j) s.columns[k * s.size + j * s.width + i] = m.whitener[(k * d + i) * d + j];
}

// Adds what the groups of a chunk left in the scratch.
inline void finish(const Mixture& m, const Scratch& s, WhitenedSums& sums) {
  const std::size_t d = m.n_features;
  if (!has_matrices(m)) return;
  for (std::size_t k = 0; k < Scratch::n_matrices(m); ++k)
    for (std::size_t i = 0; i < d; ++i)
      for (std::size_t j = 0; j <= i; ++j) {
        sums.second[(k * d + i) * d + j] += s.second[k * s.size + i * s.width + j];
        sums.hidden_second[(k * d + i) * d + j] += s.hidden[k * s.size + i * s.width + j];
      }
}

// Sets N, and returns the sum of the logarithms of the norms that the Gram-Schmidt process divides by. A second turn
// removes what rounding left of the first.
inline double set_basis(const double* columns, const RowGroup& group, std::size_t width, double* basis) {
  double volume = 1.0, logarithm = 0.0;
  for (std::size_t a = 0; a < group.n_absent; ++a) {
    const std::size_t first = group.absent[0];
    double* const v = basis + a * width;
    std::copy_n(columns + group.absent[a] * width, width, v);
    for (int turn = 0; turn < 2; ++turn)
      for (std::size_t b = 0; b < a; ++b)
        add_scaled(-dot(v, basis + b * width, width, first), basis + b * width, v, width, first);
    const double norm = std::sqrt(dot(v, v, width, first));
    const Vector<double> scale = broadcast(1.0 / norm);
    for (std::size_t i = 0; i < width; i += kLanes<double>) store(v + i, load(v + i) * scale);
    volume *= norm;
    if (!(volume > 1e-100 && volume < 1e100)) logarithm += std::log(volume), volume = 1.0;
  }
  return logarithm + std::log(volume);
}

// Prepares the components for the rows of a group.
inline void set_group(const Mixture& m, const RowGroup& group, const Scratch& s) {
  const std::size_t d = m.n_features;
  const double missing = static_cast<double>(group.n_absent);
  double volume = 0.0;
  for (std::size_t at = 0; at < group.n_components; ++at) {
    const std::size_t c = group.components[at];
    if (m.form == Form::kFull || (m.form == Form::kTied && at == 0)) {
      volume = set_basis(s.columns + s.matrix(m, c), group, s.width, s.basis + s.matrix(m, c));
    } else if (m.form == Form::kDiagonal) {
      volume = 0.0;
      for (std::size_t a = 0; a < group.n_absent; ++a) volume += std::log(m.whitener[c * d + group.absent[a]]);
    } else if (m.form == Form::kSpherical) {
      volume = missing * std::log(m.whitener[c]);
    }
    s.constants[at] = m.log_constants[c] - volume + group.constant[c];
    s.counts[c] = 0.0;
  }
}

// Sets z, the conditional mean of the whitened residual, and returns its length.
template <typename F>
double whiten(const Mixture& m, std::size_t c, const RowGroup& group, const Scratch& s) {
  constexpr double most = row_by_row::kMostResidual<F>;
  const std::size_t d = m.n_features, width = s.width;
  double* const z = s.z + c * width;
  const double* const mean = m.means + c * d;
  std::fill_n(z, width, 0.0);
  for (std::size_t a = 0; a < group.n_present; ++a) {
    const std::size_t j = group.present[a];
    const double residual = s.row.x[j] - mean[j];
    if (has_matrices(m))
      add_scaled(residual, s.columns + s.matrix(m, c) + j * width, z, width, j);
    else
      z[j] = residual * m.whitener[m.form == Form::kDiagonal ? c * d + j : c];
  }
  if (has_matrices(m))
    for (std::size_t a = 0; a < group.n_absent; ++a) {
      const double* const v = s.basis + s.matrix(m, c) + a * width;
      add_scaled(-dot(v, z, width, group.absent[0]), v, z, width, group.absent[0]);
    }
  const double squared = dot(z, z, width);
  if (squared <= std::numeric_limits<double>::max()) return std::sqrt(squared);
  double norm = 0.0;
  for (std::size_t i = 0; i < d; ++i) {
    norm = std::hypot(norm, z[i]);
    z[i] = std::isnan(z[i]) ? most : std::fmin(std::fmax(z[i], -most), most);
  }
  return std::isnan(norm) ? std::numeric_limits<double>::infinity() : norm;
}

// Sets the responsibilities of a row of the group, of its components, and returns the log density.
template <typename F>
double evaluate(const F& family, const Mixture& m, const Rows& rows, std::size_t row, const RowGroup& group,
                const Scratch& s) {
  for (std::size_t a = 0; a < group.n_present; ++a) s.row.x[group.present[a]] = value_at(rows, row, group.present[a]);
  for (std::size_t at = 0; at < group.n_components; ++at) {
    const std::size_t c = group.components[at];
    const double distance = whiten<F>(m, c, group, s);
    const double evidence = log_evidence(m, rows, row, c);
    s.densities[at] = family.log_density(c, s.constants[at], distance, group.n_present) + evidence;
    s.row.responsibilities[at] = s.densities[at];
    const bool possible = s.constants[at] + evidence > -std::numeric_limits<double>::infinity();
    s.row.distances[at] = possible ? distance : std::numeric_limits<double>::infinity();
  }
  return row_by_row::share(s.row, s.constants, group.n_components);
}

// Adds a row of the group, evaluated before, to the sums.
template <typename F>
void add(const F& family, const Mixture& m, double weight, const RowGroup& group, const Scratch& s,
         WhitenedSums& sums) {
  const std::size_t d = m.n_features, width = s.width;
  for (std::size_t at = 0; at < group.n_components; ++at) {
    const std::size_t c = group.components[at];
    const double r = weight * s.row.responsibilities[at];
    if (r == 0.0) continue;
    s.counts[c] += r;
    if (s.densities[at] > -std::numeric_limits<double>::infinity()) sums.joint[c] += r * s.densities[at];
    double* const z = s.z + c * width;
    double root = 1.0;  // of the share factor, so that no product of it and residuals underflows or overflows
    if constexpr (F::kHasFactors) {
      root = family.root_of_share_factor(c, s.row.distances[at], group.n_present);
      sums.counts[c] += r;
      sums.log_factors[c] += r * (2 * std::log(root) + family.log_factor_excess(c, group.n_present));
      for (std::size_t i = 0; i < width; ++i) z[i] *= root;
    }
    sums.mass[c] += r * root * root;
    for (std::size_t i = 0; i < d; ++i) sums.first[c * d + i] += r * root * z[i];
    if (m.form == Form::kSpherical) {
      sums.second[c] += r * dot(z, z, width);
    } else if (m.form == Form::kDiagonal) {
      for (std::size_t i = 0; i < d; ++i) sums.second[c * d + i] += r * z[i] * z[i];
    } else {
      double* const second = s.second + s.matrix(m, c);
      for (std::size_t i = 0; i < d; ++i) add_scaled(r * z[i], z, second + i * width, width);
    }
  }
}

// Adds what the missing cells of the group add, given the present ones.
inline void add_hidden(const Mixture& m, const RowGroup& group, const Scratch& s, WhitenedSums& sums) {
  const std::size_t d = m.n_features, width = s.width;
  for (std::size_t at = 0; at < group.n_components; ++at) {
    const std::size_t c = group.components[at];
    const double count = s.counts[c];
    if (count == 0.0) continue;
    if (m.form == Form::kSpherical) {
      sums.hidden_second[c] += count * static_cast<double>(group.n_absent);
    } else if (m.form == Form::kDiagonal) {
      for (std::size_t a = 0; a < group.n_absent; ++a) sums.hidden_second[c * d + group.absent[a]] += count;
    } else {
      for (std::size_t a = 0; a < group.n_absent; ++a) {
        const double* const v = s.basis + s.matrix(m, c) + a * width;
        for (std::size_t i = group.absent[0]; i < d; ++i)
          add_scaled(count * v[i], v, s.hidden + s.matrix(m, c) + i * width, width, group.absent[0]);
      }
    }
  }
}

template <typename F>
void expect(const F& family, const Mixture& m, const Rows& rows, const double* weight, const RowGroup& group,
            const Scratch& s, WhitenedSums& sums) {
  set_group(m, group, s);
  for (std::size_t i = 0; i < group.n_rows; ++i) {
    const double mass = weight == nullptr ? 1.0 : weight[group.rows[i]];
    sums.log_likelihood += mass * evaluate(family, m, rows, group.rows[i], group, s);
    add(family, m, mass, group, s, sums);
  }
  add_hidden(m, group, s, sums);
}

template <typename F>
void posterior(const F& family, const Mixture& m, const Rows& rows, const RowGroup& group, const Scratch& s,
               double* log_density, double* responsibilities) {
  set_group(m, group, s);
  for (std::size_t i = 0; i < group.n_rows; ++i) {
    const std::size_t row = group.rows[i];
    log_density[row] = evaluate(family, m, rows, row, group, s);
    if (responsibilities == nullptr) continue;
    for (std::size_t c = 0; c < m.n_components; ++c) responsibilities[row * m.n_components + c] = 0.0;
    for (std::size_t at = 0; at < group.n_components; ++at)
      responsibilities[row * m.n_components + group.components[at]] = s.row.responsibilities[at];
  }
}

}  // namespace gmix::GMIX_LEVEL::incomplete
