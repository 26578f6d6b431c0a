// Truncated E-steps over rows in memory, with what each row keeps from one E-step to the next.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <vector>

#include "kernel/kernel.hpp"
#include "threads/memory.hpp"

namespace gmix {

class TruncatedPass {
 public:
  // Each row begins with the component (n_rows) that its label names. A row keeps `n_kept` components, and a component
  // has `n_neighbors`, or as many as there are.
  TruncatedPass(const Mixture& shape, std::size_t n_rows, const double* label, std::size_t n_kept,
                std::size_t n_neighbors, std::size_t threads);

  // Sets the sums to those of all rows under components of the same form and size; false if interrupted. The caller
  // may not hold the GIL.
  bool expect(const Mixture& mixture, const Rows& rows, const double* weight, const std::function<bool()>& interrupted);
  const WhitenedSums& sums() const { return total_; }

 private:
  Truncation truncation() { return {n_kept_, n_neighbors_, kept_.data(), neighbors_.data()}; }
  bool find_neighbors(const Mixture& mixture, const std::function<bool()>& interrupted);

  const Kernel& kernel_;
  const std::size_t n_kept_, n_neighbors_, chunk_, n_chunks_, threads_, slots_;
  std::vector<std::uint32_t> kept_, neighbors_, neighbors_before_;
  bool knows_neighbors_ = false;
  std::size_t scratch_size_;
  Memory plan_, memory_;  // the scratch of each thread, then the parts and the total
  std::vector<WhitenedSums> parts_;
  WhitenedSums total_;
};

}  // namespace gmix
