// Vector exp and log, to about one unit in the last place.
//
// The polynomials are Chebyshev fits, their errors below 2e-17 (double) and 1e-8 (float).
#pragma once

#include "simd.hpp"

namespace gmix::GMIX_LEVEL {

template <typename T>
struct ExpConstants;

template <>
struct ExpConstants<double> {
  using Bits = std::int64_t;
  static constexpr double kSmallest = -708.0;  // below it the result would be denormal
  static constexpr double kRound = 0x1.8p52;   // adding it rounds to an integer in the low bits
  static constexpr int kMantissaBits = 52;
  static constexpr double kLog2High = 0.6931471803691238;  // few enough bits for exact multiples
  static constexpr double kLog2Low = 1.9082149292705877e-10;
  static constexpr double kPolynomial[] = {// (exp(x) - 1 - x) / x^2
                                           0.5000000000000001,     0.16666666666666669,
                                           0.04166666666662413,    0.008333333333330062,
                                           0.0013888888917213717,  0.00019841269863053618,
                                           2.4801521295954376e-05, 2.7557268459997064e-06,
                                           2.7620088445409746e-07, 2.510038549551032e-08};
};

template <>
struct ExpConstants<float> {
  using Bits = std::int32_t;
  static constexpr float kSmallest = -87.0f;
  static constexpr float kRound = 0x1.8p23f;
  static constexpr int kMantissaBits = 23;
  static constexpr float kLog2High = 0.693359375f;
  static constexpr float kLog2Low = -0.00021219444005469057f;
  static constexpr float kPolynomial[] = {0.5f, 0.16666576989698775f, 0.041666554617204574f,
                                          0.008363179052722578f, 0.0013926183587713494f};
};

template <typename T, std::size_t N, typename V>
inline V polynomial(const T (&coefficients)[N], V x) {
  V value = coefficients[N - 1] - V{};
#pragma GCC unroll 16
  for (int i = static_cast<int>(N) - 2; i >= 0; --i) value = value * x + coefficients[i];
  return value;
}

// exp(x) for x <= 0; zero for NaN and wherever the result would not be a normal number.
template <typename T>
inline Vector<T> exp_of_negative(Vector<T> x) {
  using C = ExpConstants<T>;
  typedef typename VectorOf<typename C::Bits, kLanes<T>>::type Bits;
  const Vector<T> shifted = x * T(1.4426950408889634) + C::kRound;
  const Vector<T> n = shifted - C::kRound;
  const Vector<T> r = (x - n * C::kLog2High) - n * C::kLog2Low;
  const Vector<T> value = (polynomial(C::kPolynomial, r) * (r * r) + r) + T(1);
  // The integer sits in the low bits of `shifted`: moved up, it adds to the exponent.
  const Bits scaled =
      reinterpret_cast<Bits>(value) + (reinterpret_cast<Bits>(shifted) << C::kMantissaBits);
  return x > C::kSmallest ? reinterpret_cast<Vector<T>>(scaled) : Vector<T>{};
}

// log(x) for normal x > 0.
template <typename V>
inline V log_of_normal(V x) {
  constexpr int lanes = sizeof(V) / sizeof(double);
  typedef typename VectorOf<std::int64_t, lanes>::type Bits;
  static constexpr double kPolynomial[] = {
      // (2 atanh(sqrt(z)) / sqrt(z) - 2) / z
      0.666666666666667,  0.3999999999989889,  0.28571428626253836, 0.22222211089379496,
      0.1818289243253687, 0.15331611722055008, 0.14617807153417325};
  constexpr std::int64_t kRootHalf = 0x3fe6a09e667f3bcd;  // the bits of sqrt(1/2)
  const Bits bits = reinterpret_cast<Bits>(x);
  const Bits exponent = (bits - kRootHalf) >> 52;
  const V mantissa = reinterpret_cast<V>(bits - (exponent << 52));  // in [sqrt(1/2), sqrt(2))
  // The exponent, small, is turned into a double by the rounding trick backwards.
  const Bits magic = exponent + 0x4338000000000000;
  const V e = reinterpret_cast<V>(magic) - 0x1.8p52;
  const V s = (mantissa - 1.0) / (mantissa + 1.0);
  const V z = s * s;
  return e * ExpConstants<double>::kLog2High +
         (s * 2.0 + (s * z * polynomial(kPolynomial, z) + e * ExpConstants<double>::kLog2Low));
}

}  // namespace gmix::GMIX_LEVEL
