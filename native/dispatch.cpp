// Chooses the kernel of the highest instruction level that the processor runs.
#include <cstdlib>
#include <cstring>

#include "kernel/kernel.hpp"

#if defined(_WIN32)
#include <windows.h>
#endif

namespace gmix {

#if defined(__x86_64__) || defined(_M_X64)
namespace x86_64_v2 {
extern const Kernel kKernel;
}
namespace x86_64_v3 {
extern const Kernel kKernel;
}
namespace x86_64_v4 {
extern const Kernel kKernel;
}

#if defined(_WIN32)  // whose libraries do not have what the functions of GCC and clang need
static bool runs_v3() { return IsProcessorFeaturePresent(PF_AVX2_INSTRUCTIONS_AVAILABLE) != 0; }
static bool runs_v4() { return false; }
#elif defined(__clang__)  // whose older versions do not know the names of levels
static bool runs_v3() {
  __builtin_cpu_init();
  return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") && __builtin_cpu_supports("bmi") &&
         __builtin_cpu_supports("bmi2");
}
static bool runs_v4() {
  return runs_v3() && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
         __builtin_cpu_supports("avx512cd") && __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl");
}
#else
static bool runs_v3() {
  __builtin_cpu_init();
  return __builtin_cpu_supports("x86-64-v3");
}
static bool runs_v4() {
  __builtin_cpu_init();
  return __builtin_cpu_supports("x86-64-v4");
}
#endif

static const Kernel& choose() {
  // The environment variable GMIX_LEVEL, such as x86-64-v3, excludes higher levels, so that each can be tested. The
  // names of levels are in alphabetical order.
  const char* wanted = std::getenv("GMIX_LEVEL");
  const auto allowed = [wanted](const Kernel& kernel) {
    return wanted == nullptr || *wanted == '\0' || std::strcmp(wanted, kernel.level) >= 0;
  };
  if (runs_v4() && allowed(x86_64_v4::kKernel)) return x86_64_v4::kKernel;
  if (runs_v3() && allowed(x86_64_v3::kKernel)) return x86_64_v3::kKernel;
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
