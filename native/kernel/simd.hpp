// SIMD vectors, in the vector extensions that GCC and Clang offer on every machine.
#pragma once

#include <cstddef>
#include <cstdint>
#include <type_traits>
#include <utility>

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

// Vector registers, and how many of them a loop uses for sums of products; the others hold the factors.
#if defined(__AVX512F__) || defined(__aarch64__)
inline constexpr int kRegisters = 32;
#else
inline constexpr int kRegisters = 16;
#endif
inline constexpr int kAccumulators = kRegisters * 3 / 4;

template <typename T>
inline constexpr int kLanes = kVectorBytes / static_cast<int>(sizeof(T));

template <typename T, int Lanes>
struct VectorOf {
  typedef T type __attribute__((vector_size(sizeof(T) * Lanes)));
};

template <typename T>
using Vector = typename VectorOf<T, kLanes<T>>::type;

// A vector of doubles with as many lanes as a vector of T.
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

// A compile-time constant as a function argument.
template <int N>
struct Constant {
  constexpr int operator()() const { return N; }
};

// Calls function(Constant<n>()) with n = min(count, Most), count at least 1.
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

inline Vector<double> square_root(Vector<double> x) {
#if defined(__AVX512F__)
  return reinterpret_cast<Vector<double>>(_mm512_sqrt_pd(reinterpret_cast<__m512d>(x)));
#elif defined(__AVX__)
  return reinterpret_cast<Vector<double>>(_mm256_sqrt_pd(reinterpret_cast<__m256d>(x)));
#elif defined(__x86_64__)
  return reinterpret_cast<Vector<double>>(_mm_sqrt_pd(reinterpret_cast<__m128d>(x)));
#else
  for (int i = 0; i < kLanes<double>; ++i) x[i] = __builtin_sqrt(x[i]);
  return x;
#endif
}

// Whether all bits are zero, that is, all lanes are +0.
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

// Keeps a value in a register. Without this, compilers load it again for each use.
template <typename V>
inline V keep_in_register(V vector) {
#if defined(__x86_64__)
  asm("" : "+v"(vector));
#endif
  return vector;
}

// The sum of the lanes: the upper half is added to the lower half until one lane remains.
template <typename V>
inline double sum(V vector) {
  constexpr int lanes = sizeof(V) / sizeof(vector[0]);
  double part[lanes];
  for (int i = 0; i < lanes; ++i) part[i] = vector[i];
  for (int half = lanes / 2; half > 0; half /= 2)
    for (int i = 0; i < half; ++i) part[i] += part[i + half];
  return part[0];
}

// A square matrix of as many vectors as they have lanes. It is transposed by halves: for each distance 1, 2, 4, ...,
// the lanes that differ from their vector's number in that bit are exchanged across the diagonal.
template <typename T>
class SquareOfVectors {
  static constexpr int kSide = kLanes<T>;
  using V = Vector<T>;
  using Index = std::conditional_t<sizeof(T) == 8, std::int64_t, std::int32_t>;

  static constexpr auto kLaneNumbers = std::make_integer_sequence<int, kSide>();

  // Shuffles the lanes of a, followed by those of b: lane i of the result is lane Source::of(i).
  template <typename Source, int... Lane>
  [[gnu::always_inline]] static V shuffled(V a, V b, std::integer_sequence<int, Lane...>) {
#if defined(__clang__)
    return __builtin_shufflevector(a, b, Source::of(Lane)...);
#else
    typedef typename VectorOf<Index, kSide>::type Indices;
    return __builtin_shuffle(a, b, Indices{Source::of(Lane)...});
#endif
  }

  template <int Distance>
  struct Own {
    static constexpr int of(int lane) { return ((lane & Distance) == 0 ? 0 : kSide) + lane; }
  };
  // Lanes of a where the bit of this distance is clear, else of b. AVX-512 has one unit for shuffles, so a selection by
  // a mask is used instead; for AVX, compilers turn such a selection into two instructions, so the shuffle is better.
  template <int Distance, int... Lane>
  [[gnu::always_inline]] static V blended(V a, V b, std::integer_sequence<int, Lane...> lane_numbers) {
    if constexpr (kVectorBytes < 64) return shuffled<Own<Distance>>(a, b, lane_numbers);
    typedef typename VectorOf<Index, kSide>::type Indices;
    return (Indices{Lane...} & Distance) == 0 ? a : b;
  }

