// The kernel of one instruction level: this file is compiled once for each.
//
// It holds templates of its own namespace only, and nothing of the standard library that the linker
// could share with code for a lesser machine.
#include "kernel.hpp"

#include "careful.hpp"
#include "density.hpp"
#include "expectation.hpp"

namespace gmix::GMIX_LEVEL {
namespace {

template <typename T>
std::size_t measure_plan(const Mixture& mixture) {
  Arena arena(nullptr);
  Plan<T>(mixture, arena);
  return arena.used();
}

template <typename T>
std::size_t measure_scratch(const Mixture& mixture) {
  Arena nowhere(nullptr), arena(nullptr);
  const Plan<T> plan(mixture, nowhere);
  Scratch<T>(mixture, plan.stride, arena);
  return arena.used();
}

bool all_finite(const double* values, std::size_t count) {
  double zero = 0.0;
  for (std::size_t i = 0; i < count; ++i) zero += values[i] * 0.0;
  return zero == 0.0;
}

void clear(const Mixture& m, Sums& sums) {
  std::fill_n(sums.mass, m.n_components, 0.0);
  std::fill_n(sums.first, m.n_components * m.n_features, 0.0);
  std::fill_n(sums.second, second_size(m), 0.0);
  sums.log_likelihood = 0.0;
}

// Brings a block to the point where scratch holds exponentials and norms; returns the padded rows.
template <typename T>
std::size_t block_density(const Mixture& mixture, const Plan<T>& plan, const Rows& rows,
                          std::size_t begin, std::size_t count, const Scratch<T>& s) {
  const std::size_t padded = (count + kStep<T> - 1) / kStep<T> * kStep<T>;
  load_rows(rows, begin, count, padded, plan.stride, s.x);
  log_joint(mixture, plan, s, padded);
  normalize(mixture.n_components, s, padded, plan.stride);
  return padded;
}

template <typename T>
void expect(const Mixture& mixture, const void* planned, const Rows& rows, std::size_t begin,
            std::size_t end, const double* weight, void* memory, Sums& sums, const Stop& stop) {
  Arena planned_arena(const_cast<void*>(planned)), arena(memory);
  const Plan<T> plan(mixture, planned_arena);
  const Scratch<T> s(mixture, plan.stride, arena);
  clear(mixture, sums);
  for (std::size_t at = begin; at < end && !stop(); at += plan.block) {
    const std::size_t count = std::min(plan.block, end - at);
    const std::size_t padded = block_density(mixture, plan, rows, at, count, s);
    for (std::size_t i = 0; i < padded; ++i)
      s.weight[i] = i >= count ? T(0) : weight == nullptr ? T(1) : static_cast<T>(weight[at + i]);
    accumulate(mixture, plan, s, padded, sums);
  }
  if (all_finite(&sums.log_likelihood, 1) && all_finite(sums.mass, mixture.n_components) &&
      all_finite(sums.first, mixture.n_components * mixture.n_features) &&
      all_finite(sums.second, second_size(mixture)))
    return;
  clear(mixture, sums);
  for (std::size_t row = begin; row < end && !stop(); ++row)
    careful_add(mixture, rows, row, weight == nullptr ? 1.0 : weight[row], s, sums);
}

template <typename T>
void posterior(const Mixture& mixture, const void* planned, const Rows& rows, std::size_t begin,
               std::size_t end, void* memory, double* log_densities, double* responsibilities,
               const Stop& stop) {
  Arena planned_arena(const_cast<void*>(planned)), arena(memory);
  const Plan<T> plan(mixture, planned_arena);
  const Scratch<T> s(mixture, plan.stride, arena);
  const std::size_t k = mixture.n_components;
  for (std::size_t at = begin; at < end && !stop(); at += plan.block) {
    const std::size_t count = std::min(plan.block, end - at);
    const std::size_t padded = block_density(mixture, plan, rows, at, count, s);
    for (std::size_t row = 0; row < padded; row += kLanes<T>) {
      const Wide<T> value = log_density(s, row);
      for (std::size_t i = row; i < std::min(row + kLanes<T>, count); ++i)
        log_densities[at + i] = value[i - row];
    }
    if (responsibilities != nullptr)
      for (std::size_t i = 0; i < count; ++i)
        for (std::size_t c = 0; c < k; ++c)
          responsibilities[(at + i) * k + c] =
              static_cast<double>(s.joint[c * plan.stride + i]) / static_cast<double>(s.norm[i]);
    for (std::size_t i = at; i < at + count; ++i) {
      if (std::isfinite(log_densities[i])) continue;
      log_densities[i] = careful_row(mixture, rows, i, s);
      if (responsibilities != nullptr) std::copy_n(s.row_joint, k, responsibilities + i * k);
    }
  }
}

// float32 rows are worked on in float64 too.
using Real = double;

}  // namespace

extern const Kernel kKernel;
const Kernel kKernel = {
    GMIX_LEVEL_NAME,
    [](const Mixture& mixture, bool) { return measure_plan<Real>(mixture); },
    [](const Mixture& mixture, bool) { return measure_scratch<Real>(mixture); },
    [](const Mixture& mixture, bool, void* memory) {
      Arena arena(memory);
      make_plan(mixture, Plan<Real>(mixture, arena));
    },
    expect<Real>,
    posterior<Real>,
};

}  // namespace gmix::GMIX_LEVEL
