// Cuts one piece of memory into aligned arrays.
#pragma once

#include <cstddef>

#include "kernel/kernel.hpp"

namespace gmix::GMIX_LEVEL {

// With a null base the arena only measures. A copy goes on cutting where the original stands.
class Arena {
 public:
  explicit Arena(void* base) : base_(static_cast<char*>(base)) {}

  template <typename T>
  T* take(std::size_t count) {
    char* here = base_ == nullptr ? nullptr : base_ + used_;
    used_ += (count * sizeof(T) + kAlignment - 1) / kAlignment * kAlignment;
    return reinterpret_cast<T*>(here);
  }
  std::size_t used() const { return used_; }

 private:
  char* base_;
  std::size_t used_ = 0;
};

}  // namespace gmix::GMIX_LEVEL
