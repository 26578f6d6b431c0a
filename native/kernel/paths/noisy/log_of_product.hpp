// The logarithm of a product whose factors and value may lie anywhere in the range of float64, or beyond it.
#pragma once

#include "kernel/elementary.hpp"
#include "kernel/plan.hpp"

namespace gmix::GMIX_LEVEL::noisy {

// Of vectors of normal numbers > 0. Exponents are added up, and mantissas multiplied.
class LogOfProduct {
  using V = Vector<double>;
  typedef VectorOf<std::uint64_t, kLanes<double>>::type Bits;
  static constexpr std::uint64_t kMantissa = 0x000fffffffffffff, kOne = 0x3ff0000000000000;
  static constexpr int kMost = 512;  // mantissas in a product; each is less than 2
  V mantissas_ = V{} + 1.0;
  Bits exponents_ = {};
  int factors_ = 0;

  void split(V x) {
    const Bits bits = reinterpret_cast<Bits>(x);
    exponents_ += (bits >> 52) - 1023;
    mantissas_ *= reinterpret_cast<V>((bits & kMantissa) | kOne);
  }

 public:
  void multiply(V x) {
    split(x);
    if (++factors_ < kMost) return;
    factors_ = 0;
    const V product = mantissas_;
    mantissas_ = V{} + 1.0;
    split(product);
  }
  // Base 2. A small integer becomes a double by adding it to the bits of 1.5 * 2^52.
  V log2() const {
    const V exponents = reinterpret_cast<V>(exponents_ + 0x4338000000000000) - 0x1.8p52;
    return exponents + log_of_normal(mantissas_) * (1.0 / kLog2);
  }
};

}  // namespace gmix::GMIX_LEVEL::noisy
