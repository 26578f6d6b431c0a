#include "threads/pass.hpp"

#include "threads/sums.hpp"

#if defined(__SSE2__)
#include <xmmintrin.h>
#endif

namespace gmix {
namespace {

// While it lives, numbers too small for their type count as zero. In float32 shares are that small often, and a
// processor takes a hundred times as long over each.
class Flushing {
 public:
#if defined(__SSE2__)
  explicit Flushing(bool wanted) : before_(_mm_getcsr()) {
    if (wanted) _mm_setcsr(before_ | kToZero | kFromZero);
  }
  ~Flushing() { _mm_setcsr(before_); }

 private:
  static constexpr unsigned kToZero = 0x8000, kFromZero = 0x0040;
  const unsigned before_;
#else
  explicit Flushing(bool) {}
#endif
};

constexpr std::size_t kWaiting = std::size_t{1} << 20;  // bytes of sums that wait for each thread

}  // namespace

std::size_t choose_threads(std::size_t wanted, std::size_t n_chunks, double nanoseconds) {
  if (n_chunks < 2 || nanoseconds < 1e6 || wanted == 1) return 1;
  return std::min(wanted == 0 ? available_threads() : wanted, n_chunks);
}

double estimated_nanoseconds(const Mixture& m, std::size_t n_rows) {
  const double d = static_cast<double>(m.n_features);
  const double per_component = m.form == Form::kFull ? 1.0 + 0.15 * d * d : 1.0 + 0.2 * d;
  return static_cast<double>(n_rows) * static_cast<double>(m.n_components) * per_component;
}

Pass::Pass(const std::vector<Mixture>& shapes, std::size_t most_rows, std::size_t threads) : kernel_(kernel()) {
  const std::size_t n_chunks = (most_rows + kChunk - 1) / kChunk;
  std::size_t chunk_size = 0;
  double nanoseconds = 0.0;
  for (const Mixture& shape : shapes) {
    plan_at_.push_back(plans_size_);
    plans_size_ += aligned(kernel_.plan_size(shape));
    scratch_size_ = std::max(scratch_size_, aligned(kernel_.scratch_size(shape)));
    chunk_size += sums_size(shape);
    nanoseconds += estimated_nanoseconds(shape, most_rows);
  }
  threads_ = choose_threads(threads, n_chunks, nanoseconds);
  // A chunk that is done early waits in its slot, unless the sums are so large that it must not.
  slots_ = threads_ == 1 ? 1 : threads_ * std::clamp<std::size_t>(kWaiting / (chunk_size + 1), 1, 8);
  plans_ = std::make_unique<Memory>(plans_size_);
  scratch_ = std::make_unique<Memory>(threads_ * scratch_size_ + (slots_ + 1) * chunk_size);
  char* at = scratch_->data() + threads_ * scratch_size_;
  for (std::size_t slot = 0; slot < slots_; ++slot)
    for (const Mixture& shape : shapes) {
      parts_.push_back(cut_sums(shape, at));
    }
  for (const Mixture& shape : shapes) totals_.push_back(cut_sums(shape, at));
  groups_.resize(threads_);
}

void Pass::begin(const std::vector<Components>& components, bool coarse) {
  components_ = components;
  // The densities that are compared with a background's are not coarse.
  coarse_ = coarse && std::none_of(components.begin(), components.end(),
                                   [](const Components& each) { return bool(each.background); });
  for (std::size_t i = 0; i < components_.size(); ++i) {
    clear(components_[i].mixture, totals_[i]);
    kernel_.plan(components_[i].mixture, coarse_, plans_->data() + plan_at_[i]);
  }
}

void Pass::allocate_noisy_scratch() {
  for (const Components& each : components_)
    noisy_size_ = std::max(noisy_size_, aligned(kernel_.noisy_scratch_size(each.mixture)));
  noisy_scratch_ = std::make_unique<Memory>(threads_ * noisy_size_);
}

bool Pass::add(const Rows& rows, const double* weight, const std::function<bool()>& interrupted) {
  if (is_noisy(rows) && noisy_scratch_ == nullptr) allocate_noisy_scratch();
  const std::size_t size = chunk_rows(rows), n_chunks = (rows.n_rows + size - 1) / size;
  if (std::any_of(components_.begin(), components_.end(), [](const Components& each) { return bool(each.background); }))
    left_.resize(rows.n_rows);
  return run_in_order(
      n_chunks, std::min(threads_, std::max<std::size_t>(n_chunks, 1)), slots_,
      [&](const Turn& turn, const Interruption& interruption) {
        const std::size_t begin = turn.chunk * size;
        add_chunk(rows, begin, std::min(begin + size, rows.n_rows), weight, turn, interruption);
      },
      [&](std::size_t slot) {
        const std::size_t count = components_.size();
        for (std::size_t i = 0; i < count; ++i) add_sums(components_[i].mixture, parts_[slot * count + i], totals_[i]);
      },
      interrupted);
}

// Sets the parts of a slot to the sums of rows [begin, end).
void Pass::add_chunk(const Rows& rows, std::size_t begin, std::size_t end, const double* weight, const Turn& turn,
                     const Interruption& interruption) {
  const Flushing flushing(coarse_ && !is_noisy(rows) && !is_grouped(rows));
  for (std::size_t i = 0; i < components_.size(); ++i) {
    if (components_[i].background)
      expect_with_background(i, rows, begin, end, weight, turn, interruption);
    else
      expect(i, rows, begin, end, weight, turn, interruption);
  }
}

void Pass::expect(std::size_t place, const Rows& rows, std::size_t begin, std::size_t end, const double* weight,
                  const Turn& turn, const Interruption& interruption) {
  const Components& components = components_[place];
  WhitenedSums& part = parts_[turn.slot * components_.size() + place];
  if (is_noisy(rows)) {
    kernel_.expect_noisy(components, rows, begin, end, weight, noisy_scratch_->data() + turn.worker * noisy_size_, part,
                         interruption);
  } else if (is_grouped(rows)) {
    groups_[turn.worker].expect(components, rows, begin, end, weight, part, interruption);
  } else {
    clear_partial(components.mixture, part);  // an earlier chunk may have left something
    kernel_.expect(components.mixture, coarse_, plans_->data() + plan_at_[place], rows, begin, end, weight,
                   scratch_->data() + turn.worker * scratch_size_, part, interruption);
  }
}

void Pass::posterior(std::size_t place, const Rows& rows, std::size_t begin, std::size_t end, double* log_density,
                     const Turn& turn, const Interruption& interruption) {
  const Components& components = components_[place];
  if (is_noisy(rows))
    kernel_.posterior_noisy(components, rows, begin, end, noisy_scratch_->data() + turn.worker * noisy_size_,
                            log_density, nullptr, nullptr, interruption);
  else if (is_grouped(rows))
    groups_[turn.worker].posterior(components, rows, begin, end, log_density, nullptr, interruption);
  else
    kernel_.posterior(components.mixture, plans_->data() + plan_at_[place], rows, begin, end,
                      scratch_->data() + turn.worker * scratch_size_, log_density, nullptr, interruption);
}

void Pass::expect_with_background(std::size_t place, const Rows& rows, std::size_t begin, std::size_t end,
                                  const double* weight, const Turn& turn, const Interruption& interruption) {
  const Components& components = components_[place];
  double* const left = left_.data();
  posterior(place, rows, begin, end, left, turn, interruption);
  const BackgroundSums sums = leave_to_components(components.background, rows, begin, end, weight, left);
  expect(place, rows, begin, end, left, turn, interruption);
  WhitenedSums& part = parts_[turn.slot * components_.size() + place];
  part.log_likelihood = sums.log_likelihood;
  if (!is_noisy(rows) && !is_grouped(rows)) return;
  const std::size_t k = components.mixture.n_components;
  for (std::size_t c = 0; c < k; ++c) part.joint[c] += sums.log_density / static_cast<double>(k);
}

const WhitenedSums& Pass::sums(std::size_t place) {
  mirror(components_[place].mixture, totals_[place].second);
  mirror(components_[place].mixture, totals_[place].hidden_second);
  return totals_[place];
}

}  // namespace gmix
