#include "em/m_step.hpp"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <utility>

namespace gmix {
namespace {

constexpr double kLogTwoPi = 1.8378770664093454836;
// An empty component has no mass; of one with less than the smallest the plain version takes care.
constexpr double kTiny = 2.2250738585072014e-308, kSmallestMass = 1e-250;
constexpr double kDefinite = 1e-14;   // of a variance; less than that in some direction is rounding
constexpr double kOnFloor = 1.5;      // times the floor; a smaller variance has been raised, or is about to be
constexpr double kShadow = 1e-12;     // rows; a component of no weight counts as this many
constexpr std::size_t kLargest = 64;  // features up to which Jacobi's rotations are quick enough

// Are covariances matrices? In one column they are numbers, whatever the form.
bool is_dense(Form form, std::size_t d) { return d > 1 && (form == Form::kFull || form == Form::kTied); }

// Factors a covariance through its correlation, which keeps columns of very different scales apart.
bool factor_covariance(const double* covariance, double* factor, double* deviation, std::size_t d) {
  for (std::size_t i = 0; i < d; ++i) {
    deviation[i] = std::sqrt(covariance[i * d + i]);
    if (!(deviation[i] > 0.0) || !std::isfinite(deviation[i])) return false;
  }
  for (std::size_t i = 0; i < d; ++i)
    for (std::size_t j = 0; j < d; ++j) factor[i * d + j] = covariance[i * d + j] / deviation[i] / deviation[j];
  if (!kernel().cholesky(factor, d)) return false;
  for (std::size_t i = 0; i < d; ++i)
    for (std::size_t j = 0; j <= i; ++j) factor[i * d + j] *= deviation[i];
  return true;
}

// gmix.covariance.form.Form.lift of one covariance matrix.
class Lifting {
 public:
  explicit Lifting(std::size_t d) : d_(d), scale_(d), relative_(d * d), work_(d * d) {}

  // Raises eigenvalues that are below the floor to it.
  Read lift(const double* floor, double* covariance) {
    if (!measure(floor, covariance)) return Read::kNeedsCare;
    if (exceeds(kOnFloor)) return Read::kSound;
    if (exceeds(0.5)) return Read::kCollapsed;
    if (d_ > kLargest) return Read::kNeedsCare;
    std::vector<double> values(d_), axes(d_ * d_);
    work_ = relative_;
    eigen(work_.data(), d_, values.data(), axes.data());
    for (std::size_t i = 0; i < d_; ++i)
      for (std::size_t j = 0; j <= i; ++j) {
        double sum = relative_[i * d_ + j];
        for (std::size_t p = 0; p < d_; ++p)
          sum += axes[i * d_ + p] * std::max(1.0 - values[p], 0.0) * axes[j * d_ + p];
        covariance[i * d_ + j] = covariance[j * d_ + i] = sum * scale_[i] * scale_[j];
      }
    return Read::kCollapsed;
  }

 private:
  // The covariance in units of the floor, or of what float64 can tell from nothing beside its variances.
  bool measure(const double* floor, const double* covariance) {
    for (std::size_t i = 0; i < d_; ++i) {
      scale_[i] = std::sqrt(std::max(floor[i], kDefinite * covariance[i * d_ + i]));
      if (!(scale_[i] > 0.0) || !std::isfinite(scale_[i])) return false;
    }
    for (std::size_t i = 0; i < d_; ++i)
      for (std::size_t j = 0; j < d_; ++j) relative_[i * d_ + j] = covariance[i * d_ + j] / scale_[i] / scale_[j];
    for (std::size_t i = 0; i < d_; ++i) work_[i] = std::sqrt(std::max(relative_[i * d_ + i], 1.0));
    for (std::size_t i = 0; i < d_; ++i)
      for (std::size_t j = 0; j < d_; ++j) {
        const double limit = work_[i] * work_[j];
        double& value = relative_[i * d_ + j];
        if (!std::isfinite(value)) return false;
        value = std::min(std::max(value, -limit), limit);
      }
    return true;
  }

