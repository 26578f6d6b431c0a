#include "em/covariances.hpp"

#include <algorithm>
#include <cmath>
#include <set>
#include <stdexcept>

#include "em/linear_algebra.hpp"
#include "kernel/kernel.hpp"

namespace gmix {
namespace {

constexpr double kEqual = 1e-13;  // relative; smaller changes of a volume have converged
constexpr double kAngle = 1e-9;   // radians; a smaller rotation changes no digit of the likelihood
constexpr int kMostSteps = 500;   // of an inner iteration: each lowers its objective, so the last is good enough
constexpr int kQuadratic = 40;    // steps in which an iteration with quadratic convergence has converged
constexpr int kFixedPoint = 12;   // first steps by the fixed-point iteration
constexpr std::size_t kManyColumns = 12;
constexpr double kDefinite = 1e-14;   // of the largest eigenvalue; smaller ones are rounding, and raised to it
constexpr double kFlat = 1e-14;       // nats per row; the objective is known no better
constexpr double kLongestStep = 4.0;  // natural logarithms of a volume; a longer Newton step is cut
constexpr double kTiny = 2.2250738585072014e-308;

// The most likely variances (K, D) of equal volume: Celeux & Govaert (1995), EVI.
void equal_volumes(std::size_t k, std::size_t d, const Numbers& mass, Numbers& variances) {
  Numbers root(k);
  double volume = 0.0;
  for (std::size_t c = 0; c < k; ++c) {
    double log_root = 0.0;
    for (std::size_t j = 0; j < d; ++j) log_root += std::log(variances[c * d + j]);
    root[c] = std::exp(log_root / static_cast<double>(d));
    volume += mass[c] * root[c];
  }
  volume /= sum_of(mass);
  for (std::size_t c = 0; c < k; ++c)
    for (std::size_t j = 0; j < d; ++j) variances[c * d + j] *= volume / root[c];
}

// The most likely variances (K, D) of equal shape: Celeux & Govaert (1995), VEI. The iteration begins from the shape of
// the first component of `before`, whose variances may be zero.
void equal_shapes(std::size_t k, std::size_t d, const Numbers& mass, const double* before, Numbers& variances) {
  Numbers shape(before, before + d), volume(k, 0.0);
  for (std::size_t j = 0; j < d; ++j)
    if (!(shape[j] > 0.0)) shape[j] = variances[j];
  for (int step = 0; step < kMostSteps; ++step) {
    double change = 0.0;
    for (std::size_t c = 0; c < k; ++c) {
      double trace = 0.0;
      for (std::size_t j = 0; j < d; ++j) trace += variances[c * d + j] / shape[j];
      trace /= static_cast<double>(d);
      change = std::max(change, std::abs(trace - volume[c]) / trace);
      volume[c] = trace;
    }
    if (change < kEqual) break;
    for (std::size_t j = 0; j < d; ++j) {
      shape[j] = 0.0;
      for (std::size_t c = 0; c < k; ++c) shape[j] += mass[c] * variances[c * d + j] / volume[c];
      shape[j] /= sum_of(mass);
    }
  }
  for (std::size_t c = 0; c < k; ++c)
    for (std::size_t j = 0; j < d; ++j) variances[c * d + j] = volume[c] * shape[j];
}

// The variances (K, D) that all components have in common: each row is the mean.
void common_variances(std::size_t k, std::size_t d, const Numbers& mass, Numbers& variances) {
  for (std::size_t j = 0; j < d; ++j) {
    double mean = 0.0;
    for (std::size_t c = 0; c < k; ++c) mean += mass[c] * variances[c * d + j];
    mean /= sum_of(mass);
    for (std::size_t c = 0; c < k; ++c) variances[c * d + j] = mean;
  }
}

void constrain_variances(const Structure& structure, std::size_t k, std::size_t d, const Numbers& mass,
                         const double* before, Numbers& variances) {
  if (structure.volume == 'E' && structure.shape == 'E') return common_variances(k, d, mass, variances);
  if (structure.volume == 'E') return equal_volumes(k, d, mass, variances);
  if (structure.shape == 'E') return equal_shapes(k, d, mass, before, variances);
}

// The matrix with these eigenvalues and eigenvectors.
void compose(const double* values, const double* axes, std::size_t d, double* matrix) {
  for (std::size_t i = 0; i < d; ++i)
    for (std::size_t j = 0; j <= i; ++j) {
      double sum = 0.0;
      for (std::size_t p = 0; p < d; ++p) sum += axes[i * d + p] * values[p] * axes[j * d + p];
      matrix[i * d + j] = matrix[j * d + i] = sum;
    }
}

// Each component has axes of its own: EEV and VEV.
void own_axes(const Structure& structure, std::size_t k, std::size_t d, const Numbers& mass, const Numbers& before,
              Numbers& own) {
  Numbers values(k * d), axes(k * d * d), scratch(before.begin(), before.begin() + d * d);
  Numbers first(d), first_axes(d * d);
  eigen(scratch.data(), d, first.data(), first_axes.data());
  for (std::size_t c = 0; c < k; ++c) {
    double* const each = &values[c * d];
    eigen(&own[c * d * d], d, each, &axes[c * d * d]);
    for (std::size_t j = 0; j < d; ++j) each[j] = std::max(each[j], kDefinite * each[d - 1]);
  }
  constrain_variances(structure, k, d, mass, first.data(), values);
  for (std::size_t c = 0; c < k; ++c) compose(&values[c * d], &axes[c * d * d], d, &own[c * d * d]);
}

// All components have the same axes: EVE and VVE. Pairs of axes are rotated to the minimum of the majorizing function
// of Browne & McNicholas (2014), given the variances of the step before: Flury & Gautschi (1986).
void common_axes(const Structure& structure, std::size_t k, std::size_t d, const Numbers& mass, const Numbers& before,
                 Numbers& own) {
  Numbers axes(d * d), scratch(d * d, 0.0), ignored(d), variances(k * d);
  for (std::size_t c = 0; c < k; ++c)  // a sum of all has these axes, and unequal weights keep its eigenvalues apart
    for (std::size_t i = 0; i < d * d; ++i) scratch[i] += before[c * d * d + i] * (1.0 + 0.1 * static_cast<double>(c));
  eigen(scratch.data(), d, ignored.data(), axes.data());
  Numbers turned = own;
  for (std::size_t c = 0; c < k; ++c)
    for (std::size_t i = 0; i < d; ++i)
      for (std::size_t j = 0; j < d; ++j) {
        double sum = 0.0;
        for (std::size_t p = 0; p < d; ++p)
          for (std::size_t q = 0; q < d; ++q) sum += axes[p * d + i] * own[(c * d + p) * d + q] * axes[q * d + j];
        turned[(c * d + i) * d + j] = sum;
      }
  const auto evaluate = [&] {
    for (std::size_t c = 0; c < k; ++c)
      for (std::size_t j = 0; j < d; ++j) variances[c * d + j] = turned[(c * d + j) * d + j];
    constrain_variances(structure, k, d, mass, variances.data(), variances);
  };
  for (int sweep = 0; sweep < kMostSteps; ++sweep) {
    evaluate();
    double greatest = 0.0;
    for (std::size_t p = 0; p < d; ++p)
      for (std::size_t q = p + 1; q < d; ++q) {
        double pp = 0.0, qq = 0.0, pq = 0.0;
        for (std::size_t c = 0; c < k; ++c) {
          const double* v = &variances[c * d];
          const double* m = &turned[c * d * d];
          const double weight = mass[c] * (1.0 / v[p] - 1.0 / v[q]);
          pp += weight * m[p * d + p];
          qq += weight * m[q * d + q];
          pq += weight * m[p * d + q];
        }
        // The angle that minimizes the part of the function that depends on axes p and q.
        const double angle = std::atan2(-2.0 * pq, qq - pp) / 2.0;
        if (!(std::abs(angle) > 0.0)) continue;
        greatest = std::max(greatest, std::abs(angle));
        const double cosine = std::cos(angle), sine = std::sin(angle);
        for (std::size_t c = 0; c < k; ++c) {
          rotate_columns(&turned[c * d * d], d, p, q, cosine, sine);
          rotate_rows(&turned[c * d * d], d, p, q, cosine, sine);
        }
        rotate_columns(axes.data(), d, p, q, cosine, sine);
      }
    if (greatest < kAngle) break;
  }
  evaluate();
  for (std::size_t c = 0; c < k; ++c) compose(&variances[c * d], axes.data(), d, &own[c * d * d]);
}

// The function that the log volumes of proportional ellipsoids minimize, evaluated at one point.
class Volumes {
 public:
  Volumes(std::size_t k, std::size_t d, const Numbers& mass, const Numbers& own)
      : k_(k), d_(d), own_(&own), share_(k), part_(k), sum_(d * d), whitener_(d * d), inverse_(d * d) {
    for (std::size_t c = 0; c < k; ++c) share_[c] = mass[c] / sum_of(mass);
    factor.resize(k);
  }

