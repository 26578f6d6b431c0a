#include "kernel.hpp"

namespace gmix::GMIX_LEVEL {
extern const Kernel kKernel;
const Kernel kKernel = {GMIX_LEVEL_NAME};
}  // namespace gmix::GMIX_LEVEL
