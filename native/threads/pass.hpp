// One E-step after another over the same rows: plans and scratch are taken once, threads share the
// chunks.
#pragma once

#include <algorithm>
#include <cstddef>
#include <functional>
#include <memory>
#include <new>
#include <vector>

#include "kernel/kernel.hpp"
#include "threads/parallel.hpp"

namespace gmix {

// Memory for the kernel: one aligned piece, cut by hand.
class Memory {
 public:
  explicit Memory(std::size_t size)
      : data_(static_cast<char*>(::operator new(std::max(size, kAlignment), std::align_val_t(kAlignment)))) {}
  ~Memory() { ::operator delete(data_, std::align_val_t(kAlignment)); }
  Memory(const Memory&) = delete;
  Memory& operator=(const Memory&) = delete;
  char* data() const { return data_; }

 private:
  char* data_;
};

inline std::size_t aligned(std::size_t size) { return (size + kAlignment - 1) / kAlignment * kAlignment; }

// How many threads to use where `asked` (0: all) are allowed: they pay from about a millisecond of
// work on.
std::size_t choose_threads(std::size_t asked, std::size_t n_chunks, double nanoseconds);

double estimated_nanoseconds(const Mixture& mixture, std::size_t n_rows);

class Pass {
 public:
  // The mixtures that will be passed must have the forms and sizes of these.
  Pass(const Rows& rows, const double* weight, const std::vector<Mixture>& shapes, std::size_t threads);

  // Sets totals to the sums over all rows, or goes on adding to those of the rows before; false if
  // interrupted. Holds no lock of Python's.
  bool run(const std::vector<Mixture>& mixtures, std::vector<Sums>& totals, const std::function<bool()>& interrupted,
           bool coarse, bool carry_on = false);

 private:
  const Rows rows_;
  const double* const weight_;
  const Kernel& kernel_;
  const std::size_t n_chunks_;
  std::size_t threads_ = 1, slots_ = 1, plans_size_ = 0, scratch_size_ = 0;
  std::vector<std::size_t> plan_at_;
  std::vector<Sums> parts_;                  // (slots, mixtures)
  std::unique_ptr<Memory> plans_, scratch_;  // the scratch of each thread, then the parts
};

}  // namespace gmix