  double value = 0.0;  // per row
  Numbers factor;      // (K) by which the fixed-point step of Celeux & Govaert multiplies the volumes

  // False where the weighted sum of scatters is not positive definite.
  bool evaluate(const Numbers& log_volume) {
    const std::size_t size = d_ * d_;
    const auto columns = static_cast<double>(d_);
    std::fill(sum_.begin(), sum_.end(), 0.0);
    value = 0.0;
    for (std::size_t c = 0; c < k_; ++c) {
      part_[c] = share_[c] * std::exp(-log_volume[c]);
      for (std::size_t i = 0; i < size; ++i) sum_[i] += part_[c] * (*own_)[c * size + i];
      value += columns * share_[c] * log_volume[c];
    }
    double log_determinant;
    if (!whitener_of(sum_.data(), d_, whitener_.data(), log_determinant)) return false;
    value += log_determinant;
    inverse_from_whitener(whitener_.data(), d_, inverse_.data());
    for (std::size_t c = 0; c < k_; ++c) {
      double trace = 0.0;
      for (std::size_t i = 0; i < size; ++i) trace += inverse_[i] * (*own_)[c * size + i];
      factor[c] = std::max(part_[c] * trace, kTiny) / (columns * share_[c]);
    }
    return true;
  }

  // Newton's step from the point that was evaluated last; false where there is none.
  bool newton(Numbers& step) const {
    const std::size_t size = d_ * d_;
    const auto columns = static_cast<double>(d_);
    Numbers parts(k_ * size), work(size), matrix(k_ * k_), inverse(k_ * k_);
    for (std::size_t c = 0; c < k_; ++c) {
      double* const turned = &parts[c * size];
      kernel().congruence(whitener_.data(), own_->data() + c * size, work.data(), turned, d_);
      for (std::size_t i = 0; i < size; ++i) turned[i] *= part_[c];
    }
    // A common factor of all volumes changes nothing, so that direction is taken out. The units are those in which the
    // fixed-point step is the gradient, so that components of little weight keep their digits.
    for (std::size_t a = 0; a < k_; ++a)
      for (std::size_t b = 0; b <= a; ++b) {
        double product = 0.0;
        for (std::size_t i = 0; i < size; ++i) product += parts[a * size + i] * parts[b * size + i];
        const double curvature = (a == b ? factor[a] * columns * share_[a] : 0.0) - product;
        const double root = std::sqrt(share_[a] * share_[b]);
        matrix[a * k_ + b] = matrix[b * k_ + a] = curvature / root + root;
      }
    if (!invert_definite(matrix.data(), inverse.data(), k_)) return false;
    for (std::size_t a = 0; a < k_; ++a) {
      step[a] = 0.0;
      for (std::size_t b = 0; b < k_; ++b)
        step[a] += inverse[a * k_ + b] * columns * std::sqrt(share_[b]) * (factor[b] - 1.0);
      step[a] /= std::sqrt(share_[a]);
      if (!std::isfinite(step[a])) return false;
    }
    return true;
  }

