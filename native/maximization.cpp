#include "maximization.hpp"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <utility>

namespace gmix {
namespace {

constexpr int kFull = 0, kTied = 1, kDiagonal = 2;
constexpr double kLogTwoPi = 1.8378770664093454836;
constexpr double kSmallestMass = 1e-250;

// Lower Cholesky factor of a (D, D) matrix in place; the upper triangle is set to zero.
bool cholesky(double* a, int d) {
  for (int j = 0; j < d; ++j) {
    double* row_j = a + std::size_t(j) * d;
    double pivot = row_j[j];
    for (int p = 0; p < j; ++p) pivot -= row_j[p] * row_j[p];
    if (!(pivot > 0.0) || !std::isfinite(pivot)) return false;
    const double root = std::sqrt(pivot);
    row_j[j] = root;
    for (int i = j + 1; i < d; ++i) {
      double* row_i = a + std::size_t(i) * d;
      double sum = row_i[j];
      for (int p = 0; p < j; ++p) sum -= row_i[p] * row_j[p];
      row_i[j] = sum / root;
      row_j[i] = 0.0;
    }
  }
  return true;
}

// Factors a covariance through its correlation, which keeps columns of very different scales apart.
bool factor_covariance(const double* covariance, double* factor, double* deviation, int d) {
  for (int i = 0; i < d; ++i) {
    deviation[i] = std::sqrt(covariance[std::size_t(i) * d + i]);
    if (!(deviation[i] > 0.0) || !std::isfinite(deviation[i])) return false;
  }
  for (int i = 0; i < d; ++i)
    for (int j = 0; j < d; ++j)
      factor[i * d + j] = covariance[std::size_t(i) * d + j] / deviation[i] / deviation[j];
  if (!cholesky(factor, d)) return false;
  for (int i = 0; i < d; ++i)
    for (int j = 0; j <= i; ++j) factor[i * d + j] *= deviation[i];
  return true;
}

void invert_lower(const double* factor, double* inverse, int d) {
  std::fill(inverse, inverse + std::size_t(d) * d, 0.0);
  for (int i = 0; i < d; ++i) {
    const double* row = factor + std::size_t(i) * d;
    double* target = inverse + std::size_t(i) * d;
    for (int p = 0; p < i; ++p) {
      const double* source = inverse + std::size_t(p) * d;
      for (int j = 0; j <= p; ++j) target[j] -= row[p] * source[j];
    }
    for (int j = 0; j < i; ++j) target[j] /= row[i];
    target[i] = 1.0 / row[i];
  }
}

// Is every eigenvalue of the covariance, in units of the floor, well above one?
bool well_above(const double* covariance, const double* floor, double* work, int d) {
  for (int i = 0; i < d; ++i)
    for (int j = 0; j < d; ++j)
      work[i * d + j] =
          covariance[std::size_t(i) * d + j] / std::sqrt(floor[i]) / std::sqrt(floor[j]);
  for (int i = 0; i < d; ++i) work[i * d + i] -= 2.0;
  return cholesky(work, d);
}

// covariance = L centred L' / divisor, of one (D, D) matrix of which all elements are given.
void congruence(const double* factor, const double* centred, double divisor, double* work,
                double* covariance, int d) {
  for (int i = 0; i < d; ++i)
    for (int j = 0; j < d; ++j) {
      double sum = 0.0;
      for (int p = 0; p <= i; ++p) sum += factor[i * d + p] * centred[p * d + j];
      work[i * d + j] = sum / divisor;
    }
  for (int i = 0; i < d; ++i)
    for (int j = 0; j <= i; ++j) {
      double sum = 0.0;
      for (int p = 0; p <= j; ++p) sum += work[i * d + p] * factor[j * d + p];
      covariance[i * d + j] = covariance[j * d + i] = sum;
    }
}

}  // namespace

bool prepare(Mixture& m) {
  const int K = m.components, D = m.features;
  const std::size_t square = std::size_t(D) * D;
  m.factor.resize(m.covariances.size());
  m.whitener.resize(m.covariances.size());
  m.log_constants.resize(K);
  std::vector<double> log_determinant(K, 0.0), deviation(D);
  if (m.form == kFull || m.form == kTied) {
    const int count = m.form == kFull ? K : 1;
    for (int k = 0; k < count; ++k) {
      double* factor = &m.factor[k * square];
      if (!factor_covariance(&m.covariances[k * square], factor, deviation.data(), D)) return false;
      invert_lower(factor, &m.whitener[k * square], D);
      for (int i = 0; i < D; ++i) log_determinant[k] += std::log(factor[std::size_t(i) * D + i]);
    }
    if (m.form == kTied)
      std::fill(log_determinant.begin(), log_determinant.end(), log_determinant[0]);
  } else {
    const int each = m.form == kDiagonal ? D : 1;
    for (std::size_t i = 0; i < m.covariances.size(); ++i) {
      if (!(m.covariances[i] > 0.0) || !std::isfinite(m.covariances[i])) return false;
      m.factor[i] = std::sqrt(m.covariances[i]);
      m.whitener[i] = 1.0 / m.factor[i];
      log_determinant[i / each] += std::log(m.factor[i]) * (m.form == kDiagonal ? 1 : D);
    }
  }
  for (int k = 0; k < K; ++k)
    m.log_constants[k] = std::log(m.weights[k]) - log_determinant[k] - D * kLogTwoPi / 2.0;
  return true;
}

bool maximize(const double* mass, const double* first, const double* second, const double* floor,
              Mixture& m) {
  const int K = m.components, D = m.features;
  const std::size_t square = std::size_t(D) * D;
  double total = 0.0;
  for (int k = 0; k < K; ++k) {
    if (!(mass[k] > kSmallestMass)) return false;
    total += mass[k];
  }
  Mixture next{m.form, K, D, {}, {}, m.means, m.covariances, {}, {}};
  next.weights.resize(K);
  std::vector<double> step(D), centred(second, second + m.covariances.size()), work(square);
  for (int k = 0; k < K; ++k) {
    next.weights[k] = mass[k] / total;
    for (int i = 0; i < D; ++i) step[i] = first[std::size_t(k) * D + i] / mass[k];
    double* mean = &next.means[std::size_t(k) * D];
    if (m.form == kFull || m.form == kTied) {
      const double* factor = &m.factor[m.form == kFull ? k * square : 0];
      double* scatter = &centred[m.form == kFull ? k * square : 0];
      for (int i = 0; i < D; ++i)
        for (int j = 0; j <= i; ++j) mean[i] += factor[std::size_t(i) * D + j] * step[j];
      for (int i = 0; i < D; ++i)
        for (int j = 0; j < D; ++j) scatter[std::size_t(i) * D + j] -= mass[k] * step[i] * step[j];
      if (m.form == kFull)
        congruence(factor, scatter, mass[k], work.data(), &next.covariances[k * square], D);
    } else if (m.form == kDiagonal) {
      for (int i = 0; i < D; ++i) {
        const std::size_t at = std::size_t(k) * D + i;
        mean[i] += m.factor[at] * step[i];
        const double variance = centred[at] / mass[k] - step[i] * step[i];
        next.covariances[at] = m.factor[at] * m.factor[at] * variance;
        if (!(next.covariances[at] > 2.0 * floor[i])) return false;
      }
    } else {
      double squared = 0.0;
      for (int i = 0; i < D; ++i) {
        mean[i] += m.factor[k] * step[i];
        squared += step[i] * step[i];
      }
      next.covariances[k] = m.factor[k] * m.factor[k] * (centred[k] / mass[k] - squared) / D;
      if (!(next.covariances[k] > 2.0 * floor[0])) return false;
    }
  }
  if (m.form == kTied)
    congruence(m.factor.data(), centred.data(), total, work.data(), next.covariances.data(), D);
  if (m.form == kFull || m.form == kTied)
    for (int k = 0; k < (m.form == kFull ? K : 1); ++k)
      if (!well_above(&next.covariances[k * square], floor, work.data(), D)) return false;
  if (!prepare(next)) return false;
  m = std::move(next);
  return true;
}

}  // namespace gmix
