// The kernel's work on rows that are known in part: cells may be missing, and labels may say from which components a
// row can have come. The rows of a chunk with the same cells and label are complete rows of a marginal mixture, so
// every path of the kernel serves them.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "em/marginal.hpp"
#include "threads/memory.hpp"

namespace gmix {

// Rows of a chunk of such rows. With few columns the work on a marginal is large beside that on a row, so more rows
// must share it. The size is part of the result's bits.
std::size_t grouped_chunk(std::size_t n_features);

// The work of one thread.
class RowGroups {
 public:
  // As Kernel::expect and Kernel::posterior do for other rows.
  void expect(const Components& components, const Rows& rows, std::size_t begin, std::size_t end, const double* weight,
              WhitenedSums& sums, const Interruption& interruption);
  void posterior(const Components& components, const Rows& rows, std::size_t begin, std::size_t end,
                 double* log_density, double* responsibilities, const Interruption& interruption);

 private:
  // The rows of a chunk that have the same cells and label.
  struct Group {
    std::vector<std::size_t> columns;  // that are present
    double label;
    std::size_t begin, end;  // its rows are order_[begin..end)
  };

  // Groups the rows of a chunk that have a weight.
  void group_rows(const Rows& rows, std::size_t begin, std::size_t end, const double* weight);
  std::size_t slot_of(const std::uint64_t* key, std::size_t words) const;
  void grow_slots(std::size_t words);
  // Sets the components that the label of a group allows; false if there are none.
  bool choose_components(const Mixture& mixture, const Group& group);
  // Whether a group has so few rows that a marginal of its own costs more than rows one by one.
  bool are_few(const Group& group, const Mixture& mixture) const;
  RowGroup as_rows(const Mixture& mixture, const Group& group);
  // Sets the marginal of a group and its plan.
  void set_marginal(const Components& components, const Group& group);
  void begin_incomplete(const Mixture& mixture);
  // Copies the cells of a group, and its weights unless they are null.
  Rows copied(const Rows& rows, const Group& group, const double* weight);

  const Kernel& kernel_ = kernel();
  std::vector<Group> groups_;                  // in the order in which they occur
  std::vector<std::uint64_t> keys_;            // of the groups, and of the row at hand
  std::vector<std::size_t> slots_;             // a hash table of groups, counted from one
  std::vector<std::size_t> order_, group_of_;  // rows by group; the group of each row with a weight
  std::vector<std::size_t> chosen_;            // the components that the label of a group allows
  std::unique_ptr<Marginal> marginal_;
  Mixture shape_{};  // for which the marginal was made
  Numbers cells_, weights_, log_density_, responsibilities_;
  WhitenedSums part_{};
  Numbers part_numbers_;
  std::vector<std::size_t> absent_;
  Numbers constants_;  // (K) of the group at hand
  std::unique_ptr<Memory> plan_, scratch_, incomplete_;
  std::size_t plan_size_ = 0, scratch_size_ = 0, incomplete_size_ = 0;
};

}  // namespace gmix