 private:
  std::size_t k_, d_;
  const Numbers* own_;
  Numbers share_, part_, sum_, whitener_, inverse_;
};

// One ellipsoid in several sizes: VEE. As gmix.model.covariance.volumes, but the iteration begins from the sizes of the
// step before.
bool proportional_ellipsoids(std::size_t k, std::size_t d, const Numbers& mass, const Numbers& before, Numbers& own) {
  Numbers here(k), step(k), there(k);
  for (std::size_t c = 0; c < k; ++c) here[c] = std::log(before[c * d * d] / before[0]);
  const auto greatest = [](const Numbers& values, double less) {
    double most = 0.0;
    for (const double value : values) most = std::max(most, std::abs(value - less));
    return most;
  };
  Volumes now(k, d, mass, own), next = now;
  if (!std::isfinite(greatest(here, 0.0)) || !now.evaluate(here)) {
    std::fill(here.begin(), here.end(), 0.0);
    if (!now.evaluate(here)) return false;
  }
  const int most = d < kManyColumns ? kMostSteps : kQuadratic;
  for (int count = 0; count < most && greatest(now.factor, 1.0) >= kEqual; ++count) {
    // From the sizes of the step before, fixed-point steps are often few, and with few columns they cost less.
    const bool newton = count >= (d < kManyColumns ? kFixedPoint : 0) && now.newton(step);
    const double length = newton ? std::min(1.0, kLongestStep / greatest(step, 0.0)) : 0.0;
    for (std::size_t c = 0; c < k; ++c) there[c] = here[c] + length * step[c];
    if (!newton || !next.evaluate(there) || !(next.value <= now.value + kFlat * static_cast<double>(d))) {
      for (std::size_t c = 0; c < k; ++c) there[c] = here[c] + std::log(now.factor[c]);
      if (!next.evaluate(there)) return false;
    }
    // Where neither step lowers the value, only rounding remains.
    if (count > kQuadratic && !(next.value < now.value - kFlat * static_cast<double>(d))) break;
    std::swap(now, next);
    here = there;
  }
  Numbers shape(d * d, 0.0);
  for (std::size_t c = 0; c < k; ++c)
    for (std::size_t i = 0; i < d * d; ++i)
      shape[i] += mass[c] / sum_of(mass) * std::exp(-here[c]) * own[c * d * d + i];
  for (std::size_t c = 0; c < k; ++c)
    for (std::size_t i = 0; i < d * d; ++i) own[c * d * d + i] = std::exp(here[c]) * shape[i];
  return true;
}

// Ellipsoids of equal volume: EVV.
bool equal_volume_ellipsoids(std::size_t k, std::size_t d, const Numbers& mass, Numbers& own) {
  Numbers root(k);
  double volume = 0.0;
  for (std::size_t c = 0; c < k; ++c) {
    double log_determinant;
    if (!log_determinant_of(&own[c * d * d], d, log_determinant)) return false;
    root[c] = std::exp(log_determinant / static_cast<double>(d));
    volume += mass[c] * root[c];
  }
  volume /= sum_of(mass);
  for (std::size_t c = 0; c < k; ++c)
    for (std::size_t i = 0; i < d * d; ++i) own[c * d * d + i] *= volume / root[c];
  return true;
}

}  // namespace

Structure structure_of(const std::string& code) {
  static const std::set<std::string> known = {"EII", "VII", "EEI", "VEI", "EVI", "VVI", "EEE",
                                              "VEE", "EVE", "VVE", "EEV", "VEV", "EVV", "VVV"};
  const bool equal_weights = code.size() == 4 && code[0] == 'E';
  const std::string letters = equal_weights ? code.substr(1) : code;
  if (known.find(letters) == known.end())
    throw std::invalid_argument("the compiled M-step does not know the structure '" + code + "'");
  return {letters[0], letters[1], letters[2], equal_weights};
}

bool Structure::shared() const { return volume == 'E' && shape != 'V' && orientation != 'V'; }

Form Structure::form() const {
  if (shape == 'I') return Form::kSpherical;
  if (orientation == 'I') return Form::kDiagonal;
  return shared() ? Form::kTied : Form::kFull;
}

bool Structure::direct() const {
  const bool free = volume == 'V' && shape != 'E' && orientation != 'E';
  const bool tied = volume == 'E' && shape == 'E' && orientation == 'E';
  return free || tied;
}

bool constrain(const Structure& structure, std::size_t k, std::size_t d, const Numbers& mass, const Numbers& before,
               Numbers& own) {
  if (structure.direct()) return true;
  if (structure.shape == 'I') {
    common_variances(k, 1, mass, own);
  } else if (structure.orientation == 'I') {
    constrain_variances(structure, k, d, mass, before.data(), own);
  } else if (structure.orientation == 'E') {
    if (structure.shape == 'V')
      common_axes(structure, k, d, mass, before, own);
    else if (!proportional_ellipsoids(k, d, mass, before, own))
      return false;
  } else if (structure.shape == 'E') {
    own_axes(structure, k, d, mass, before, own);
  } else if (!equal_volume_ellipsoids(k, d, mass, own)) {
    return false;
  }
  return std::all_of(own.begin(), own.end(), [](double value) { return std::isfinite(value); });
}

}  // namespace gmix
