// Chooses the kernel of the highest instruction level that the processor runs.
#include <cstdlib>
#include <cstring>

#include "kernel/kernel.hpp"

namespace gmix {

#if defined(__x86_64__)
namespace x86_64_v2 {
extern const Kernel kKernel;
}
namespace x86_64_v3 {
extern const Kernel kKernel;
}
namespace x86_64_v4 {
extern const Kernel kKernel;
}

static const Kernel& choose() {
  // The environment variable GMIX_LEVEL, such as x86-64-v3, excludes higher levels, so that each can be tested. The
  // names of levels are in alphabetical order.
  const char* wanted = std::getenv("GMIX_LEVEL");
  const auto allowed = [wanted](const Kernel& kernel) {
    return wanted == nullptr || *wanted == '\0' || std::strcmp(wanted, kernel.level) >= 0;
  };
  __builtin_cpu_init();
  if (__builtin_cpu_supports("x86-64-v4") && allowed(x86_64_v4::kKernel)) return x86_64_v4::kKernel;
  if (__builtin_cpu_supports("x86-64-v3") && allowed(x86_64_v3::kKernel)) return x86_64_v3::kKernel;
  return x86_64_v2::kKernel;
}
#else
namespace baseline {
extern const Kernel kKernel;
}

static const Kernel& choose() { return baseline::kKernel; }
#endif

const Kernel& kernel() {
  static const Kernel& chosen = choose();
  return chosen;
}

}  // namespace gmix