  // Is every eigenvalue greater?
  bool exceeds(double least) {
    work_ = relative_;
    for (std::size_t i = 0; i < d_; ++i) work_[i * d_ + i] -= least;
    return kernel().cholesky(work_.data(), d_);
  }

  const std::size_t d_;
  std::vector<double> scale_, relative_, work_;
};

// Raises to the floor what is below it.
Read lift(Form form, std::size_t d, const double* floor, std::vector<double>& covariances) {
  Read worst = Read::kSound;
  if (is_dense(form, d)) {
    Lifting lifting(d);
    for (std::size_t at = 0; at < covariances.size(); at += d * d) {
      const Read read = lifting.lift(floor, &covariances[at]);
      if (read == Read::kNeedsCare) return read;
      if (read == Read::kCollapsed) worst = read;
    }
    return worst;
  }
  for (std::size_t at = 0; at < covariances.size(); ++at) {
    const double least = floor[form == Form::kDiagonal ? at % d : 0];
    if (!std::isfinite(covariances[at])) return Read::kNeedsCare;
    if (!(covariances[at] > kOnFloor * least)) worst = Read::kCollapsed;
    covariances[at] = std::max(covariances[at], least);
  }
  return worst;
}

// Adds mass v v' of component c to scatter.
void add_outer(Form form, std::size_t c, std::size_t d, double mass, const double* v, double* scatter) {
  if (form == Form::kFull || form == Form::kTied) {
    double* matrix = scatter + (form == Form::kFull ? c * d * d : 0);
    for (std::size_t i = 0; i < d; ++i)
      for (std::size_t j = 0; j < d; ++j) matrix[i * d + j] += mass * (v[i] * v[j]);  // symmetric to the bit
  } else {
    for (std::size_t i = 0; i < d; ++i) scatter[form == Form::kDiagonal ? c * d + i : c] += mass * v[i] * v[i];
  }
}

// Element i of a vector, whitened by component c.
double whitened(const Parameters& m, std::size_t c, std::size_t i, const double* v) {
  const std::size_t d = m.n_features;
  if (m.form == Form::kDiagonal) return m.whitener[c * d + i] * v[i];
  if (m.form == Form::kSpherical) return m.whitener[c] * v[i];
  const double* row = &m.whitener[(m.form == Form::kFull ? c * d : 0) * d + i * d];
  double sum = 0.0;
  for (std::size_t j = 0; j <= i; ++j) sum += row[j] * v[j];
  return sum;
}

// What rows and prior say together.
Evidence together(const Statistics& s, const Evidence& unseen, Form form) {
  const std::size_t k = s.mass.size(), d = s.mean.size() / k;
  Evidence all{s.mass, s.mass, s.mean, s.scatter, s.mass};
  std::vector<double> step(d);
  for (std::size_t i = 0; i < all.scatter.size(); ++i) all.scatter[i] += unseen.scatter[i];
  for (std::size_t c = 0; c < k; ++c) {
    all.counts[c] += unseen.counts[c];
    all.divisor[c] += unseen.divisor[c];
    all.mass[c] += unseen.mass[c];
    if (!(unseen.mass[c] > 0.0)) continue;
    const double share = unseen.mass[c] / all.mass[c];
    for (std::size_t i = 0; i < d; ++i) {
      step[i] = unseen.mean[c * d + i] - s.mean[c * d + i];
      all.mean[c * d + i] += share * step[i];
    }
    add_outer(form, c, d, s.mass[c] * share, step.data(), all.scatter.data());
  }
  return all;
}

// The scatter of each component over its divisor; of components that no row speaks for, the covariance of all rows,
// and a divisor of next to nothing. False where a divisor is too small to divide by.
bool divide(const Structure& structure, Form form, std::size_t d, const Reference& reference, Read& read,
            std::vector<double>& divisor, std::vector<double>& scatter) {
  const std::size_t k = divisor.size();
  if (form == Form::kTied) {
    double whole = 0.0;
    for (const double each : divisor) whole += each;
    if (!(whole > kSmallestMass)) return false;
    for (double& value : scatter) value /= whole;
    return true;
  }
  const std::size_t each = scatter.size() / k;
  const double columns = form == Form::kSpherical ? static_cast<double>(d) : 1.0;
  for (std::size_t c = 0; c < k; ++c) {
    double* const own = &scatter[c * each];
    if (divisor[c] > kSmallestMass) {
      for (std::size_t i = 0; i < each; ++i) own[i] /= divisor[c] * columns;
      continue;
    }
    if (divisor[c] > kTiny) return false;
    read = Read::kCollapsed;
    const bool shared = structure.shared();
    divisor[c] = shared ? 0.0 : kShadow * reference.mass;
    for (std::size_t i = 0; i < each; ++i) own[i] = shared ? 0.0 : reference.scatter[i] / (reference.mass * columns);
  }
  return true;
}

// The mixture of greatest posterior density, given the parts of evidence that it is read from.
Read likeliest(const Structure& structure, const std::vector<double>& counts, const std::vector<double>& mean,
               const std::vector<double>& scatter, const std::vector<double>& divisor, const Reference& reference,
               Parameters& mixture) {
  const Form form = mixture.form;
  const std::size_t k = mixture.n_components, d = mixture.n_features;
  const double* const floor = reference.floor.data();
  double total = 0.0;
  for (const double count : counts) total += count;
  if (!(total > kSmallestMass)) return Read::kNeedsCare;
  Parameters next{form, k, d, std::vector<double>(k), mean, scatter, {}, {}, {}};
  for (std::size_t c = 0; c < k; ++c)
    next.weights[c] = structure.equal_weights ? 1.0 / static_cast<double>(k) : counts[c] / total;
  Read read = Read::kSound;
  std::vector<double> divisors = divisor;
  if (!divide(structure, form, d, reference, read, divisors, next.covariances)) return Read::kNeedsCare;
  if (!structure.direct()) {
    // A component without width would make its shape infinite, or the volumes that depend on it zero.
    if (!structure.shared()) {
      const Read lifted = lift(form, d, floor, next.covariances);
      if (lifted == Read::kNeedsCare) return lifted;
      if (lifted == Read::kCollapsed) read = lifted;
    }
    if (!constrain(structure, k, d, divisors, mixture.covariances, next.covariances)) return Read::kNeedsCare;
  }
  const Read lifted = lift(form, d, floor, next.covariances);
  if (lifted == Read::kNeedsCare || !next.prepare()) return Read::kNeedsCare;
  mixture = std::move(next);
  return lifted == Read::kCollapsed ? lifted : read;
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
  if (is_dense(form, d)) {
    for (std::size_t at = 0; at < covariances.size(); at += d * d) {
      if (!factor_covariance(&covariances[at], &factor[at], deviation.data(), d)) return false;
      kernel().invert_lower(&factor[at], &whitener[at], d);
      for (std::size_t i = 0; i < d; ++i) log_determinant[at / (d * d)] += std::log(factor[at + i * d + i]);
    }
  } else {
    const bool round = form == Form::kSpherical;
    for (std::size_t at = 0; at < covariances.size(); ++at) {
      if (!(covariances[at] > 0.0) || !std::isfinite(covariances[at])) return false;
      factor[at] = std::sqrt(covariances[at]);
      whitener[at] = 1.0 / factor[at];
      log_determinant[round ? at : at / d] += std::log(factor[at]) * (round ? static_cast<double>(d) : 1.0);
    }
  }
  if (form == Form::kTied) std::fill(log_determinant.begin(), log_determinant.end(), log_determinant[0]);
  for (std::size_t c = 0; c < k; ++c)
    log_constants[c] = std::log(weights[c]) - log_determinant[c] - static_cast<double>(d) * kLogTwoPi / 2.0;
  return true;
}

Statistics statistics_of(const double* rows, const double* labels, const double* weight, std::size_t n, std::size_t k,
                         std::size_t d, Form form) {
  const Mixture shape{form, k, d, nullptr, nullptr, nullptr};
  Statistics s{std::vector<double>(k), std::vector<double>(k * d), std::vector<double>(second_size(shape)), 0.0, {}};
  const double* center = nullptr;  // any row that counts keeps the digits of the means
  const auto each = [&](const auto& add) {
    for (std::size_t i = 0; i < n; ++i) {
      const double mass = weight == nullptr ? 1.0 : weight[i];
      if (!(mass > 0.0)) continue;
      const double* row = rows + i * d;
      if (center == nullptr) center = row;
      add(static_cast<std::size_t>(labels[i]), mass, row);
    }
  };
  each([&](std::size_t c, double mass, const double* row) {
    s.mass[c] += mass;
    for (std::size_t j = 0; j < d; ++j) s.mean[c * d + j] += mass * (row[j] - center[j]);
  });
  for (std::size_t c = 0; c < k; ++c)
    for (std::size_t j = 0; center != nullptr && j < d; ++j)
      s.mean[c * d + j] = center[j] + (s.mass[c] > 0.0 ? s.mean[c * d + j] / s.mass[c] : 0.0);
  std::vector<double> away(d);
  each([&](std::size_t c, double mass, const double* row) {
    for (std::size_t j = 0; j < d; ++j) away[j] = row[j] - s.mean[c * d + j];
    add_outer(form, c, d, mass, away.data(), s.scatter.data());
  });
  return s;
}

Statistics statistics_of(const Sums& sums, const Parameters& mixture) {
  const std::size_t k = mixture.n_components, d = mixture.n_features;
  const bool dense = is_dense(mixture.form, d);
  Statistics s{{sums.mass, sums.mass + k},
               mixture.means,
               {sums.second, sums.second + mixture.covariances.size()},
               sums.log_likelihood,
               {sums.first, sums.first + k * d}};
  std::vector<double> centred, work(dense ? d * d : 0);
  for (std::size_t c = 0; c < k; ++c) {
    double* step = &s.step[c * d];
    for (std::size_t i = 0; i < d; ++i) step[i] = s.mass[c] > 0.0 ? step[i] / s.mass[c] : 0.0;
    add_outer(mixture.form, c, d, -s.mass[c], step, s.scatter.data());
    double* mean = &s.mean[c * d];
    for (std::size_t i = 0; i < d; ++i) {
      if (!dense) {
        mean[i] += mixture.factor[mixture.form == Form::kTied       ? 0
                                  : mixture.form == Form::kDiagonal ? c * d + i
                                                                    : c] *
                   step[i];
        continue;
      }
      const double* row = &mixture.factor[(mixture.form == Form::kFull ? c * d : 0) * d + i * d];
      for (std::size_t j = 0; j <= i; ++j) mean[i] += row[j] * step[j];
    }
  }
  for (std::size_t at = 0; at < s.scatter.size(); at += dense ? d * d : 1) {
    if (dense) {
      centred.assign(&s.scatter[at], &s.scatter[at] + d * d);
      kernel().congruence(&mixture.factor[at], centred.data(), work.data(), &s.scatter[at], d);
    } else {
      s.scatter[at] *= mixture.factor[at] * mixture.factor[at];
    }
  }
  return s;
}

bool beyond(const Statistics& here, const Statistics& before, double length, Form form, Statistics& there) {
  const std::size_t k = here.mass.size(), d = here.mean.size() / k;
  there = here;
  for (std::size_t i = 0; i < here.scatter.size(); ++i)
    there.scatter[i] = (1.0 + length) * here.scatter[i] - length * before.scatter[i];
  std::vector<double> step(d);
  for (std::size_t c = 0; c < k; ++c) {
    const double plus = (1.0 + length) * here.mass[c], minus = -length * before.mass[c], mass = plus + minus;
    if (!(mass > 0.0)) return false;
    there.mass[c] = mass;
    for (std::size_t i = 0; i < d; ++i) {
      step[i] = before.mean[c * d + i] - here.mean[c * d + i];
      there.mean[c * d + i] += minus / mass * step[i];
    }
    add_outer(form, c, d, plus * minus / mass, step.data(), there.scatter.data());
  }
  return true;
}

Read maximize(const Structure& structure, const Statistics& s, const Evidence* unseen, const Reference& reference,
              Parameters& mixture) {
  if (unseen == nullptr) return likeliest(structure, s.mass, s.mean, s.scatter, s.mass, reference, mixture);
  const Evidence all = together(s, *unseen, mixture.form);
  return likeliest(structure, all.counts, all.mean, all.scatter, all.divisor, reference, mixture);
}

double change(const Statistics& s, const Evidence* unseen, const Parameters& before, const Parameters& after) {
  const std::size_t k = before.n_components, d = before.n_features;
  double greatest = 0.0;
  std::vector<double> pull(d, 0.0);
  for (std::size_t c = 0; c < k; ++c) {
    greatest = std::max(greatest, std::abs(after.weights[c] - before.weights[c]));
    if (unseen != nullptr && unseen->mass[c] > 0.0)
      for (std::size_t i = 0; i < d; ++i)
        pull[i] = unseen->mass[c] / (s.mass[c] + unseen->mass[c]) * (unseen->mean[c * d + i] - s.mean[c * d + i]);
    for (std::size_t i = 0; i < d; ++i)
      greatest = std::max(greatest, std::abs(s.step[c * d + i] + whitened(before, c, i, pull.data())));
  }
  return greatest;
}

double log_density(const Evidence& unseen, const Structure& structure, const Parameters& m) {
  const std::size_t k = m.n_components, d = m.n_features;
  const bool dense = m.form == Form::kFull || m.form == Form::kTied;
  std::vector<double> scatter = unseen.scatter, away(d), work(dense ? d * d : 0), turned(dense ? d * d : 0);
  double density = 0.0;
  for (std::size_t c = 0; c < k; ++c) {
    for (std::size_t i = 0; i < d; ++i) away[i] = m.means[c * d + i] - unseen.mean[c * d + i];
    add_outer(m.form, c, d, unseen.mass[c], away.data(), scatter.data());
    const double log_weight = std::log(m.weights[c]);
    const double log_determinant = log_weight - m.log_constants[c] - static_cast<double>(d) * kLogTwoPi / 2.0;
    density -= unseen.divisor[c] * log_determinant;
    if (!structure.equal_weights) density += unseen.counts[c] * log_weight;
  }
  double quadratic = 0.0;
  for (std::size_t at = 0; at < scatter.size(); at += dense ? d * d : 1) {
    if (dense) {
      kernel().congruence(&m.whitener[at], &scatter[at], work.data(), turned.data(), d);
      for (std::size_t i = 0; i < d; ++i) quadratic += turned[i * d + i];
    } else {
      quadratic += m.whitener[at] * m.whitener[at] * scatter[at];
    }
  }
  return density - quadratic / 2.0;
}

bool whitener_of(const double* matrix, std::size_t d, double* whitener, double& log_determinant) {
  std::vector<double> factor(d * d), deviation(d);
  if (!factor_covariance(matrix, factor.data(), deviation.data(), d)) return false;
  kernel().invert_lower(factor.data(), whitener, d);
  log_determinant = 0.0;
  for (std::size_t i = 0; i < d; ++i) log_determinant += 2.0 * std::log(factor[i * d + i]);
  return true;
}

void inverse_of_whitened(const double* whitener, std::size_t d, double* inverse) {
  for (std::size_t i = 0; i < d; ++i)
    for (std::size_t j = 0; j <= i; ++j) {
      double sum = 0.0;
      for (std::size_t p = i; p < d; ++p) sum += whitener[p * d + i] * whitener[p * d + j];
      inverse[i * d + j] = inverse[j * d + i] = sum;
    }
}

bool invert_definite(const double* matrix, double* inverse, std::size_t d) {
  std::vector<double> whitener(d * d);
  double ignored;
  if (!whitener_of(matrix, d, whitener.data(), ignored)) return false;
  inverse_of_whitened(whitener.data(), d, inverse);
  return true;
}

bool log_determinant_of(const double* matrix, std::size_t d, double& log_determinant) {
  std::vector<double> whitener(d * d);
  return whitener_of(matrix, d, whitener.data(), log_determinant);
}

}  // namespace gmix
