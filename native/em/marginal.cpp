#include "em/marginal.hpp"

#include <algorithm>
#include <cmath>

namespace gmix {
namespace {

constexpr double kLogPi = 1.1447298858494002, kLog2Pi = 1.8378770664093453;

double dot(const double* a, const double* b, std::size_t n) {
  double sum = 0.0;
  for (std::size_t i = 0; i < n; ++i) sum += a[i] * b[i];
  return sum;
}

// One covariance for each component, or one for all.
std::size_t n_matrices(const Mixture& m) { return m.form == Form::kTied ? 1 : m.n_components; }

bool has_matrices(const Mixture& m) { return m.form == Form::kFull || m.form == Form::kTied; }

}  // namespace

double log_constant(const Mixture& m, std::size_t c, std::size_t cells) {
  const double d = static_cast<double>(cells);
  if (m.family == Family::kGaussian) return -d / 2.0 * kLog2Pi;
  const double nu = m.degrees_of_freedom[c];
  return std::lgamma((nu + d) / 2.0) - std::lgamma(nu / 2.0) - d / 2.0 * (std::log(nu) + kLogPi);
}

Marginal::Marginal(const Mixture& shape)
    : n_features_(shape.n_features),
      mixture_(shape),
      constants_(shape.n_components),
      means_(shape.n_components * shape.n_features),
      whitener_(second_size(shape)) {
  const std::size_t size = has_matrices(shape) ? n_features_ * n_features_ : 0;
  basis_.resize(n_matrices(shape) * size);
  for (Numbers* matrix : {&factor_, &symmetric_, &work_}) matrix->resize(size);
}

void Marginal::set(const Components& components, const std::vector<std::size_t>& columns,
                   const std::vector<std::size_t>& chosen) {
  const Mixture& m = components.mixture;
  const std::size_t D = n_features_, d = columns.size();
  columns_ = columns, chosen_ = chosen;
  absent_.clear();
  for (std::size_t j = 0, a = 0; j < D; ++j) {
    if (a < d && columns[a] == j)
      ++a;
    else
      absent_.push_back(j);
  }
  mixture_ = m;
  mixture_.n_components = chosen.size(), mixture_.n_features = d;
  mixture_.log_constants = constants_.data(), mixture_.means = means_.data(), mixture_.whitener = whitener_.data();
  const double tied = m.form == Form::kTied ? set_dense(components.factor, 0) : 0.0;
  for (std::size_t at = 0; at < chosen.size(); ++at) {
    const std::size_t c = chosen[at];
    for (std::size_t a = 0; a < d; ++a) means_[at * d + a] = m.means[c * D + columns[a]];
    double volume = tied;  // of the missing cells, in logarithms
    if (m.form == Form::kFull) {
      volume = set_dense(components.factor + c * D * D, at);
    } else if (m.form == Form::kDiagonal) {
      for (const std::size_t j : absent_) volume += std::log(components.factor[c * D + j]);
      for (std::size_t a = 0; a < d; ++a) whitener_[at * d + a] = m.whitener[c * D + columns[a]];
    } else if (m.form == Form::kSpherical) {
      volume = static_cast<double>(absent_.size()) * std::log(components.factor[c]);
      whitener_[at] = m.whitener[c];
    }
    constants_[at] = m.log_constants[c] + (log_constant(m, c, d) - log_constant(m, c, D)) + volume;
  }
}

// Sets C, in factor_, its inverse and Q by Gram-Schmidt on the present rows of L, and returns log |L| - log |C|. A
// second turn removes what rounding left of the first. The rows before the first missing column are those of L, and
// their Q is the identity.
double Marginal::set_dense(const double* factor, std::size_t matrix) {
  const std::size_t D = n_features_, d = columns_.size();
  double* const basis = &basis_[matrix * d * D];
  std::fill_n(basis, d * D, 0.0);
  std::fill_n(factor_.data(), d * d, 0.0);
  const std::size_t first = absent_.empty() ? D : absent_[0];
  for (std::size_t a = 0; a < d; ++a) {
    const double* const row = factor + columns_[a] * D;
    double *const coefficients = &factor_[a * d], *const q = basis + a * D;
    std::copy_n(row, std::min(first, a + 1), coefficients);
    if (a < first) {
      q[a] = 1.0;
      continue;
    }
    const std::size_t end = columns_[a] + 1;  // of the row, and so of Q
    std::copy(row + first, row + end, q + first);
    for (int turn = 0; turn < 2; ++turn)
      for (std::size_t b = first; b < a; ++b) {
        const double share = dot(q + first, basis + b * D + first, end - first);
        coefficients[b] += share;
        for (std::size_t j = first; j < end; ++j) q[j] -= share * basis[b * D + j];
      }
    const double norm = std::sqrt(dot(q + first, q + first, end - first));
    coefficients[a] = norm;
    for (std::size_t j = first; j < end; ++j) q[j] /= norm;
  }
  kernel().invert_lower(factor_.data(), &whitener_[matrix * d * d], d);
  double volume = 0.0;
  for (std::size_t j = first; j < D; ++j) volume += std::log(factor[j * D + j]);
  for (std::size_t a = first; a < d; ++a) volume -= std::log(factor_[a * d + a]);
  return volume;
}

// The sum of r |z|^2 of a component; of tied covariances, of all components for the first.
double Marginal::squares(const WhitenedSums& part, std::size_t at) const {
  const std::size_t d = columns_.size();
  double sum = 0.0;
  if (mixture_.form == Form::kSpherical) return part.second[at];
  if (mixture_.form == Form::kTied && at > 0) return 0.0;
  const double* const second = part.second + (mixture_.form == Form::kDiagonal ? at * d : at * d * d);
  for (std::size_t a = 0; a < d; ++a) sum += second[mixture_.form == Form::kDiagonal ? a : a * d + a];
  return sum;
}

void Marginal::add(const WhitenedSums& part, WhitenedSums& sums) {
  const std::size_t D = n_features_, d = columns_.size();
  const Form form = mixture_.form;
  sums.log_likelihood += part.log_likelihood;
  double total = 0.0;
  for (std::size_t at = 0; at < chosen_.size(); ++at) {
    const std::size_t c = chosen_[at];
    const double count = part.counts[at];
    sums.mass[c] += part.mass[at];
    if (sums.counts != sums.mass) sums.counts[c] += count;
    sums.joint[c] += count * constants_[at] - squares(part, at) / 2.0;
    total += count;
    const double* const first = part.first + at * d;
    double* const to = sums.first + c * D;
    if (has_matrices(mixture_)) {
      const double* const basis = &basis_[form == Form::kTied ? 0 : at * d * D];
      for (std::size_t a = 0; a < d; ++a)
        for (std::size_t j = 0; j <= columns_[a]; ++j) to[j] += basis[a * D + j] * first[a];
    } else {
      for (std::size_t a = 0; a < d; ++a) to[columns_[a]] += first[a];
    }
    if (form == Form::kFull) {
      add_dense(at, part.second + at * d * d, count, sums.second + c * D * D, sums.hidden_second + c * D * D);
    } else if (form == Form::kDiagonal) {
      for (std::size_t a = 0; a < d; ++a) sums.second[c * D + columns_[a]] += part.second[at * d + a];
      for (const std::size_t j : absent_) sums.hidden_second[c * D + j] += count;
    } else if (form == Form::kSpherical) {
      sums.second[c] += part.second[at];
      sums.hidden_second[c] += static_cast<double>(absent_.size()) * count;
    }
  }
  if (form == Form::kTied) add_dense(0, part.second, total, sums.second, sums.hidden_second);
}

// Adds Q' S Q, and the hidden part count (I - Q' Q). Only lower triangles are read and written.
void Marginal::add_dense(std::size_t matrix, const double* second, double count, double* to, double* hidden) {
  const std::size_t D = n_features_, d = columns_.size();
  const double* const basis = &basis_[matrix * d * D];
  for (std::size_t a = 0; a < d; ++a)
    for (std::size_t b = 0; b <= a; ++b) symmetric_[a * d + b] = symmetric_[b * d + a] = second[a * d + b];
  std::fill_n(work_.data(), d * D, 0.0);  // S Q
  for (std::size_t a = 0; a < d; ++a)
    for (std::size_t b = 0; b < d; ++b) {
      const double factor = symmetric_[a * d + b];
      for (std::size_t j = 0; j <= columns_[b]; ++j) work_[a * D + j] += factor * basis[b * D + j];
    }
  for (std::size_t i = 0; i < D; ++i) hidden[i * D + i] += count;
  for (std::size_t a = 0; a < d; ++a)
    for (std::size_t i = 0; i <= columns_[a]; ++i) {
      const double factor = basis[a * D + i], weighted = count * factor;
      if (factor == 0.0) continue;
      for (std::size_t j = 0; j <= i; ++j) {
        to[i * D + j] += factor * work_[a * D + j];
        hidden[i * D + j] -= weighted * basis[a * D + j];
      }
    }
}

}  // namespace gmix
