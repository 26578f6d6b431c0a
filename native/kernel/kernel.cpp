// The kernel of one instruction level: this file is compiled once for each.
//
// It may use only inline functions and templates of its own namespace, and nothing of the standard library that the
// linker could share with code for a processor of a lower level: the linker keeps one copy, which may be the wrong one.
#include "kernel/kernel.hpp"

#include "kernel/add_densities.hpp"
#include "kernel/algebra.hpp"
#include "kernel/choose_path.hpp"
#include "kernel/draws.hpp"
#include "kernel/families.hpp"
#include "kernel/nearest.hpp"
#include "kernel/paths/incomplete.hpp"
#include "kernel/paths/neighbors.hpp"
#include "kernel/paths/noisy.hpp"
#include "kernel/paths/truncated.hpp"
#include "kernel/sums.hpp"

namespace gmix::GMIX_LEVEL {
namespace {

// A mixture laid out for one precision. The plan of its path follows in the arena.
template <typename T>
struct Plan {
  Path* path;
  double* log_constants;  // (K), base 2
  FramedMixture<T> framed;
  neighbors::Plan<T> neighbors;  // of the path that chunks of rows may take instead

  Plan(const Mixture& m, Arena& arena)
      : path(arena.take<Path>(1)),
        log_constants(arena.take<double>(m.n_components)),
        framed(m, arena),
        neighbors(m, arena) {}
};

template <typename T>
void make_plan(const Mixture& given, void* memory) {
  Arena arena(memory);
  const Plan<T> plan(given, arena);
  if constexpr (kFramed<T>) set_frame(given, plan.framed);
  const Mixture m = plan.framed.view(given);
  for (std::size_t c = 0; c < m.n_components; ++c) plan.log_constants[c] = m.log_constants[c] / kLog2;
  neighbors::set_plan(m, plan.log_constants, plan.neighbors);
  // The two plans take the same place, because only one of them is kept.
  Arena of_products = prefers_matrix_products(m) ? arena : Arena(nullptr), of_residuals = arena;
  const matrix_products::Plan<T> products(m, of_products);
  *plan.path = choose_path(m, products);
  if (*plan.path == Path::kMatrixProducts)
    matrix_products::set_coefficients(m, products, plan.log_constants);
  else
    pack_components(m, residuals::Plan<T>(m, of_residuals).components);
}

template <typename T>
std::size_t measure_plan(const Mixture& m) {
  Arena arena(nullptr);
  const Plan<T> plan(m, arena);
  Arena of_products = arena, of_residuals = arena;
  if (prefers_matrix_products(m)) matrix_products::Plan<T>(m, of_products);
  residuals::Plan<T>(m, of_residuals);
  return std::max(of_products.used(), of_residuals.used());
}

template <typename T>
std::size_t measure_scratch(const Mixture& m) {
  Arena nowhere(nullptr), arena(nullptr);
  row_by_row::Scratch(m, arena);
  Arena of_neighbors = arena, of_products = arena, of_residuals = arena, of_few_columns = arena;
  if (neighbors::may_have_neighbors(m)) neighbors::Scratch<T>(m, neighbors::Plan<T>(m, nowhere), of_neighbors);
  if (prefers_matrix_products(m)) matrix_products::Scratch<T>(m, matrix_products::Plan<T>(m, nowhere), of_products);
  const residuals::Plan<T> plan(m, nowhere);
  residuals::Scratch<T>(m, plan, of_residuals);
  if (may_lie_far_apart(m)) far_apart::Scratch<T>(m, far_apart::Plan<T>(m), of_residuals);
  if (has_few_columns(m)) few_columns::Scratch<T>(m, plan, of_few_columns);
  return std::max({of_neighbors.used(), of_products.used(), of_residuals.used(), of_few_columns.used()});
}

// Prefetching is spread over the calls of normalize(), which are as many as this.
std::size_t prefetching_calls(std::size_t groups, std::size_t k) { return groups / kUnroll * k; }

template <typename T>
void add_by_few_columns(const Mixture& m, const Plan<T>& common, Arena planned, Arena memory, const Chunk& chunk,
                        WhitenedSums& sums) {
  const few_columns::Plan<T> plan(m, planned);
  const few_columns::Scratch<T> s(m, plan, memory);
  for (std::size_t at = chunk.begin; at < chunk.end && !chunk.interruption(); at += plan.block) {
    const RowBlock<T> block(chunk, at, plan.block);
    block.set_weights(chunk.weight, s.weight);
    block.load(chunk, common.framed.frame, s.x);
    few_columns::add_block(m, common.log_constants, plan, s, block.groups, chunk.weight != nullptr,
                           block.prefetch(chunk.rows, prefetching_calls(block.groups, 1)), sums);
  }
}

template <typename T>
void add_by_matrix_products(const Mixture& m, const Plan<T>& common, Arena planned, Arena memory, const Chunk& chunk,
                            WhitenedSums& sums) {
  const matrix_products::Plan<T> plan(m, planned);
  const matrix_products::Scratch<T> s(m, plan, memory);
  matrix_products::clear(m, plan, s);
  for (std::size_t at = chunk.begin; at < chunk.end && !chunk.interruption(); at += plan.block) {
    const RowBlock<T> block(chunk, at, plan.block);
    block.set_weights(chunk.weight, s.weight);
    block.load(chunk, common.framed.frame, s.x);
    matrix_products::evaluate(m, plan, s, block.groups,
                              block.prefetch(chunk.rows, prefetching_calls(block.groups, m.n_components)));
    matrix_products::accumulate(m, s, block.groups, chunk.weight != nullptr, sums);
  }
  matrix_products::finish(m, plan, s, sums);
}

// Evaluates a chunk by residuals and, if its first block says so, the other blocks as lying far apart. Calls
// function(block, densities, accumulate) for each block, and accumulate(sums) adds it to the sums.
template <typename T, typename F, typename Function>
void evaluate_residuals(const F& family, const Mixture& m, const Plan<T>& common, Arena planned, Arena memory,
                        const Chunk& chunk, bool moments, const Function& function) {
  const Frame& frame = common.framed.frame;
  const residuals::Plan<T> plan(m, planned);
  const residuals::Scratch<T> s(m, plan, memory);
  std::size_t at = chunk.begin, columns = 0;
  for (; at < chunk.end && columns == 0 && !chunk.interruption(); at += plan.block) {
    const RowBlock<T> block(chunk, at, plan.block);
    block.load(chunk, frame, s.x);
    residuals::evaluate(family, m, common.log_constants, plan, s, block.groups,
                        block.prefetch(chunk.rows, prefetching_calls(block.groups, m.n_components)));
    if (at == chunk.begin) columns = choose_bounding_columns(m, common.log_constants, plan, s, block.groups, moments);
    function(block, s.densities, [&](WhitenedSums& sums) {
      block.set_weights(chunk.weight, s.weight);
      residuals::accumulate<F>(m, plan, s, block.groups, chunk.weight != nullptr, sums);
    });
  }
  if (columns == 0) return;
  const far_apart::Plan<T> apart(m);
  const far_apart::Scratch<T> scratch(m, apart, memory);
  for (; at < chunk.end && !chunk.interruption(); at += apart.window) {
    const RowBlock<T> block(chunk, at, apart.window);
    const far_apart::Window<T> window(m, chunk, frame, common.log_constants, plan.components, apart, scratch, block,
                                      columns);
    window.evaluate();
    function(block, scratch.densities, [&](WhitenedSums& sums) { window.accumulate(sums); });
  }
}

template <typename T, typename F>
void add_by_residuals(const F& family, const Mixture& m, const Plan<T>& common, Arena planned, Arena memory,
                      const Chunk& chunk, WhitenedSums& sums) {
  evaluate_residuals(family, m, common, planned, memory, chunk, true,
                     [&](const RowBlock<T>&, const Densities<T>&, const auto& accumulate) { accumulate(sums); });
}

// Adds a chunk by neighbors; false if another path is better for its rows.
template <typename T>
bool add_by_neighbors(const Mixture& m, const Plan<T>& common, Arena memory, const Chunk& chunk, WhitenedSums& sums) {
  if (!*common.neighbors.used) return false;
  const neighbors::Scratch<T> s(m, common.neighbors, memory);
  if (neighbors::ChunkOfRows<T>(m, chunk, common.framed.frame, common.neighbors, s).add(sums)) return true;
  clear(m, sums);
  return false;
}

template <typename T, typename F>
void add_by_path(const F& family, const Mixture& m, const Plan<T>& plan, Arena planned, Arena memory,
                 const Chunk& chunk, WhitenedSums& sums) {
  if (*plan.path == Path::kFewColumns) return add_by_few_columns(m, plan, planned, memory, chunk, sums);
  if (*plan.path == Path::kMatrixProducts) return add_by_matrix_products(m, plan, planned, memory, chunk, sums);
  add_by_residuals(family, m, plan, planned, memory, chunk, sums);
}

template <typename T, typename F>
void expect(const F& family, const Mixture& given, Arena planned, Arena memory, const Chunk& chunk,
            WhitenedSums& sums) {
  const Plan<T> plan(given, planned);
  const Mixture m = plan.framed.view(given);
  const row_by_row::Scratch single(given, memory);
  clear(m, sums);
  if (!add_by_neighbors(m, plan, memory, chunk, sums)) add_by_path(family, m, plan, planned, memory, chunk, sums);
  if constexpr (kFramed<T>) restore_constants(given, plan.framed, plan.log_constants, sums);
  rescale(m, sums);
  if (all_finite(m, sums)) return;
  clear(given, sums);
  for (std::size_t row = chunk.begin; row < chunk.end && !chunk.interruption(); ++row)
    row_by_row::add(family, given, chunk.rows, row, chunk.weight == nullptr ? 1.0 : chunk.weight[row], single, sums);
}

// Where posterior() writes what it finds.
struct Posterior {
  double* log_densities;     // (N)
  double* responsibilities;  // (N, K), or null

