// The contract of the compiled kernel: what it reads, what it returns, and its functions. Each instruction level
// implements it once.
#pragma once

#include <cstddef>
#include <cstdint>

namespace gmix {

enum class Form { kFull, kTied, kDiagonal, kSpherical };

// Errors of rows, normal with mean zero, in C order: variances (N, D) of independent errors, or covariances (N, D, D),
// which may be singular. Both are null if rows have none. N is 1 if all rows have common errors.
struct Errors {
  const double* variances = nullptr;
  const double* covariances = nullptr;
  bool common = false;
};

// A view of a table in memory. Strides are in bytes and may have any sign and size.
struct Rows {
  const char* data;
  std::ptrdiff_t row_stride;
  std::ptrdiff_t column_stride;
  std::size_t n_rows;
  std::size_t n_features;
  bool single;  // float32 rather than float64
  // Except for those of rows with errors, the functions of the kernel take rows that are known completely, and ignore
  // these; threads/row_groups.hpp does not.
  bool incomplete = false;        // whether NaN stands for a missing cell
  const double* label = nullptr;  // (n_rows) the group of components that each row came from; negative: not known
  Errors errors = {};
  const double* log_evidence = nullptr;  // (n_rows, n_groups): added to the log densities of a group's components
  std::size_t n_groups = 0;
};

// What a component is, given the squared distance delta = |z|^2 of a row, z = W_k (x - means[k]), and its D cells:
// its log density, and the factor u that multiplies responsibilities r in the moments. Student's t is normal given a
// precision U, whose distribution is a Gamma distribution: u is the expected value of U, given the row.
enum class Family {
  kGaussian,  // log p_k(x) = log_constants[k] - delta / 2, and u = 1
  kStudentT,  // log p_k(x) = log_constants[k] - (nu + D) / 2 log(1 + delta / nu), and u = (nu + D) / (nu + delta)
};

struct Mixture {
  Form form;
  std::size_t n_components;
  std::size_t n_features;
  const double* log_constants;
  const double* means;
  const double* whitener;  // W: (K, D, D) lower | (D, D) lower | (K, D) | (K)
  Family family = Family::kGaussian;
  const double* degrees_of_freedom = nullptr;  // (K) nu, positive: of kStudentT
  const double* group = nullptr;               // (K) the group of each component, which labels of rows name
};

// One more component of a mixture, with a constant density in a box and none outside. The functions of the kernel
// ignore it; threads/background.hpp does not.
struct Background {
  const double *low = nullptr, *high = nullptr;  // (D) the box; null without a background
  const double* log_density = nullptr;           // (D) of each column; they add up
  double log_weight = 0.0;

