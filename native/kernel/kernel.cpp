// The kernel of one instruction level: this file is compiled once for each.
//
// It holds templates of its own namespace only, and nothing of the standard library that the linker
// could share with code for a lesser machine.
#include "kernel/kernel.hpp"

#include "kernel/algebra.hpp"
#include "kernel/density.hpp"
#include "kernel/expectation.hpp"
#include "kernel/load.hpp"
#include "kernel/nearest.hpp"
#include "kernel/paths/far_apart.hpp"
#include "kernel/paths/few_columns.hpp"
#include "kernel/paths/row_by_row.hpp"

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
  Scratch<T>(mixture, plan, arena);
  return arena.used();
}

bool all_finite(const double* values, std::size_t count) {
  constexpr std::size_t lanes = kLanes<double>;
  Vector<double> zeros = {};
  std::size_t i = 0;
  for (; i + lanes <= count; i += lanes) zeros += load(values + i) * 0.0;
  double zero = sum(zeros);
  for (; i < count; ++i) zero += values[i] * 0.0;
  return zero == 0.0;
}

void clear(const Mixture& m, Sums& sums) {
  std::fill_n(sums.mass, m.n_components, 0.0);
  std::fill_n(sums.first, m.n_components * m.n_features, 0.0);
  std::fill_n(sums.second, second_size(m), 0.0);
  sums.log_likelihood = 0.0;
}

// Brings sums to the units of the mixture's own whitener.
void rescale(const Mixture& m, Sums& sums) {
  for (std::size_t i = 0; i < m.n_components * m.n_features; ++i) sums.first[i] /= kScale;
  for (std::size_t i = 0; i < second_size(m); ++i) sums.second[i] /= kScale * kScale;
}

// Back from the frame. The constants' rounding, too, is the same for all rows, and would not even out over them.
template <typename T>
void restore_constants(const Mixture& given, const Plan<T>& plan, Sums& sums) {
  for (std::size_t c = 0; c < given.n_components; ++c) {
    const double constant = plan.log_constants[c], rounding = constant - static_cast<double>(static_cast<T>(constant));
    const double lost = rounding * kLog2 + given.log_constants[c] - plan.seen_constants[c];
    if (sums.mass[c] > 0.0) sums.log_likelihood += sums.mass[c] * lost;
  }
}

template <typename T>
void expect(const Mixture& given, const Plan<T>& plan, const Rows& rows, std::size_t begin, std::size_t end,
            const double* weight, void* memory, Sums& sums, const Stop& stop) {
  Arena arena(memory);
  const Mixture mixture = plan.seen(given);
  const Scratch<T> s(mixture, plan, arena);
  clear(mixture, sums);
  if (*plan.near) clear_linear(mixture, plan, s);
  for (std::size_t at = begin; at < end && !stop(); at += plan.rows()) {
    const std::size_t count = std::min(plan.rows(), end - at), groups = padded<T>(count);
    set_weights(s, weight, at, count, groups);
    load_rows(rows, at, count, groups, plan.frame(), s.x);
    const std::size_t steps = groups / kUnroll * (is_narrow(mixture) ? 1 : mixture.n_components);
    Ahead ahead(rows, at + count, std::min(at + 2 * count, rows.n_rows), steps);
    if (is_narrow(mixture)) {
      add_narrow(mixture, plan, s, groups, weight != nullptr, ahead, sums);
    } else {
      evaluate(mixture, plan, s, groups, ahead);
      const std::size_t columns = at == begin ? bounding_columns(mixture, plan, s, groups, true) : 0;
      accumulate(mixture, plan, s, groups, weight != nullptr, sums);
      if (columns == 0) continue;
      for (at += count; at < end && !stop(); at += plan.span)
        Apart<T>(mixture, plan, s, rows, at, std::min(plan.span, end - at), columns, stop).add(weight, sums);
      break;
    }
  }
  if (*plan.near) finish_linear(mixture, plan, s, sums);
  if constexpr (kFramed<T>) restore_constants(given, plan, sums);
  rescale(mixture, sums);
  if (all_finite(&sums.log_likelihood, 1) && all_finite(sums.mass, mixture.n_components) &&
      all_finite(sums.first, mixture.n_components * mixture.n_features) &&
      all_finite(sums.second, second_size(mixture)))
    return;
  clear(mixture, sums);
  for (std::size_t row = begin; row < end && !stop(); ++row)
    careful_add(given, rows, row, weight == nullptr ? 1.0 : weight[row], s, sums);
}

