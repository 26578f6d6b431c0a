// Which path adds up the rows of a mixture.
//
// 0. Other families than the Gaussian need the distances themselves: residuals.
// 1. Few columns: the exponentials cost more than the linear algebra; few_columns.hpp does nothing else to a row.
// 2. Matrix products cost the least per row and component where features are shared by enough components, but they
//    lose digits where components lie far from their common origin, in their own units. That depends on the
//    mixture's parameters, and is computed from them.
// 3. Residuals take everything else. Full mixtures of many columns may be so far apart that most responsibilities are
//    negligible. That depends on the rows, and is counted on the first block of every chunk of rows, so that the
//    choice, like the sums, depends on nothing but the chunk.
// 4. Diagonal and spherical mixtures of many components may be so far apart that few components matter to a row. The
// plan
//    says so for the rows of the mixture, and the first rows of every chunk for its own (neighbors.hpp).
// 5. Rows for which these overflow go row by row, which the sums show: they are not finite.
#pragma once

#include "kernel/paths/far_apart.hpp"
#include "kernel/paths/few_columns.hpp"
#include "kernel/paths/matrix_products.hpp"

namespace gmix::GMIX_LEVEL {

enum class Path { kResiduals, kMatrixProducts, kFewColumns };

inline bool has_few_columns(const Mixture& m) {
  return m.family == Family::kGaussian && m.n_features <= few_columns::kMostColumns && m.form != Form::kTied;
}

// Whether matrix products are faster than residuals.
inline bool prefers_matrix_products(const Mixture& m) {
  constexpr std::size_t least_components = 4;  // fewer do not repay squares as features
  constexpr std::size_t most_columns = 16;     // of which products of two are formed, and only for as many components
  if (m.family != Family::kGaussian) return false;
  if (m.form == Form::kTied) return true;
  if (has_few_columns(m)) return false;
  if (m.form == Form::kSpherical) return true;
  if (m.form == Form::kDiagonal) return m.n_components >= least_components;
  return m.n_components >= m.n_features && m.n_features <= most_columns;
}

// The cancellation per column up to which matrix products are used: it costs three digits, or of float32 one or two.
template <typename T>
inline constexpr double kMostCancellation = sizeof(T) == sizeof(double) ? 1000.0 : 30.0;

template <typename T>
bool matrix_products_are_accurate(const Mixture& m, const matrix_products::Plan<T>& plan) {
  for (std::size_t c = 0; c < m.n_components; ++c)
    if (!(matrix_products::cancellation(m, plan, c) <= kMostCancellation<T> * static_cast<double>(m.n_features)))
      return false;
  return true;
}

// Chooses the path of a mixture. The cancellation of matrix products is known once their plan has its features, which
// are therefore set on the way.
template <typename T>
Path choose_path(const Mixture& m, const matrix_products::Plan<T>& plan) {
  if (has_few_columns(m)) return Path::kFewColumns;
  if (prefers_matrix_products(m) && matrix_products::set_features(m, plan) && matrix_products_are_accurate(m, plan))
    return Path::kMatrixProducts;
  return Path::kResiduals;
}

// Whether chunks on the residuals path may turn to far_apart.hpp.
inline bool may_lie_far_apart(const Mixture& m) {
  return m.family == Family::kGaussian && m.form == Form::kFull && m.n_features >= far_apart::kLeastColumns &&
         m.n_components >= far_apart::kLeastComponents;
}

// Chooses, after the first block of a chunk has been evaluated by residuals, how many columns bound densities in the
// other rows; zero where residuals of all rows and components are better. Moments are not wanted by posterior().
//
// Costs are counted in whitenings of a row by a component. Moments cost as much. Copying a row costs as much as
// whitening it if it has as many columns as eight vectors have lanes, and relatively less if it has more.
template <typename T>
std::size_t choose_bounding_columns(const Mixture& m, const double* log_constants, const residuals::Plan<T>& plan,
                                    const residuals::Scratch<T>& s, std::size_t groups, bool moments) {
  constexpr std::size_t lanes = kLanes<T>, choices = 5;
  if (!may_lie_far_apart(m)) return 0;
  const std::size_t d = m.n_features, tile = tile_rows(d), first = first_tile(d);
  std::size_t columns[choices];
  for (std::size_t i = 0; i < choices; ++i)
    columns[i] = std::min(d, first + ((d >> (choices - 1 - i)) + tile - 1) / tile * tile);  // a sixteenth to all
  double remaining[choices] = {}, active = 0.0;
  for (std::size_t c = 0; c < m.n_components; ++c)
    for (std::size_t g = 0; g < groups; ++g) {
      const Vector<T> least = load(s.densities.largest + g * lanes) + T(kNegligible);
      const Vector<T> one = Vector<T>{} + T(1), zero = {};
      Vector<T> bound = broadcast(static_cast<T>(log_constants[c]));
      const T* z = s.z + c * d * plan.block + g * d * lanes;
      for (std::size_t i = 0, j = 0; i < choices; ++i) {
        for (; j < columns[i]; ++j) bound -= load(z + j * lanes) * load(z + j * lanes);
        remaining[i] += sum(bound > least ? one : zero);
      }
      active += sum(load(s.densities.joint + c * s.densities.stride + g * lanes) > T(0) ? one : zero);
    }
  const double rows = static_cast<double>(groups * lanes),
               copied = 1.0 + static_cast<double>(8 * lanes) / static_cast<double>(d);
  double least = (moments ? 1.8 : 0.9) * static_cast<double>(m.n_components) * rows;
  std::size_t best = 0;
  for (std::size_t i = 0; i < choices; ++i) {
    const double part = static_cast<double>(columns[i]) / static_cast<double>(d);
    const double evaluated = columns[i] < d ? remaining[i] : 0.0;
    double cost = part * part * static_cast<double>(m.n_components) * rows + evaluated * copied;
    if (moments) cost += active * (copied + 1.0);
    if (cost < least) least = cost, best = columns[i];
  }
  return best;
}

}  // namespace gmix::GMIX_LEVEL
