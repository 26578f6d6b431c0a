// NumPy arrays through the buffer protocol: cheap enough for calls that take microseconds.
#pragma once

#include <nanobind/nanobind.h>

#include <cstring>
#include <string>

namespace gmix {

namespace nb = nanobind;

// A view of an array, released with it. Read-only arrays are welcome.
class Array {
 public:
  Array(nb::handle object, int ndim, const char* name, bool writable = false) : name_(name) {
    if (PyObject_GetBuffer(object.ptr(), &view_, PyBUF_STRIDES | PyBUF_FORMAT | (writable ? PyBUF_WRITABLE : 0)) != 0)
      throw nb::python_error();
    if (view_.ndim != ndim || (!is('d') && !is('f'))) {
      const std::string problem = std::string(name) + " must be an array of float64 (rows: or float32), with " +
                                  std::to_string(ndim) + " dimensions";
      PyBuffer_Release(&view_);
      throw nb::type_error(problem.c_str());
    }
  }
  ~Array() { PyBuffer_Release(&view_); }
  Array(const Array&) = delete;
  Array& operator=(const Array&) = delete;

  bool is(char format) const { return view_.format != nullptr && view_.format[0] == format && view_.format[1] == '\0'; }
  std::size_t size(int axis) const { return static_cast<std::size_t>(view_.shape[axis]); }
  std::ptrdiff_t stride(int axis) const { return view_.strides[axis]; }
  std::size_t count() const { return static_cast<std::size_t>(view_.len) / static_cast<std::size_t>(view_.itemsize); }
  bool is_contiguous() const { return PyBuffer_IsContiguous(&view_, 'C'); }
  const char* bytes() const { return static_cast<const char*>(view_.buf); }

  // The numbers, which must lie in C order and have the given shape.
  template <typename... Sizes>
  double* numbers(Sizes... sizes) const {
    const std::size_t shape[] = {static_cast<std::size_t>(sizes)...};
    bool right = is('d') && view_.ndim == static_cast<int>(sizeof...(sizes)) && is_contiguous();
    for (int i = 0; right && i < view_.ndim; ++i) right = size(i) == shape[i];
    if (!right)
      throw nb::value_error((std::string(name_) + " must be float64, in C order, and have the shape that "
                                                  "the other arrays imply")
                                .c_str());
    return static_cast<double*>(view_.buf);
  }

 private:
  Py_buffer view_;
  const char* name_;
};

// numpy.empty(shape)
template <typename... Sizes>
nb::object empty_array(Sizes... sizes) {
  static PyObject* const empty = nb::object(nb::module_::import_("numpy").attr("empty")).release().ptr();
  return nb::handle(empty)(nb::make_tuple(static_cast<std::size_t>(sizes)...));
}

}  // namespace gmix
