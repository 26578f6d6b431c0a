// The marginal of a mixture over some of its columns, and what its sums say of all columns: the E-step of rows whose
// other cells are missing at random (Ghahramani & Jordan 1994, NIPS 6:120).
//
// Let A be the rows of the factor L_k that belong to the present columns. With A = C Q, for a lower triangle C and a Q
// with orthonormal rows, the marginal has the covariance C C' and whitens the present cells to y = C^-1 (x - mean).
// Given these, the whitened residual of all columns has the mean Q' y and the covariance I - Q' Q.
#pragma once

#include <cstddef>
#include <vector>

#include "em/statistics.hpp"

namespace gmix {

// What normalizes the log density of a component in this number of cells, besides the determinant; gmix.model.families
// has the formulas.
double log_constant(const Mixture& mixture, std::size_t c, std::size_t cells);

class Marginal {
 public:
  // Allocates the memory for any of the columns of mixtures of this form and size.
  explicit Marginal(const Mixture& shape);

  // Sets the marginal over these columns, of these components; both in increasing order, and one component at least.
  void set(const Components& components, const std::vector<std::size_t>& columns,
           const std::vector<std::size_t>& chosen);

  // The marginal as a mixture of its own. Its constants are the complete ones less what the missing cells integrate to.
  const Mixture& mixture() const { return mixture_; }

  // Adds the sums of rows under the marginal as expected sums under the complete mixture, of which what missing cells
  // add is in hidden_second alone.
  void add(const WhitenedSums& part, WhitenedSums& sums);

 private:
  double squares(const WhitenedSums& part, std::size_t at) const;
  double set_dense(const double* factor, std::size_t matrix);
  void add_dense(std::size_t matrix, const double* second, double count, double* to, double* hidden);

  std::size_t n_features_;            // D of the complete mixture
  std::vector<std::size_t> columns_;  // the d that are present
  std::vector<std::size_t> absent_;   // the others
  std::vector<std::size_t> chosen_;   // the components
  Mixture mixture_;
  Numbers constants_, means_, whitener_;
  Numbers basis_;                      // Q: (K, d, D) | (d, D), of dense forms
  Numbers factor_, symmetric_, work_;  // (D, D)
};

}  // namespace gmix
