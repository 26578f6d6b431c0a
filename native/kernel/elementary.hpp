// Vectorized exp2, log, reciprocals and reciprocal roots, accurate to about one unit in the last place.
//
// The polynomials are Chebyshev fits with relative errors below 2e-17 (double) and 1e-8 (float).
#pragma once

#include <iterator>

#include "kernel/simd.hpp"

namespace gmix::GMIX_LEVEL {

// Responsibilities below 2^kNegligible are set to zero. That is far below rounding, and zeros cost no further work.
inline constexpr int kNegligible = -100;

template <typename T>
struct ExpConstants;

template <>
struct ExpConstants<double> {
  using Bits = std::uint64_t;
  static constexpr double kRound = 0x1.8p52;  // adding it rounds to an integer in the low bits
  static constexpr int kMantissaBits = 52;
  static constexpr double kPolynomial[] = {// 2^x
                                           1.0,
                                           0.6931471805599453,
                                           0.24022650695910097,
                                           0.0555041086648216,
                                           0.009618129107606888,
                                           0.0013333558146416936,
                                           0.0001540353044173605,
                                           1.525273382983612e-05,
                                           1.321544258792169e-06,
                                           1.0178062445845774e-07,
                                           7.072585949269223e-09,
                                           4.4549605981865186e-10};
};

template <>
struct ExpConstants<float> {
  using Bits = std::uint32_t;
  static constexpr float kRound = 0x1.8p23f;
  static constexpr int kMantissaBits = 23;
  static constexpr float kPolynomial[] = {1.0f,
                                          0.6931471824645996f,
                                          0.24022650718688965f,
                                          0.055503569543361664f,
                                          0.009618083015084267f,
                                          0.0013390863314270973f,
                                          0.00015453163359779865f};
};

template <typename T, std::size_t N, typename V>
inline V polynomial(const T (&coefficients)[N], V x) {
  V value = coefficients[N - 1] - V{};
#pragma GCC unroll 16
  for (int i = static_cast<int>(N) - 2; i >= 0; --i) value = value * x + coefficients[i];
  return value;
}

// Replaces each x <= 0 by 2^x, and by zero where it is NaN or below kNegligible. Takes several vectors at once, so that
// the processor need not wait for one chain of dependent products.
template <typename T, int N>
[[gnu::always_inline]] inline void exp2_of_negative(Vector<T> (&x)[N]) {
  using C = ExpConstants<T>;
  typedef typename VectorOf<typename C::Bits, kLanes<T>>::type Bits;
  constexpr int degree = static_cast<int>(std::size(C::kPolynomial)) - 1;
  Vector<T> shifted[N], f[N], value[N];
#pragma GCC unroll 8
  for (int v = 0; v < N; ++v) {
    shifted[v] = x[v] + C::kRound;
    f[v] = x[v] - (shifted[v] - C::kRound);
    value[v] = broadcast(C::kPolynomial[degree]);
  }
#pragma GCC unroll 16
  for (int i = degree - 1; i >= 0; --i) {
    const Vector<T> coefficient = broadcast(C::kPolynomial[i]);
#pragma GCC unroll 8
    for (int v = 0; v < N; ++v) value[v] = value[v] * f[v] + coefficient;
  }
  // The low bits of `shifted` hold the integer part. Shifted to the exponent's place, it is added there.
#pragma GCC unroll 8
  for (int v = 0; v < N; ++v) {
    const Bits scaled = reinterpret_cast<Bits>(value[v]) + (reinterpret_cast<Bits>(shifted[v]) << C::kMantissaBits);
    x[v] = x[v] >= T(kNegligible) ? reinterpret_cast<Vector<T>>(scaled) : Vector<T>{};
  }
}

// log(x) for normal x > 0.
template <typename V>
inline V log_of_normal(V x) {
  constexpr int lanes = sizeof(V) / sizeof(double);
  typedef typename VectorOf<std::uint64_t, lanes>::type Bits;
  typedef typename VectorOf<std::int64_t, lanes>::type Exponent;
  static constexpr double kPolynomial[] = {// (2 atanh(sqrt(z)) / sqrt(z) - 2) / z
                                           0.666666666666667,   0.3999999999989889, 0.28571428626253836,
                                           0.22222211089379496, 0.1818289243253687, 0.15331611722055008,
                                           0.14617807153417325};
  constexpr double kLog2High = 0.6931471803691238;  // trailing zeros make its products with exponents exact
  constexpr double kLog2Low = 1.9082149292705877e-10;
  constexpr std::uint64_t kRootHalf = 0x3fe6a09e667f3bcd;  // the bits of sqrt(1/2)
  const Bits bits = reinterpret_cast<Bits>(x);
  const Bits exponent = reinterpret_cast<Bits>(reinterpret_cast<Exponent>(bits - kRootHalf) >> 52);  // may be negative
  const V mantissa = reinterpret_cast<V>(bits - (exponent << 52));  // in [sqrt(1/2), sqrt(2))
  // A small integer becomes a double by adding it to the bits of 1.5 * 2^52.
  const Bits magic = exponent + 0x4338000000000000;
  const V e = reinterpret_cast<V>(magic) - 0x1.8p52;
  const V s = (mantissa - 1.0) / (mantissa + 1.0);
  const V z = s * s;
  return e * kLog2High + (s * 2.0 + (s * z * polynomial(kPolynomial, z) + e * kLog2Low));
}

// log(1 + x) for x >= 0, accurate for small x as well; NaN where x is infinite.
template <typename V>
inline V log_of_one_plus(V x) {
  const V sum = x + 1.0;
  return log_of_normal(sum) + (x - (sum - 1.0)) / sum;
}

// 1 / x and 1 / sqrt(x) for normal x > 0. Division and square root keep AVX-512 busy four times as long as these
// estimates and their corrections, which are the first terms of a series in the relative error e.
inline Vector<double> reciprocal(Vector<double> x) {
#if defined(__AVX512F__)
  const Vector<double> y = reinterpret_cast<Vector<double>>(_mm512_rcp14_pd(reinterpret_cast<__m512d>(x)));
  const Vector<double> e = 1.0 - x * y, once = y + y * e;
  return once + once * (e * e);
#else
  return 1.0 / x;
#endif
}

inline Vector<double> reciprocal_root(Vector<double> x) {
#if defined(__AVX512F__)
  const Vector<double> y = reinterpret_cast<Vector<double>>(_mm512_rsqrt14_pd(reinterpret_cast<__m512d>(x)));
  const Vector<double> e = 1.0 - x * y * y;
  return y + y * e * (0.5 + e * (0.375 + e * 0.3125));
#else
  return 1.0 / square_root(x);
#endif
}

}  // namespace gmix::GMIX_LEVEL
