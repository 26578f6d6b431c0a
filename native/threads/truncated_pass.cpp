#include "threads/truncated_pass.hpp"

#include "threads/parallel.hpp"
#include "threads/pass.hpp"
#include "threads/sums.hpp"

namespace gmix {
namespace {

constexpr std::size_t kFewComponents = 128;  // whose sums take little time beside kChunk rows
constexpr std::size_t kMostChunks = 16;      // of kChunk rows, whose sums are added to the total at once
constexpr std::size_t kSearched = 64;        // components whose neighbors are sought at once

// With many components, to add up their sums takes longer than a few rows.
std::size_t rows_of_chunk(std::size_t n_components) {
  return kChunk * std::clamp<std::size_t>(n_components / kFewComponents, 1, kMostChunks);
}

}  // namespace

TruncatedPass::TruncatedPass(const Mixture& shape, std::size_t n_rows, const double* label, std::size_t n_kept,
                             std::size_t n_neighbors, std::size_t threads)
    : kernel_(kernel()),
      n_kept_(std::min(n_kept, shape.n_components)),
      n_neighbors_(std::min(n_neighbors, shape.n_components)),
      chunk_(rows_of_chunk(shape.n_components)),
      n_chunks_((n_rows + chunk_ - 1) / chunk_),
      threads_(choose_threads(threads, n_chunks_, estimated_nanoseconds(shape, n_rows))),
      slots_(threads_),
      kept_(n_rows * n_kept_),
      neighbors_(shape.n_components * n_neighbors_),
      neighbors_before_(neighbors_.size()),
      scratch_size_(aligned(kernel_.truncated_scratch_size(shape, truncation()))),
      plan_(kernel_.truncated_plan_size(shape)),
      memory_(threads_ * scratch_size_ + (slots_ + 1) * sums_size(shape)) {
  for (std::size_t i = 0; i < n_rows; ++i)
    std::fill_n(kept_.begin() + static_cast<std::ptrdiff_t>(i * n_kept_), n_kept_,
                static_cast<std::uint32_t>(label[i]));
  char* at = memory_.data() + threads_ * scratch_size_;
  for (std::size_t slot = 0; slot < slots_; ++slot) parts_.push_back(cut_sums(shape, at));
  total_ = cut_sums(shape, at);
}

bool TruncatedPass::find_neighbors(const Mixture& mixture, const std::function<bool()>& interrupted) {
  std::swap(neighbors_, neighbors_before_);
  const std::size_t k = mixture.n_components;
  const std::uint32_t* const before = knows_neighbors_ ? neighbors_before_.data() : nullptr;
  knows_neighbors_ = true;
  return run_in_order((k + kSearched - 1) / kSearched, threads_, threads_,
                      [&](const Turn& turn, const Interruption&) {
                        const std::size_t begin = turn.chunk * kSearched;
                        kernel_.find_neighbors(mixture, plan_.data(), begin, std::min(begin + kSearched, k),
                                               n_neighbors_, before, memory_.data() + turn.worker * scratch_size_,
                                               neighbors_.data());
                      },
                      [](std::size_t) {}, interrupted);
}

bool TruncatedPass::expect(const Mixture& mixture, const Rows& rows, const double* weight,
                           const std::function<bool()>& interrupted) {
  kernel_.truncated_plan(mixture, plan_.data());
  if (!find_neighbors(mixture, interrupted)) return false;
  clear(mixture, total_);
  for (WhitenedSums& part : parts_) clear_partial(mixture, part);
  return run_in_order(
      n_chunks_, threads_, slots_,
      [&](const Turn& turn, const Interruption& interruption) {
        const std::size_t begin = turn.chunk * chunk_;
        kernel_.expect_truncated(mixture, plan_.data(), rows, begin, std::min(begin + chunk_, rows.n_rows), weight,
                                 truncation(), memory_.data() + turn.worker * scratch_size_, parts_[turn.slot],
                                 interruption);
      },
      [&](std::size_t slot) { add_sums(mixture, parts_[slot], total_); }, interrupted);
}

}  // namespace gmix
