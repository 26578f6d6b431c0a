// E-steps over rows that come in one or several blocks: plans and scratch are allocated once, and threads share the
// chunks.
#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <vector>

#include "kernel/kernel.hpp"
#include "threads/background.hpp"
#include "threads/parallel.hpp"
#include "threads/row_groups.hpp"

namespace gmix {

// Whether rows have errors. Their path takes missing cells and labels as well.
inline bool is_noisy(const Rows& rows) {
  return rows.errors.variances != nullptr || rows.errors.covariances != nullptr;
}

// Whether rows are known in part, and are therefore the work of RowGroups.
inline bool is_grouped(const Rows& rows) {
  return !is_noisy(rows) && (rows.incomplete || rows.label != nullptr || rows.log_evidence != nullptr);
}

// Rows of a chunk, whose sums are added to the total at once.
inline std::size_t chunk_rows(const Rows& rows) { return is_grouped(rows) ? grouped_chunk(rows.n_features) : kChunk; }

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
  void begin(const std::vector<Components>& components, bool coarse);
  // Adds the sums of a block of rows to those of the blocks before it; false if interrupted. Where all blocks but the
  // last have a multiple of chunk_rows() rows, the sums have the bits of one block of all rows. The caller may not hold
  // the GIL.
  bool add(const Rows& rows, const double* weight, const std::function<bool()>& interrupted);
  // The sums of all blocks so far under the mixture at a place.
  const WhitenedSums& sums(std::size_t place);

 private:
  void allocate_noisy_scratch();
  void add_chunk(const Rows& rows, std::size_t begin, std::size_t end, const double* weight, const Turn& turn,
                 const Interruption& interruption);
  void expect(std::size_t place, const Rows& rows, std::size_t begin, std::size_t end, const double* weight,
              const Turn& turn, const Interruption& interruption);
  void posterior(std::size_t place, const Rows& rows, std::size_t begin, std::size_t end, double* log_density,
                 const Turn& turn, const Interruption& interruption);
  void expect_with_background(std::size_t place, const Rows& rows, std::size_t begin, std::size_t end,
                              const double* weight, const Turn& turn, const Interruption& interruption);

  const Kernel& kernel_;
  std::vector<Components> components_;
  bool coarse_ = false;
  std::size_t threads_ = 1, slots_ = 1, plans_size_ = 0, scratch_size_ = 0, noisy_size_ = 0;
  std::vector<std::size_t> plan_at_;
  std::vector<WhitenedSums> parts_, totals_;  // (slots, mixtures) and (mixtures)
  std::unique_ptr<Memory> plans_, scratch_;   // the scratch of each thread, then the parts and the totals
  std::unique_ptr<Memory> noisy_scratch_;     // of each thread, from the first rows with errors on
  std::vector<RowGroups> groups_;             // of each thread
  Numbers left_;                              // (n_rows) the weights that a background leaves to the components
};

}  // namespace gmix