void posterior(const Mixture& mixture, const void* planned, const Rows& rows, std::size_t begin, std::size_t end,
               void* memory, double* log_densities, double* responsibilities, const Stop& stop) {
  Arena planned_arena(const_cast<void*>(planned)), arena(memory);
  const Plan<double> plan(mixture, planned_arena);
  const Scratch<double> s(mixture, plan, arena);
  const std::size_t k = mixture.n_components;
  const auto write = [&](const Plan<double>& block, const Scratch<double>& from, std::size_t at, std::size_t count) {
    for (std::size_t i = 0; i < count; i += kLanes<double>) {
      const Wide<double> value = log_density(from, i / kLanes<double>);
      for (std::size_t lane = 0; lane < kLanes<double> && i + lane < count; ++lane)
        log_densities[at + i + lane] = value[lane];
    }
    if (responsibilities != nullptr)
      for (std::size_t i = 0; i < count; ++i)
        for (std::size_t c = 0; c < k; ++c)
          responsibilities[(at + i) * k + c] = from.joint[c * block.stride + i] / from.norm[i];
    for (std::size_t i = at; i < at + count; ++i) {
      if (std::isfinite(log_densities[i])) continue;
      log_densities[i] = careful_row(mixture, rows, i, s);
      if (responsibilities != nullptr) std::copy_n(s.row_joint, k, responsibilities + i * k);
    }
  };
  for (std::size_t at = begin; at < end && !stop(); at += plan.rows()) {
    const std::size_t count = std::min(plan.rows(), end - at), groups = padded<double>(count);
    load_rows(rows, at, count, groups, plan.frame(), s.x);
    Ahead ahead(rows, at + count, std::min(at + 2 * count, rows.n_rows), groups / kUnroll * k);
    evaluate(mixture, plan, s, groups, ahead);
    const std::size_t columns = at == begin ? bounding_columns(mixture, plan, s, groups, false) : 0;
    write(plan, s, at, count);
    if (columns == 0) continue;
    for (at += count; at < end && !stop(); at += plan.span) {
      const std::size_t left = std::min(plan.span, end - at);
      const auto block = Apart<double>(mixture, plan, s, rows, at, left, columns, stop).exponentials(nullptr);
      write(block.plan, block.scratch, at, left);
    }
    break;
  }
}

std::size_t plan_size(const Mixture& mixture) {
  return std::max(measure_plan<double>(mixture), measure_plan<float>(mixture));
}

std::size_t scratch_size(const Mixture& mixture) {
  return std::max(measure_scratch<double>(mixture), measure_scratch<float>(mixture));
}

template <typename T>
void make_all(const Mixture& mixture, void* memory) {
  Arena arena(memory);
  const Plan<T> plan(mixture, arena);
  if constexpr (kFramed<T>) make_frame(mixture, plan);
  const Mixture seen = plan.seen(mixture);
  make_plan(seen, plan);
  make_linear(seen, plan);
}

void plan_any(const Mixture& mixture, bool coarse, void* memory) {
  coarse ? make_all<float>(mixture, memory) : make_all<double>(mixture, memory);
}

void expect_any(const Mixture& mixture, bool coarse, const void* planned, const Rows& rows, std::size_t begin,
                std::size_t end, const double* weight, void* memory, Sums& sums, const Stop& stop) {
  Arena arena(const_cast<void*>(planned));
  if (coarse)
    expect(mixture, Plan<float>(mixture, arena), rows, begin, end, weight, memory, sums, stop);
  else
    expect(mixture, Plan<double>(mixture, arena), rows, begin, end, weight, memory, sums, stop);
}

}  // namespace

extern const Kernel kKernel;
const Kernel kKernel = {GMIX_LEVEL_NAME, plan_size,    scratch_size, plan_any,  expect_any, posterior,
                        cholesky,        invert_lower, congruence,   distances, nearest};

}  // namespace gmix::GMIX_LEVEL
