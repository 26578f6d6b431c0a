#include "maximization.hpp"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <utility>

namespace gmix {
namespace {

constexpr double kLogTwoPi = 1.8378770664093454836;
constexpr double kSmallestMass = 1e-250;
// Times the floor. Nearer to it two factorings of one covariance differ in digits that the likelihood shows, so there
// the plain version does all.
constexpr double kWellAbove = 1e6;

// Lower Cholesky factor of a (D, D) matrix in place; the upper triangle is set to zero.
bool cholesky(double* a, std::size_t d) {
  for (std::size_t j = 0; j < d; ++j) {
    double* row_j = a + j * d;
    double pivot = row_j[j];
    for (std::size_t p = 0; p < j; ++p) pivot -= row_j[p] * row_j[p];
    if (!(pivot > 0.0) || !std::isfinite(pivot)) return false;
    const double root = std::sqrt(pivot);
    row_j[j] = root;
    for (std::size_t i = j + 1; i < d; ++i) {
      double* row_i = a + i * d;
      double sum = row_i[j];
      for (std::size_t p = 0; p < j; ++p) sum -= row_i[p] * row_j[p];
      row_i[j] = sum / root;
      row_j[i] = 0.0;
    }
  }
  return true;
}

// Factors a covariance through its correlation, which keeps columns of very different scales apart.
bool factor_covariance(const double* covariance, double* factor, double* deviation, std::size_t d) {
  for (std::size_t i = 0; i < d; ++i) {
    deviation[i] = std::sqrt(covariance[i * d + i]);
    if (!(deviation[i] > 0.0) || !std::isfinite(deviation[i])) return false;
  }
  for (std::size_t i = 0; i < d; ++i)
    for (std::size_t j = 0; j < d; ++j)
      factor[i * d + j] = covariance[i * d + j] / deviation[i] / deviation[j];
  if (!cholesky(factor, d)) return false;
  for (std::size_t i = 0; i < d; ++i)
    for (std::size_t j = 0; j <= i; ++j) factor[i * d + j] *= deviation[i];
  return true;
}

void invert_lower(const double* factor, double* inverse, std::size_t d) {
  std::fill(inverse, inverse + d * d, 0.0);
  for (std::size_t i = 0; i < d; ++i) {
    const double* row = factor + i * d;
    double* target = inverse + i * d;
    for (std::size_t p = 0; p < i; ++p) {
      const double* source = inverse + p * d;
      for (std::size_t j = 0; j <= p; ++j) target[j] -= row[p] * source[j];
    }
    for (std::size_t j = 0; j < i; ++j) target[j] /= row[i];
    target[i] = 1.0 / row[i];
  }
}

// Is every eigenvalue of the covariance, in units of the floor, well above one?
bool well_above(const double* covariance, const double* floor, double* work, std::size_t d) {
  for (std::size_t i = 0; i < d; ++i)
    for (std::size_t j = 0; j < d; ++j)
      work[i * d + j] =
          covariance[i * d + j] / std::sqrt(floor[i]) / std::sqrt(floor[j]);
  for (std::size_t i = 0; i < d; ++i) work[i * d + i] -= kWellAbove;
  return cholesky(work, d);
}

// covariance = L centred L' / divisor, of one (D, D) matrix of which all elements are given.
void congruence(const double* factor, const double* centred, double divisor, double* work,
                double* covariance, std::size_t d) {
  for (std::size_t i = 0; i < d; ++i)
    for (std::size_t j = 0; j < d; ++j) {
      double sum = 0.0;
      for (std::size_t p = 0; p <= i; ++p) sum += factor[i * d + p] * centred[p * d + j];
      work[i * d + j] = sum / divisor;
    }
  for (std::size_t i = 0; i < d; ++i)
    for (std::size_t j = 0; j <= i; ++j) {
      double sum = 0.0;
      for (std::size_t p = 0; p <= j; ++p) sum += work[i * d + p] * factor[j * d + p];
      covariance[i * d + j] = covariance[j * d + i] = sum;
    }
}

}  // namespace

Mixture Parameters::view() const {
  return {form, n_components, n_features, log_constants.data(), means.data(), whitener.data()};
}

bool Parameters::prepare() {
  const std::size_t k = n_components, d = n_features;
  factor.resize(covariances.size());
  whitener.resize(covariances.size());
  log_constants.resize(k);
  std::vector<double> log_determinant(k, 0.0), deviation(d);
  if (form == Form::kFull || form == Form::kTied) {
    for (std::size_t at = 0; at < covariances.size(); at += d * d) {
      if (!factor_covariance(&covariances[at], &factor[at], deviation.data(), d)) return false;
      invert_lower(&factor[at], &whitener[at], d);
      for (std::size_t i = 0; i < d; ++i) log_determinant[at / (d * d)] += std::log(factor[at + i * d + i]);
    }
    if (form == Form::kTied) std::fill(log_determinant.begin(), log_determinant.end(), log_determinant[0]);
  } else {
    const bool round = form == Form::kSpherical;
    for (std::size_t at = 0; at < covariances.size(); ++at) {
      if (!(covariances[at] > 0.0) || !std::isfinite(covariances[at])) return false;
      factor[at] = std::sqrt(covariances[at]);
      whitener[at] = 1.0 / factor[at];
      log_determinant[round ? at : at / d] += std::log(factor[at]) * (round ? static_cast<double>(d) : 1.0);
    }
  }
  for (std::size_t c = 0; c < k; ++c)
    log_constants[c] = std::log(weights[c]) - log_determinant[c] - static_cast<double>(d) * kLogTwoPi / 2.0;
  return true;
}

bool well_above_floor(const Parameters& mixture, const double* floor) {
  const std::size_t d = mixture.n_features;
  const std::vector<double>& covariances = mixture.covariances;
  if (mixture.form == Form::kFull || mixture.form == Form::kTied) {
    std::vector<double> work(d * d);
    for (std::size_t at = 0; at < covariances.size(); at += d * d)
      if (!well_above(&covariances[at], floor, work.data(), d)) return false;
    return true;
  }
  for (std::size_t at = 0; at < covariances.size(); ++at)
    if (!(covariances[at] > kWellAbove * floor[mixture.form == Form::kDiagonal ? at % d : 0])) return false;
  return true;
}

bool maximize(const Structure& structure, const Sums& sums, const double* floor, Parameters& mixture, double& moved) {
  const Parameters& old = mixture;
  const std::size_t k = old.n_components, d = old.n_features;
  const bool dense = old.form == Form::kFull || old.form == Form::kTied;
  double total = 0.0;
  for (std::size_t c = 0; c < k; ++c) {
    if (!(sums.mass[c] > kSmallestMass)) return false;
    total += sums.mass[c];
  }
  Parameters next{old.form, k, d, std::vector<double>(k), old.means, old.covariances, {}, {}, {}};
  std::vector<double> step(d), centred(sums.second, sums.second + old.covariances.size()), work(dense ? d * d : 0);
  double greatest = 0.0;
  for (std::size_t c = 0; c < k; ++c) {
    const double mass = sums.mass[c];
    next.weights[c] = structure.equal_weights ? 1.0 / static_cast<double>(k) : mass / total;
    greatest = std::max(greatest, std::abs(next.weights[c] - old.weights[c]));
    for (std::size_t i = 0; i < d; ++i) {
      step[i] = sums.first[c * d + i] / mass;
      greatest = std::max(greatest, std::abs(step[i]));
    }
    double* mean = &next.means[c * d];
    if (dense) {
      const std::size_t at = old.form == Form::kFull ? c * d * d : 0;
      for (std::size_t i = 0; i < d; ++i)
        for (std::size_t j = 0; j <= i; ++j) mean[i] += old.factor[at + i * d + j] * step[j];
      for (std::size_t i = 0; i < d; ++i)
        for (std::size_t j = 0; j < d; ++j) centred[at + i * d + j] -= mass * step[i] * step[j];
      if (old.form == Form::kFull)
        congruence(&old.factor[at], &centred[at], mass, work.data(), &next.covariances[at], d);
    } else if (old.form == Form::kDiagonal) {
      for (std::size_t i = 0; i < d; ++i) {
        const std::size_t at = c * d + i;
        mean[i] += old.factor[at] * step[i];
        next.covariances[at] = old.factor[at] * old.factor[at] * (centred[at] / mass - step[i] * step[i]);
      }
    } else {
      double squared = 0.0;
      for (std::size_t i = 0; i < d; ++i) {
        mean[i] += old.factor[c] * step[i];
        squared += step[i] * step[i];
      }
      next.covariances[c] = old.factor[c] * old.factor[c] * (centred[c] / mass - squared) / static_cast<double>(d);
    }
  }
  if (old.form == Form::kTied)
    congruence(old.factor.data(), centred.data(), total, work.data(), next.covariances.data(), d);
  const std::vector<double> masses(sums.mass, sums.mass + k);
  if (!constrain(structure, k, d, masses, old.covariances, next.covariances)) return false;
  if (!well_above_floor(next, floor) || !next.prepare()) return false;
  mixture = std::move(next);
  moved = greatest;
  return true;
}

bool invert_definite(const double* matrix, double* inverse, std::size_t d) {
  std::vector<double> factor(d * d), whitener(d * d), deviation(d);
  if (!factor_covariance(matrix, factor.data(), deviation.data(), d)) return false;
  invert_lower(factor.data(), whitener.data(), d);
  for (std::size_t i = 0; i < d; ++i)
    for (std::size_t j = 0; j <= i; ++j) {
      double sum = 0.0;
      for (std::size_t p = i; p < d; ++p) sum += whitener[p * d + i] * whitener[p * d + j];
      inverse[i * d + j] = inverse[j * d + i] = sum;
    }
  return true;
}

bool log_determinant_of(const double* matrix, std::size_t d, double& log_determinant) {
  std::vector<double> factor(d * d), deviation(d);
  if (!factor_covariance(matrix, factor.data(), deviation.data(), d)) return false;
  log_determinant = 0.0;
  for (std::size_t i = 0; i < d; ++i) log_determinant += 2.0 * std::log(factor[i * d + i]);
  return true;
}

}  // namespace gmix
