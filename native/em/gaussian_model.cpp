#include "em/gaussian_model.hpp"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <utility>

#include "em/floor.hpp"
#include "em/linear_algebra.hpp"

namespace gmix {
namespace {

constexpr double kLogTwoPi = 1.8378770664093454836;
// A component without mass is empty; one with less than the smallest mass is left to the fallback.
constexpr double kTiny = 2.2250738585072014e-308, kSmallestMass = 1e-250;
constexpr double kShadow = 1e-12;   // of all rows; an empty component counts as this many
constexpr double kRounding = 1e-9;  // of all rows; a background may have minus this many

// Adds diag(variances (D)) to compact covariances; to spherical ones the smallest of the variances.
void add_variances(Form form, std::size_t d, const double* variances, Numbers& covariances) {
  if (form == Form::kSpherical) {
    const double least = *std::min_element(variances, variances + d);
    for (double& value : covariances) value += least;
    return;
  }
  const std::size_t each = form == Form::kDiagonal ? d : d * d, step = form == Form::kDiagonal ? 1 : d + 1;
  for (std::size_t at = 0; at < covariances.size(); at += each)
    for (std::size_t j = 0; j < d; ++j) covariances[at + j * step] += variances[j];
}

// Adds the scatter of rows that are clouds with these variances (D).
void add_row_variances(const Numbers& variances, Statistics& s) {
  const std::size_t k = s.n_components(), d = s.n_features();
  for (std::size_t c = 0; c < k; ++c)
    for (std::size_t j = 0; j < d; ++j) {
      const double added = s.mass[c] * variances[j];
      switch (s.form) {
        case Form::kFull:
          s.scatter[(c * d + j) * d + j] += added;
          break;
        case Form::kTied:
          s.scatter[j * d + j] += added;
          break;
        case Form::kDiagonal:
          s.scatter[c * d + j] += added;
          break;
        default:
          s.scatter[c] += added;
      }
    }
}

// The scatter of each component over its divisor; of components that no row speaks for, the covariance of all rows,
// and a divisor of next to nothing. False where a divisor is too small to divide by.
bool divide(const Structure& structure, Form form, std::size_t d, const Reference& reference, Outcome& outcome,
            Numbers& divisor, Numbers& scatter) {
  const std::size_t k = divisor.size();
  if (form == Form::kTied) {
    const double whole = sum_of(divisor);
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
    outcome = Outcome::kCollapsed;
    const bool shared = structure.shared();
    divisor[c] = shared ? 0.0 : kShadow * reference.total_weight;
    for (std::size_t i = 0; i < each; ++i)
      own[i] = shared ? 0.0 : reference.scatter[i] / (reference.total_weight * columns);
  }
  return true;
}

// Raises covariances to the floor. Where values have errors, a component has collapsed only if its covariance is at the
// floor with the smallest errors added: gmix.model.reference.Reference.
Outcome raise(Form form, std::size_t d, const Reference& reference, Numbers& covariances) {
  Numbers widened = covariances;
  const Outcome raised = raise_to_floor(form, d, reference.floor.data(), covariances);
  if (raised != Outcome::kCollapsed || reference.error.empty()) return raised;
  add_variances(form, d, reference.error.data(), widened);
  return raise_to_floor(form, d, reference.floor.data(), widened);
}

}  // namespace

Mixture Parameters::view() const {
  Mixture mixture{form, n_components, n_features, log_constants.data(), means.data(), whitener.data()};
  if (!groups.empty()) mixture.group = groups.data();
  return mixture;
}

double Parameters::left_weight() const { return std::max(1.0 - sum_of(weights), 0.0); }

Background Parameters::background() const {
  if (!has_background()) return {};
  return {box.low.data(), box.high.data(), box.log_density.data(), std::log(left_weight())};
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

Outcome maximize(const Structure& structure, const Statistics& s, const Reference& reference, Parameters& parameters,
                 double background_count) {
  const Form form = s.form;
  const std::size_t k = s.n_components(), d = s.n_features();
  const double own = sum_of(s.counts), total = own + background_count;
  if (!(own > kSmallestMass)) return Outcome::kFailed;
  Parameters next{form, k, d, Numbers(k), s.mean, s.scatter, {}, {}, {}, parameters.groups, parameters.box};
  for (std::size_t c = 0; c < k; ++c)
    next.weights[c] = structure.equal_weights ? own / total / static_cast<double>(k) : s.counts[c] / total;
  Outcome outcome = Outcome::kSound;
  Numbers divisor = s.divisor;
  if (!divide(structure, form, d, reference, outcome, divisor, next.covariances)) return Outcome::kFailed;
  if (!structure.direct()) {
    // A component without width would make its shape infinite, or the volumes that depend on it zero.
    if (!structure.shared()) {
      const Outcome raised = raise(form, d, reference, next.covariances);
      if (raised == Outcome::kFailed) return raised;
      if (raised == Outcome::kCollapsed) outcome = raised;
    }
    if (!constrain(structure, k, d, divisor, parameters.covariances, next.covariances)) return Outcome::kFailed;
  }
  const Outcome raised = raise(form, d, reference, next.covariances);
  if (raised == Outcome::kFailed || !next.prepare()) return Outcome::kFailed;
  parameters = std::move(next);
  return raised == Outcome::kCollapsed ? raised : outcome;
}

GaussianModel::GaussianModel(const Structure& structure, const Statistics* prior, Numbers blur,
                             const Reference& reference, Parameters parameters, Fallback fallback)
    : structure_(structure),
      prior_(prior),
      blur_(std::move(blur)),
      reference_(&reference),
      parameters_(std::move(parameters)),
      fallback_(std::move(fallback)) {}

void GaussianModel::assign(const Model& other) { parameters_ = static_cast<const GaussianModel&>(other).parameters_; }

// The weight of the rows that no component has. An extrapolation may make it negative.
double GaussianModel::background_count(const Statistics& statistics) const {
  return parameters_.has_background() ? reference_->total_weight - sum_of(statistics.counts) : 0.0;
}

Outcome GaussianModel::maximize(const Statistics& statistics) {
  const double count = background_count(statistics);
  if (count < -kRounding * reference_->total_weight) return Outcome::kFailed;
  const double left = std::max(count, 0.0);
  Outcome outcome;
  if (prior_ == nullptr && blur_.empty()) {
    outcome = gmix::maximize(structure_, statistics, *reference_, parameters_, left);
  } else {
    Statistics all = prior_ == nullptr ? statistics : sum(statistics, *prior_);
    if (!blur_.empty()) add_row_variances(blur_, all);
    outcome = gmix::maximize(structure_, all, *reference_, parameters_, left);
  }
  return outcome == Outcome::kFailed && fallback_ ? fallback_(statistics, parameters_) : outcome;
}

double GaussianModel::objective(const Statistics& statistics) const {
  return statistics.log_likelihood + (prior_ == nullptr ? 0.0 : log_prior());
}

// gmix.model.priors.Prior.log_density.
double GaussianModel::log_prior() const {
  const Statistics& prior = *prior_;
  const Parameters& m = parameters_;
  const std::size_t k = m.n_components, d = m.n_features;
  const bool dense = m.form == Form::kFull || m.form == Form::kTied;
  Numbers scatter = prior.scatter, difference(d), work(dense ? d * d : 0), whitened(dense ? d * d : 0);
  double density = 0.0;
  for (std::size_t c = 0; c < k; ++c) {
    for (std::size_t i = 0; i < d; ++i) difference[i] = m.means[c * d + i] - prior.mean[c * d + i];
    add_outer(m.form, c, d, prior.mass[c], difference.data(), scatter.data());
    const double log_weight = std::log(m.weights[c]);
    const double log_determinant = log_weight - m.log_constants[c] - static_cast<double>(d) * kLogTwoPi / 2.0;
    density -= prior.divisor[c] * log_determinant;
    if (!structure_.equal_weights) density += prior.counts[c] * log_weight;
  }
  double quadratic = 0.0;
  for (std::size_t at = 0; at < scatter.size(); at += dense ? d * d : 1) {
    if (dense) {
      kernel().congruence(&m.whitener[at], &scatter[at], work.data(), whitened.data(), d);
      for (std::size_t i = 0; i < d; ++i) quadratic += whitened[i * d + i];
    } else {
      quadratic += m.whitener[at] * m.whitener[at] * scatter[at];
    }
  }
  return density - quadratic / 2.0;
}

}  // namespace gmix
