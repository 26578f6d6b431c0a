// What a compiled kernel offers: plain data in, sums out, the same for every instruction level.
#pragma once

namespace gmix {

struct Kernel {
  const char* level;
};

const Kernel& kernel();  // the best that this machine can run

}  // namespace gmix
