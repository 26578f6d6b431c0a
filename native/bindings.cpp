#include <nanobind/nanobind.h>

#include "kernel.hpp"

NB_MODULE(_native, module) {
  module.def("level", [] { return gmix::kernel().level; });
}
