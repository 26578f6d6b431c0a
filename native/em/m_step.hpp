// The M-step. The plain version is GaussianMixture.from_statistics; a test holds the two together.
#pragma once

#include <vector>

#include "em/covariances.hpp"
#include "kernel/kernel.hpp"

namespace gmix {

// A mixture that owns its numbers, in the compact shapes of gmix.covariance.form.
struct Parameters {
  Form form;
  std::size_t n_components;
  std::size_t n_features;
  std::vector<double> weights;
  std::vector<double> means;
  std::vector<double> covariances;
  std::vector<double> factor;
  std::vector<double> whitener;
  std::vector<double> log_constants;

  Mixture view() const;
  // Factors the covariances, inverts the factors and finds the constants. False if a covariance is not definite.
  bool prepare();
};

// What the rows say about the components, in the units of the data: gmix.model.statistics.SufficientStatistics.
struct Statistics {
  std::vector<double> mass;
  std::vector<double> mean;
  std::vector<double> scatter;
  double log_likelihood;
  std::vector<double> step;  // of the means from those of the mixture behind them, whitened
};

// What a prior adds to the rows: gmix.model.statistics.Evidence.
struct Evidence {
  std::vector<double> counts;
  std::vector<double> mass;
  std::vector<double> mean;
  std::vector<double> scatter;
  std::vector<double> divisor;
};

// Those of rows (N, D) that each belong to the one component that its label says.
Statistics statistics_of(const double* rows, const double* labels, const double* weight, std::size_t n, std::size_t k,
                         std::size_t d, Form form);

// The statistics of the rows whose sums under this mixture are given.
Statistics statistics_of(const Sums& sums, const Parameters& mixture);

// SufficientStatistics.beyond; false if they cannot be those of rows.
bool beyond(const Statistics& here, const Statistics& before, double length, Form form, Statistics& there);

// What all rows together say: the variances (D) below which none is let fall, and their scatter and mass as one
// component.
struct Reference {
  std::vector<double> floor;
  std::vector<double> scatter;
  double mass;
};

// How an M-step ended: with every component above the floor; with one that is empty or stands on it; or, changing
// nothing, where float64 does not reach or a large eigenproblem is better left to LAPACK.
enum class Read { kSound, kCollapsed, kNeedsCare };

// Replaces the mixture by the likeliest one whose variances are nowhere below the floor, given the statistics and,
// unless null, what a prior adds.
Read maximize(const Structure& structure, const Statistics& statistics, const Evidence* unseen,
              const Reference& reference, Parameters& mixture);

// The greatest change of a mean, in standard deviations, or weight, by the M-step that led from one to the other.
double change(const Statistics& statistics, const Evidence* unseen, const Parameters& before, const Parameters& after);

// gmix.model.priors.Prior.log_density.
double log_density(const Evidence& unseen, const Structure& structure, const Parameters& mixture);

// Of a symmetric (D, D) matrix; false if it is not positive definite.
bool invert_definite(const double* matrix, double* inverse, std::size_t d);
bool log_determinant_of(const double* matrix, std::size_t d, double& log_determinant);
// The inverse of the lower Cholesky factor, and the log-determinant of the matrix.
bool whitener_of(const double* matrix, std::size_t d, double* whitener, double& log_determinant);
// W' W, the inverse of the matrix that W whitens.
void inverse_of_whitened(const double* whitener, std::size_t d, double* inverse);

}  // namespace gmix
