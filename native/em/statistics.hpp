// The sufficient statistics of EM: what an E-step says of the rows, and what an M-step reads. They add up.
// The Python side of the contract is gmix.model.statistics.SufficientStatistics.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "kernel/kernel.hpp"

namespace gmix {

using Numbers = std::vector<double>;

// Statistics of rows about K components, in the units of the data.
struct Statistics {
  Form form;
  Numbers counts;   // (K) weights are proportional to them
  Numbers mass;     // (K) means are averages over it
  Numbers mean;     // (K, D)
  Numbers scatter;  // about the mean, in the form
  Numbers divisor;  // (K) the scatter is divided by it
  double log_likelihood = 0.0;
  std::vector<std::pair<std::string, Numbers>> extra;  // further sums that a model asks for, each (K, ...)

  std::size_t n_components() const { return mass.size(); }
  std::size_t n_features() const { return mean.size() / mass.size(); }
};

// Entry (i, j) of the whitener of component c, which is lower triangular.
double whitener_at(const Mixture& mixture, std::size_t c, std::size_t i, std::size_t j);

double sum_of(const Numbers& values);

// Whether the statistics are those of rows that are known in part.
bool are_of_partial_rows(const Statistics& statistics);

// How many numbers a compact array of K covariances in D columns has.
std::size_t compact_size(Form form, std::size_t k, std::size_t d);

// Whether compact covariances are matrices. In one column they are numbers, whatever the form.
inline bool is_dense(Form form, std::size_t d) { return d > 1 && (form == Form::kFull || form == Form::kTied); }

// Adds mass v v' of component c to scatter.
void add_outer(Form form, std::size_t c, std::size_t d, double mass, const double* v, double* scatter);

// Whether two statistics have the same form, and the same numbers of components and columns.
bool have_same_size(const Statistics& left, const Statistics& right);

// Whether two statistics have the same size and extra sums.
bool have_same_shape(const Statistics& left, const Statistics& right);

// The statistics of the rows of both together; they must have the same size. Extra sums are those of the left.
Statistics sum(const Statistics& left, const Statistics& right);

// Sets `sum` to the statistics of the rows of all parts together, each part multiplied by its weight. Weights may be
// negative, and add up to one. False if no rows can have such statistics, because a mass or a count would not be
// positive.
bool combine(const std::vector<const Statistics*>& parts, const Numbers& weights, Statistics& sum);

// Sets `statistics` to those of the rows with these whitened sums under these components, and reuses its memory.
void set_statistics(const WhitenedSums& sums, const Components& components, Statistics& statistics);

// Those of rows (N, D) that each belong to the one component that its label says.
Statistics statistics_of_labels(const double* rows, const double* labels, const double* weight, std::size_t n,
                                std::size_t k, std::size_t d, Form form);

// The scale of the data, read from all rows as one component: gmix.model.reference.Reference.
struct Reference {
  Numbers floor;        // (D) variances below which no covariance may fall
  Numbers scatter;      // (1, D, D) and so on, in the form
  double total_weight;  // of the rows
  Numbers error;        // (D) the smallest variance of an error in each column; empty if values are exact
};

}  // namespace gmix
