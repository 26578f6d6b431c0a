// Vectors of rows: one SIMD lane per row, as GCC and Clang spell them on every machine.
#pragma once

#include <cstddef>
#include <cstdint>

#if defined(__x86_64__)
#include <immintrin.h>
#endif

namespace gmix::GMIX_LEVEL {

#if defined(__AVX512F__)
inline constexpr int kVectorBytes = 64;
#elif defined(__AVX__)
inline constexpr int kVectorBytes = 32;
#else
inline constexpr int kVectorBytes = 16;
#endif

template <typename T>
inline constexpr int kLanes = kVectorBytes / static_cast<int>(sizeof(T));

template <typename T, int Lanes>
struct VectorOf {
  typedef T type __attribute__((vector_size(sizeof(T) * Lanes)));
};

template <typename T>
using Vector = typename VectorOf<T, kLanes<T>>::type;

// As many doubles as a vector of T has lanes.
template <typename T>
using Wide = typename VectorOf<double, kLanes<T>>::type;

template <typename T>
inline Vector<T> load(const T* from) {
  Vector<T> vector;
  __builtin_memcpy(&vector, from, sizeof vector);
  return vector;
}

template <typename T>
inline void store(T* to, Vector<T> vector) {
  __builtin_memcpy(to, &vector, sizeof vector);
}

template <typename T>
inline Vector<T> broadcast(T value) {
  return value - Vector<T>{};
}

// A number known when compiling, as an argument.
template <int N>
struct Constant {
  constexpr int operator()() const { return N; }
};

// Calls with a count from 1 to Most as a constant.
template <int Most, typename Function>
[[gnu::always_inline]] inline void with_count(std::size_t count, const Function& function) {
  if constexpr (Most > 1)
    if (count < Most) return with_count<Most - 1>(count, function);
  function(Constant<Most>());
}

template <typename T>
inline Wide<T> widen(Vector<T> vector) {
  return __builtin_convertvector(vector, Wide<T>);
}

template <typename V>
inline V larger(V a, V b) {
  return a > b ? a : b;  // b where a is NaN
}

// Whether every bit is zero, that is, every lane +0.
template <typename V>
inline bool all_zero(V vector) {
#if defined(__AVX512F__)
  const __m512i bits = reinterpret_cast<__m512i>(vector);
  return _mm512_test_epi64_mask(bits, bits) == 0;
#elif defined(__AVX__)
  const __m256i bits = reinterpret_cast<__m256i>(vector);
  return _mm256_testz_si256(bits, bits) != 0;
#else
  typedef typename VectorOf<std::uint64_t, sizeof(V) / 8>::type Bits;
  const Bits bits = reinterpret_cast<Bits>(vector);
  return (bits[0] | bits[1]) == 0;
#endif
}

// Whether no lane reaches a limit; true where all are NaN.
template <typename V, typename T>
inline bool all_below(V vector, T limit) {
  return all_zero(reinterpret_cast<V>(vector >= limit));
}

// Holds a value in a register: compilers would rather load it again for each of its uses.
template <typename V>
inline V keep(V vector) {
#if defined(__x86_64__)
  asm("" : "+v"(vector));
#endif
  return vector;
}

// The sum of the lanes, halved in a fixed order.
template <typename V>
inline double sum(V vector) {
  constexpr int lanes = sizeof(V) / sizeof(vector[0]);
  double part[lanes];
  for (int i = 0; i < lanes; ++i) part[i] = vector[i];
  for (int half = lanes / 2; half > 0; half /= 2)
    for (int i = 0; i < half; ++i) part[i] += part[i + half];
  return part[0];
}

#if defined(__AVX__)
inline __m256d fold(__m256d v) { return v; }
inline __m256d fold(__m256 v) {
  return _mm256_cvtps_pd(_mm256_castps256_ps128(v)) + _mm256_cvtps_pd(_mm256_extractf128_ps(v, 1));
}
#endif
#if defined(__AVX512F__)
inline __m256d fold(__m512d v) { return _mm512_castpd512_pd256(v) + _mm512_extractf64x4_pd(v, 1); }
inline __m256d fold(__m512 v) { return fold(_mm512_castps512_ps256(v)) + fold(_mm512_extractf32x8_ps(v, 1)); }
#endif

#if defined(__AVX__)
// The sums of the lanes of four vectors.
template <typename V>
inline __m256d sums_of_four(const V* vectors) {
  const __m256d ab = _mm256_hadd_pd(fold(vectors[0]), fold(vectors[1]));
  const __m256d cd = _mm256_hadd_pd(fold(vectors[2]), fold(vectors[3]));
  return _mm256_permute2f128_pd(ab, cd, 0x20) + _mm256_permute2f128_pd(ab, cd, 0x31);
}
#endif

// Adds the sum of the lanes of each of N vectors to a number of its own.
template <int N, typename V>
inline void add_sums(const V (&vectors)[N], double* const (&to)[N]) {
  int i = 0;
#if defined(__AVX__)
#pragma GCC unroll 8
  for (; i + 4 <= N; i += 4) {
    const __m256d total = sums_of_four(vectors + i);
#pragma GCC unroll 4
    for (int lane = 0; lane < 4; ++lane) *to[i + lane] += total[lane];
  }
#endif
#pragma GCC unroll 16
  for (; i < N; ++i) *to[i] += sum(vectors[i]);
}

// Adds the sum of the lanes of each of N vectors to N numbers that follow one another.
template <int N, typename V>
inline void add_sums(const V (&vectors)[N], double* to) {
  int i = 0;
#if defined(__AVX__)
#pragma GCC unroll 8
  for (; i + 4 <= N; i += 4) _mm256_storeu_pd(to + i, _mm256_loadu_pd(to + i) + sums_of_four(vectors + i));
#endif
#pragma GCC unroll 16
  for (; i < N; ++i) to[i] += sum(vectors[i]);
}

}  // namespace gmix::GMIX_LEVEL