  explicit operator bool() const { return low != nullptr; }
};

// A mixture, and its Cholesky factors L_k: the whiteners are their inverses.
struct Components {
  Mixture mixture;
  const double* factor;  // as mixture.whitener
  Background background{};
};

// WhitenedSums over rows, with weighted responsibilities r and factors u; of a symmetric second only the lower
// triangle.
struct WhitenedSums {
  double* mass;    // (K): r u
  double* first;   // (K, D): r u z
  double* second;  // (K, D, D) | (D, D) | (K, D) | (K): r u z z'
  double log_likelihood;
  double* counts = nullptr;       // (K): r. Gaussian counts are the mass, and the pointer may be null.
  double* log_factors = nullptr;  // (K): r E[log U]; null for Gaussians
  // Of rows that are known in part; null where all rows are known completely.
  double* joint = nullptr;          // (K): r log p_k(x); that of a background is in equal parts
  double* hidden_second = nullptr;  // as second: r B for the conditional covariance B of missing cells given the others
};

// Points of P coordinates in blocks of kPoints, of which the last may be shorter. Each block is an array (1 + P,
// points); its first row is not read.
struct PointBlocks {
  const double* data;
  std::size_t width;  // P
  std::size_t count;  // of points, a multiple of kPointStep
};
inline constexpr std::size_t kPoints = 128, kPointStep = 32;

// Rows of a table that have the same cells, and may have come from the same components.
struct RowGroup {
  const std::size_t *rows, *present, *absent, *components;  // positions, in increasing order
  std::size_t n_rows, n_present, n_absent, n_components;
  const double* constant;  // (K) of the family for n_present cells, less that for all cells
};

// What a truncated E-step keeps: the components of each row, the likeliest first, and the neighbors of each component,
// the nearest first.
struct Truncation {
  std::size_t n_kept, n_neighbors;  // C and G, at least one and at most K
  std::uint32_t* kept;              // (N, C)
  const std::uint32_t* neighbors;   // (K, G)
};

// Chooses the random numbers of a call: those at each position are a function of the seed.
struct Seed {
  std::uint64_t key, counter;
};

// Draws from components: points (N, D), from normal numbers in blocks of kNormalBlock.
struct Draws {
  std::size_t n_features;
  std::size_t width;             // D, rounded up to a multiple of kDrawStep
  bool diagonal;                 // whether `columns` are the diagonal (D) of each factor
  const double* means;           // (K, width)
  const double* const* columns;  // (K) the columns (D, width) of the Cholesky factor of each component that is used
  const double* label;           // (N) the component of each point
  Seed seed;
  double* points;
};
inline constexpr std::size_t kNormalBlock = 64, kDrawStep = 8;

// Says whether to return early, because the user interrupted. It is called once per block of rows; the sums of a call
// that stopped are incomplete.
struct Interruption {
  bool (*is_stopped)(void* context);
  void* context;
  bool operator()() const { return is_stopped(context); }
};

struct Kernel {
  const char* level;
  // The bytes of a plan, a mixture as the kernel's loops read it, which threads share; and of the scratch memory of one
  // thread. They depend on the form, family and sizes of the mixture alone. Memory is aligned to kAlignment.
  std::size_t (*plan_size)(const Mixture&);
  std::size_t (*scratch_size)(const Mixture&);
  // Fills the plan. If coarse, blocks of Gaussian mixtures are computed in float32 and added up in float64; other
  // families ignore it.
  void (*plan)(const Mixture&, bool coarse, void* plan);
  // Sets the sums to those of rows [begin, end). `weight` is null or one number per row of the table.
  void (*expect)(const Mixture&, bool coarse, const void* plan, const Rows&, std::size_t begin, std::size_t end,
                 const double* weight, void* scratch, WhitenedSums& sums, const Interruption& interruption);
  // Sets log_density[begin..end) and, unless null, responsibilities[(begin..end), K], from a plan that is not coarse.
  void (*posterior)(const Mixture&, const void* plan, const Rows&, std::size_t begin, std::size_t end, void* scratch,
                    double* log_density, double* responsibilities, const Interruption& interruption);
  // The same for rows with missing cells, one by one, in scratch memory of its own: begin_incomplete() prepares it for
  // a mixture, expect_incomplete() adds the rows of a group, and finish_incomplete() brings the rest to the sums. What
  // missing cells add is in hidden_second alone.
  std::size_t (*incomplete_size)(const Mixture&);
  void (*begin_incomplete)(const Mixture&, void* scratch);
  void (*expect_incomplete)(const Mixture&, const Rows&, const double* weight, const RowGroup&, void* scratch,
                            WhitenedSums& sums);
  void (*finish_incomplete)(const Mixture&, void* scratch, WhitenedSums& sums);
  void (*posterior_incomplete)(const Mixture&, const Rows&, const RowGroup&, void* scratch, double* log_density,
                               double* responsibilities);
  // Truncated E-steps of diagonal and spherical Gaussian mixtures (paths/truncated.hpp), with plans of their own.
  // find_neighbors() sets those (K, G) of components [begin, end): the best of all components, or where they are known
  // from `before` (K, G), of these and their neighbors. The scratch is that of one thread.
  std::size_t (*truncated_plan_size)(const Mixture&);
  std::size_t (*truncated_scratch_size)(const Mixture&, const Truncation&);
  void (*truncated_plan)(const Mixture&, void* plan);
  void (*find_neighbors)(const Mixture&, const void* plan, std::size_t begin, std::size_t end, std::size_t n_neighbors,
                         const std::uint32_t* before, void* scratch, std::uint32_t* neighbors);
  void (*expect_truncated)(const Mixture&, const void* plan, const Rows&, std::size_t begin, std::size_t end,
                           const double* weight, const Truncation&, void* scratch, WhitenedSums& sums,
                           const Interruption& interruption);
  // The same of Gaussian rows with errors, whose missing cells are NaN: the mixture is that of the true values. Unless
  // null, `means` (N, D) are set to the conditional means of the true values. There is no plan.
  std::size_t (*noisy_scratch_size)(const Mixture&);
  void (*expect_noisy)(const Components&, const Rows&, std::size_t begin, std::size_t end, const double* weight,
                       void* scratch, WhitenedSums& sums, const Interruption& interruption);
  void (*posterior_noisy)(const Components&, const Rows&, std::size_t begin, std::size_t end, void* scratch,
                          double* log_density, double* responsibilities, double* means,
                          const Interruption& interruption);
  // Linear algebra of (D, D) matrices in row-major order. cholesky() replaces a matrix by its lower factor; it returns
  // false if the matrix is not positive definite.
  bool (*cholesky)(double* matrix, std::size_t d);
  void (*invert_lower)(const double* factor, double* inverse, std::size_t d);
  // Sets scatter = L centered L' for a symmetric matrix. The three matrices may not overlap.
  void (*congruence)(const double* factor, const double* centered, double* work, double* scatter, std::size_t d);
  // Sets the squared distances (K, count) of points to centers (K, P), less the points' own squared norms; or the
  // nearest center (count) of each point, the first of several. `work` holds K * (1 + P) numbers.
  void (*distances)(const PointBlocks&, const double* centers, std::size_t k, double* work, double* to);
  void (*nearest)(const PointBlocks&, const double* centers, std::size_t k, double* work, std::int64_t* label);
  // Replaces log densities (count) by those of the sum with other ones, and sets their shares of the sum, one where the
  // other is zero. The arrays have room for a multiple of kPointStep numbers.
  void (*add_densities)(const double* other, std::size_t count, double* log_density, double* share);
  // Sets the points [begin, end), of which the first is at a multiple of kNormalBlock.
  std::size_t (*draw_scratch_size)(const Draws&);
  void (*draw)(const Draws&, std::size_t begin, std::size_t end, void* scratch);
};

inline constexpr std::size_t kAlignment = 64;

const Kernel& kernel();  // of the highest level that this processor runs and GMIX_LEVEL allows

inline std::size_t second_size(const Mixture& mixture) {
  const std::size_t k = mixture.n_components, d = mixture.n_features;
  switch (mixture.form) {
    case Form::kFull:
      return k * d * d;
    case Form::kTied:
      return d * d;
    case Form::kDiagonal:
      return k * d;
    case Form::kSpherical:
      return k;
  }
  return 0;
}

}  // namespace gmix
