// E-steps over rows that come in one or several blocks: plans and scratch are allocated once, and threads share the
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

// How many threads to use where `wanted` (0: all) are allowed: they pay from about a millisecond of
// work on.
std::size_t choose_threads(std::size_t wanted, std::size_t n_chunks, double nanoseconds);

double estimated_nanoseconds(const Mixture& mixture, std::size_t n_rows);

class Pass {
 public:
  // Mixtures that are passed must have the forms and sizes of these, and blocks no more rows than `most_rows`, for
  // which the threads are chosen.
  Pass(const std::vector<Mixture>& shapes, std::size_t most_rows, std::size_t threads);

  // Begins an E-step under these mixtures, which must live until its end.
  void begin(const std::vector<Mixture>& mixtures, bool coarse);
  // Adds the sums of a block of rows to those of the blocks before it; false if interrupted. Where all blocks but the
  // last have a multiple of kChunk rows, the sums have the bits of one block of all rows. The caller may not hold the
  // GIL.
  bool add(const Rows& rows, const double* weight, const std::function<bool()>& interrupted);
  // The sums of all blocks so far under the mixture at a place.
  const WhitenedSums& sums(std::size_t place);

 private:
  const Kernel& kernel_;
  std::vector<Mixture> mixtures_;
  bool coarse_ = false;
  std::size_t threads_ = 1, slots_ = 1, plans_size_ = 0, scratch_size_ = 0;
  std::vector<std::size_t> plan_at_;
  std::vector<WhitenedSums> parts_, totals_;  // (slots, mixtures) and (mixtures)
  std::unique_ptr<Memory> plans_, scratch_;   // the scratch of each thread, then the parts and the totals
};

}  // namespace gmix
