// What a compiled kernel offers: rows and a mixture in, sums out, the same for every instruction
// level.
#pragma once

#include <cstddef>
#include <cstdint>

namespace gmix {

enum class Form { kFull, kTied, kDiagonal, kSpherical };

// A table as NumPy holds it; strides are in bytes.
struct Rows {
  const char* data;
  std::ptrdiff_t row_stride;
  std::ptrdiff_t column_stride;
  std::size_t n_rows;
  std::size_t n_features;
  bool single;  // float32, else float64
};

// What a component is, given the squared distance delta = |z|^2 of a row, z = W_k (x - means[k]), and its D cells:
// its log density, and the factor u that multiplies responsibilities r in the moments.
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
  double degrees_of_freedom = 0.0;  // nu, positive: of kStudentT
};

// Sums over rows, with weighted responsibilities r and factors u; of a symmetric second only the lower triangle.
struct Sums {
  double* mass;    // (K): r u
  double* first;   // (K, D): r u z
  double* second;  // (K, D, D) | (D, D) | (K, D) | (K): r u z z'
  double log_likelihood;
  double* counts = nullptr;  // (K): r. Gaussian counts are the mass, and the pointer may be null.
};

// Points of P coordinates in blocks of kPoints, the last one shorter; each is (1 + P, points) numbers, of which the
// first row is not read.
struct Blocks {
  const double* data;
  std::size_t width;  // P
  std::size_t count;  // points, a multiple of kPointStep
};
inline constexpr std::size_t kPoints = 128, kPointStep = 32;

// Asked once per block of rows: whether to give up.
struct Stop {
  bool (*asked)(void* context);
  void* context;
  bool operator()() const { return asked(context); }
};

struct Kernel {
  const char* level;
  // Bytes of a plan (a mixture laid out for the kernel, shared by threads) and of one thread's
  // scratch.
  std::size_t (*plan_size)(const Mixture&);
  std::size_t (*scratch_size)(const Mixture&);
  // Coarse is float32: shares and moments of a block are added up in it, blocks in float64.
  void (*plan)(const Mixture&, bool coarse, void* plan);
  // Sets sums to those of rows [begin, end); weight is null or one number per row of the table.
  void (*expect)(const Mixture&, bool coarse, const void* plan, const Rows&, std::size_t begin, std::size_t end,
                 const double* weight, void* scratch, Sums& sums, const Stop& stop);
  // Writes log_density[begin..end) and, unless null, responsibilities[(begin..end), K].
  void (*posterior)(const Mixture&, const void* plan, const Rows&, std::size_t begin, std::size_t end, void* scratch,
                    double* log_density, double* responsibilities, const Stop& stop);
  // Of (D, D) matrices, row after row. The lower Cholesky factor takes its matrix's place; false
  // if the matrix is not definite.
  bool (*cholesky)(double* matrix, std::size_t d);
  void (*invert_lower)(const double* factor, double* inverse, std::size_t d);
  // scatter = L centred L' of a symmetric matrix, which work and scatter may not be.
  void (*congruence)(const double* factor, const double* centred, double* work, double* scatter, std::size_t d);
  // Squared distances (K, count) of points to centres (K, P), less the points' own squared norms; and the nearest
  // centre (count), of several the first. Work holds K * (1 + P) numbers.
  void (*distances)(const Blocks&, const double* centres, std::size_t k, double* work, double* to);
  void (*nearest)(const Blocks&, const double* centres, std::size_t k, double* work, std::int64_t* label);
};

inline constexpr std::size_t kAlignment = 64;

const Kernel& kernel();  // the best that this machine can run

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