  template <typename F>
  void write(const F& family, const Mixture& m, const Chunk& chunk, const RowBlock<double>& block,
             const Densities<double>& from, const row_by_row::Scratch& single) const {
    const std::size_t k = m.n_components;
    if (responsibilities != nullptr)
      for (std::size_t i = 0; i < block.count; ++i)
        for (std::size_t c = 0; c < k; ++c)
          responsibilities[(block.begin + i) * k + c] = from.joint[c * from.stride + i] / from.norm[i];
    write_log_densities(family, m, chunk, block, from, single);
  }

  // Rows that overflow are evaluated again, one by one.
  template <typename F>
  void write_log_densities(const F& family, const Mixture& m, const Chunk& chunk, const RowBlock<double>& block,
                           const Densities<double>& from, const row_by_row::Scratch& single) const {
    for (std::size_t i = 0; i < block.count; i += kLanes<double>) {
      const Wide<double> value = log_density(from, i / kLanes<double>);
      for (std::size_t lane = 0; lane < kLanes<double> && i + lane < block.count; ++lane)
        log_densities[block.begin + i + lane] = value[lane];
    }
    for (std::size_t row = block.begin; row < block.begin + block.count; ++row) {
      if (std::isfinite(log_densities[row])) continue;
      log_densities[row] = row_by_row::evaluate(family, m, chunk.rows, row, single);
      if (responsibilities != nullptr)
        std::copy_n(single.responsibilities, m.n_components, responsibilities + row * m.n_components);
    }
  }
};

// Finds the posterior of a chunk by neighbors; false if another path is better for its rows.
bool find_by_neighbors(const Mixture& m, const Plan<double>& common, Arena memory, const row_by_row::Scratch& single,
                       const Chunk& chunk, const Posterior& to) {
  if (!*common.neighbors.used) return false;
  const neighbors::Scratch<double> s(m, common.neighbors, memory);
  return neighbors::ChunkOfRows<double>(m, chunk, common.framed.frame, common.neighbors, s)
      .find_posterior(to.responsibilities, [&](const RowBlock<double>& block, const Densities<double>& densities) {
        to.write_log_densities(Gaussian(), m, chunk, block, densities, single);
      });
}

template <typename F>
void posterior(const F& family, const Mixture& m, Arena planned, Arena memory, const Chunk& chunk,
               const Posterior& to) {
  const Plan<double> common(m, planned);
  const row_by_row::Scratch single(m, memory);
  if (find_by_neighbors(m, common, memory, single, chunk, to)) return;
  if (*common.path == Path::kMatrixProducts) {
    const matrix_products::Plan<double> plan(m, planned);
    const matrix_products::Scratch<double> s(m, plan, memory);
    matrix_products::clear(m, plan, s);
    for (std::size_t at = chunk.begin; at < chunk.end && !chunk.interruption(); at += plan.block) {
      const RowBlock<double> block(chunk, at, plan.block);
      block.load(chunk, common.framed.frame, s.x);
      matrix_products::evaluate(m, plan, s, block.groups,
                                block.prefetch(chunk.rows, prefetching_calls(block.groups, m.n_components)));
      to.write(family, m, chunk, block, s.densities, single);
    }
    return;
  }
  // Few columns keep no responsibilities; their plan is that of residuals.
  evaluate_residuals(family, m, common, planned, memory, chunk, false,
                     [&](const RowBlock<double>& block, const Densities<double>& densities, const auto&) {
                       to.write(family, m, chunk, block, densities, single);
                     });
}

std::size_t plan_size(const Mixture& m) { return std::max(measure_plan<double>(m), measure_plan<float>(m)); }

std::size_t scratch_size(const Mixture& m) { return std::max(measure_scratch<double>(m), measure_scratch<float>(m)); }

// Whether float32 is used.
bool is_coarse(const Mixture& m, bool allowed) { return allowed && m.family == Family::kGaussian; }

void plan_any(const Mixture& m, bool coarse, void* memory) {
  is_coarse(m, coarse) ? make_plan<float>(m, memory) : make_plan<double>(m, memory);
}

template <typename T>
void expect_with(const Mixture& m, void* planned, void* memory, const Chunk& chunk, WhitenedSums& sums) {
  with_family<T>(m, [&](const auto& family) {
    expect<T>(family, m, Arena(planned), Arena(memory), chunk, sums);
    if constexpr (std::decay_t<decltype(family)>::kHasFactors)
      for (std::size_t c = 0; c < m.n_components; ++c)
        sums.log_factors[c] += sums.counts[c] * family.log_factor_excess(c, m.n_features);
  });
  if (m.family == Family::kGaussian && sums.counts != nullptr && sums.counts != sums.mass)
    std::copy_n(sums.mass, m.n_components, sums.counts);
}

void expect_any(const Mixture& m, bool coarse, const void* planned, const Rows& rows, std::size_t begin,
                std::size_t end, const double* weight, void* memory, WhitenedSums& sums,
                const Interruption& interruption) {
  const auto by = is_coarse(m, coarse) ? expect_with<float> : expect_with<double>;
  by(m, const_cast<void*>(planned), memory, {rows, begin, end, weight, interruption}, sums);
}

void posterior_any(const Mixture& m, const void* planned, const Rows& rows, std::size_t begin, std::size_t end,
                   void* memory, double* log_densities, double* responsibilities, const Interruption& interruption) {
  with_family<double>(m, [&](const auto& family) {
    posterior(family, m, Arena(const_cast<void*>(planned)), Arena(memory), {rows, begin, end, nullptr, interruption},
              {log_densities, responsibilities});
  });
}

std::size_t incomplete_size(const Mixture& m) {
  Arena arena(nullptr);
  incomplete::Scratch(m, arena);
  return arena.used();
}

void begin_incomplete(const Mixture& m, void* memory) {
  Arena arena(memory);
  incomplete::begin(m, incomplete::Scratch(m, arena));
}

void expect_incomplete(const Mixture& m, const Rows& rows, const double* weight, const RowGroup& group, void* memory,
                       WhitenedSums& sums) {
  Arena arena(memory);
  const incomplete::Scratch s(m, arena);
  with_family<double>(m, [&](const auto& family) { incomplete::expect(family, m, rows, weight, group, s, sums); });
}

void finish_incomplete(const Mixture& m, void* memory, WhitenedSums& sums) {
  Arena arena(memory);
  incomplete::finish(m, incomplete::Scratch(m, arena), sums);
}

void posterior_incomplete(const Mixture& m, const Rows& rows, const RowGroup& group, void* memory, double* log_density,
                          double* responsibilities) {
  Arena arena(memory);
  const incomplete::Scratch s(m, arena);
  with_family<double>(
      m, [&](const auto& family) { incomplete::posterior(family, m, rows, group, s, log_density, responsibilities); });
}

void clear_partial(const Mixture& m, WhitenedSums& sums) {
  if (sums.joint != nullptr) std::fill_n(sums.joint, m.n_components, 0.0);
  if (sums.hidden_second != nullptr) std::fill_n(sums.hidden_second, second_size(m), 0.0);
}

// Calls function(moments, scratch) for rows with these errors.
template <typename Function>
void with_noisy(const Mixture& m, const Rows& rows, void* memory, const Function& function) {
  const bool covariances = rows.errors.covariances != nullptr;
  Arena arena(memory);
  const noisy::Scratch scratch(m, covariances, arena);
  noisy::with_moments(m, covariances, arena, [&](const auto& moments) { function(moments, scratch); });
}

void expect_noisy(const Components& components, const Rows& rows, std::size_t begin, std::size_t end,
                  const double* weight, void* memory, WhitenedSums& sums, const Interruption& interruption) {
  const Mixture& m = components.mixture;
  const Chunk chunk{rows, begin, end, weight, interruption};
  with_noisy(m, rows, memory, [&](const auto& moments, const noisy::Scratch& scratch) {
    clear(m, sums);
    clear_partial(m, sums);
    noisy::add(components, chunk, moments, scratch, sums);
    if (all_finite(m, sums)) return;
    clear(m, sums);
    clear_partial(m, sums);
    noisy::add_far(components, chunk, moments, scratch, sums);
  });
}

void posterior_noisy(const Components& components, const Rows& rows, std::size_t begin, std::size_t end, void* memory,
                     double* log_densities, double* responsibilities, double* means, const Interruption& interruption) {
  const Chunk chunk{rows, begin, end, nullptr, interruption};
  with_noisy(components.mixture, rows, memory, [&](const auto& moments, const noisy::Scratch& scratch) {
    noisy::find_posterior(components, chunk, moments, scratch, {log_densities, responsibilities, means});
  });
}

}  // namespace

extern const Kernel kKernel;
const Kernel kKernel = {GMIX_LEVEL_NAME,
                        plan_size,
                        scratch_size,
                        plan_any,
                        expect_any,
                        posterior_any,
                        incomplete_size,
                        begin_incomplete,
                        expect_incomplete,
                        finish_incomplete,
                        posterior_incomplete,
                        truncated::plan_size,
                        truncated::scratch_size,
                        truncated::make_plan,
                        truncated::find_neighbors,
                        truncated::expect,
                        noisy::scratch_size,
                        expect_noisy,
                        posterior_noisy,
                        cholesky,
                        invert_lower,
                        congruence,
                        distances,
                        nearest,
                        add_densities,
                        draw_scratch_size,
                        draw};

}  // namespace gmix::GMIX_LEVEL