  template <int Distance, bool Second>
  struct Half {
    static constexpr int of(int lane) {
      const bool own = (lane & Distance) == 0;
      return Second ? (own ? lane + Distance : kSide + lane) : (own ? lane : kSide + lane - Distance);
    }
  };
  template <int Distance>
  struct Across {
    static constexpr int of(int lane) { return ((lane & Distance) == 0 ? 0 : kSide) + (lane ^ Distance); }
  };
  template <int First>
  struct EveryOther {
    static constexpr int of(int lane) { return 2 * lane + First; }
  };

 public:
  // Separates D interleaved columns; D is 1, 2 or 4.
  template <int D>
  [[gnu::always_inline]] static void deinterleave(V (&v)[D]) {
    if constexpr (D > 1) {
      V even[D / 2], odd[D / 2];
#pragma GCC unroll 2
      for (int i = 0; i < D / 2; ++i) {
        even[i] = shuffled<EveryOther<0>>(v[2 * i], v[2 * i + 1], kLaneNumbers);
        odd[i] = shuffled<EveryOther<1>>(v[2 * i], v[2 * i + 1], kLaneNumbers);
      }
      deinterleave(even);
      deinterleave(odd);
#pragma GCC unroll 2
      for (int i = 0; i < D / 2; ++i) v[2 * i] = even[i], v[2 * i + 1] = odd[i];
    }
  }

  template <int Distance = kSide / 2>
  [[gnu::always_inline]] static void transpose(V (&v)[kSide]) {
    if constexpr (Distance > 0) {
#pragma GCC unroll 16
      for (int i = 0; i < kSide; ++i) {
        if ((i & Distance) != 0) continue;
        const V a = v[i], b = v[i + Distance];
        v[i] = shuffled<Half<Distance, false>>(a, b, kLaneNumbers);
        v[i + Distance] = shuffled<Half<Distance, true>>(a, b, kLaneNumbers);
      }
      transpose<Distance / 2>(v);
    }
  }

  // Lane i of the result is the sum of the lanes of vector i: additions are interleaved with the transposition.
  template <int Distance = kSide / 2>
  [[gnu::always_inline]] static V sums(V (&v)[kSide]) {
    if constexpr (Distance == 0) {
      return v[0];
    } else {
#pragma GCC unroll 8
      for (int i = 0; i < Distance; ++i) {
        const V a = v[i], b = v[i + Distance];
        v[i] = blended<Distance>(a, b, kLaneNumbers) + shuffled<Across<Distance>>(a, b, kLaneNumbers);
      }
      return sums<Distance / 2>(v);
    }
  }
};

// Sets sums[i] to the sum of the lanes of vector i.
template <typename T, int N>
[[gnu::always_inline]] inline void sum_lanes(const Vector<T> (&vectors)[N], double (&sums)[N]) {
  constexpr int lanes = kLanes<T>;
#pragma GCC unroll 16
  for (int i = 0; i < N; i += lanes) {
    Vector<T> square[lanes] = {};
#pragma GCC unroll 16
    for (int j = 0; j < lanes && i + j < N; ++j) square[j] = vectors[i + j];
    const Wide<T> together = widen<T>(SquareOfVectors<T>::sums(square));
    __builtin_memcpy(sums + i, &together, sizeof(double) * (N - i < lanes ? N - i : lanes));
  }
}

// Adds the sum of the lanes of vector i to *to[i].
template <typename T, int N>
[[gnu::always_inline]] inline void add_sums(const Vector<T> (&vectors)[N], double* const (&to)[N]) {
  double sums[N];
  sum_lanes<T>(vectors, sums);
#pragma GCC unroll 16
  for (int i = 0; i < N; ++i) *to[i] += sums[i];
}

// Adds the sums of the lanes of R * C vectors to R rows of C contiguous numbers, `step` apart.
template <typename T, int R, int C>
[[gnu::always_inline]] inline void add_sums(const Vector<T> (&vectors)[R * C], double* to, std::size_t step) {
  double sums[R * C];
  sum_lanes<T>(vectors, sums);
  constexpr int whole = C / kLanes<double> * kLanes<double>;
#pragma GCC unroll 16
  for (int i = 0; i < R; ++i, to += step) {
#pragma GCC unroll 16
    for (int j = 0; j < whole; j += kLanes<double>) store(to + j, load(to + j) + load(sums + i * C + j));
#pragma GCC unroll 16
    for (int j = whole; j < C; ++j) to[j] += sums[i * C + j];
  }
}

}  // namespace gmix::GMIX_LEVEL
