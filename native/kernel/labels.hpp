// What the labels of a row say about a component.
#pragma once

#include <limits>

#include "kernel/kernel.hpp"

namespace gmix {

// What soft labels add to the log density of a row under component c.
inline double log_evidence(const Mixture& m, const Rows& rows, std::size_t row, std::size_t c) {
  if (rows.log_evidence == nullptr || m.group == nullptr) return 0.0;
  return rows.log_evidence[row * rows.n_groups + static_cast<std::size_t>(m.group[c])];
}

// The same with the label of the row: minus infinity if it does not let the row come from component c.
inline double label_term(const Mixture& m, const Rows& rows, std::size_t row, std::size_t c) {
  const bool labeled = rows.label != nullptr && m.group != nullptr && rows.label[row] >= 0.0;
  if (labeled && m.group[c] != rows.label[row]) return -std::numeric_limits<double>::infinity();
  return log_evidence(m, rows, row, c);
}

}  // namespace gmix
