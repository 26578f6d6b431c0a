// Memory for the kernel.
#pragma once

#include <algorithm>
#include <cstddef>
#include <new>

#include "kernel/kernel.hpp"

namespace gmix {

// One aligned piece, cut by hand.
class Memory {
 public:
  explicit Memory(std::size_t size)
      : data_(static_cast<char*>(::operator new(std::max(size, kAlignment), std::align_val_t(kAlignment)))) {}
  ~Memory() { ::operator delete(data_, std::align_val_t(kAlignment)); }
  Memory(const Memory&) = delete;
  Memory& operator=(const Memory&) = delete;
  char* data() const { return data_; }

 private:
  char* data_;
};

inline std::size_t aligned(std::size_t size) { return (size + kAlignment - 1) / kAlignment * kAlignment; }

}  // namespace gmix
