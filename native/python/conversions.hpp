// What travels between Python and C++: rows, components, statistics, as NumPy arrays.
#pragma once

#include <algorithm>
#include <cmath>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "em/gaussian_model.hpp"
#include "python/arrays.hpp"
#include "threads/pass.hpp"

namespace gmix {

inline constexpr int kDimensions[] = {3, 2, 2, 1};  // of compact arrays, by form

inline Form form_of(int code) {
  if (code < 0 || code > 3) throw nb::value_error("form must be 0 full, 1 tied, 2 diagonal or 3 spherical");
  return static_cast<Form>(code);
}

// A tuple with this number of fields. nanobind does not check the size when it reads a field.
inline nb::tuple tuple_of(nb::handle object, std::size_t size, const char* name) {
  const auto fields = nb::cast<nb::tuple>(object);
  if (fields.size() != size)
    throw nb::value_error((std::string(name) + " must be a tuple of " + std::to_string(size)).c_str());
  return fields;
}

inline Rows rows_of(const Array& array) {
  return {array.bytes(), array.stride(0), array.stride(1), array.size(0), array.size(1), array.is('f')};
}

// A copy of an array of float64 in C order.
inline Numbers numbers_of(nb::handle object, const char* name, int ndim, std::size_t size) {
  const Array array(object, ndim, name);
  const auto* begin = reinterpret_cast<const double*>(array.bytes());
  if (!array.is('d') || !array.is_contiguous() || array.count() != size)
    throw nb::value_error((std::string(name) + " has the wrong shape, or is not float64 in C order").c_str());
  return {begin, begin + size};
}

inline Numbers compact_of(nb::handle object, const char* name, Form form, std::size_t k, std::size_t d) {
  return numbers_of(object, name, kDimensions[static_cast<int>(form)], compact_size(form, k, d));
}

// The array, which is new and has as many entries, with these numbers.
inline nb::object array_of(const Numbers& numbers, nb::object array) {
  Py_buffer view;
  if (PyObject_GetBuffer(array.ptr(), &view, PyBUF_C_CONTIGUOUS | PyBUF_WRITABLE) != 0) throw nb::python_error();
  std::copy(numbers.begin(), numbers.end(), static_cast<double*>(view.buf));
  PyBuffer_Release(&view);
  return array;
}

inline nb::object compact_array(const Numbers& numbers, Form form, std::size_t k, std::size_t d) {
  switch (form) {
    case Form::kFull:
      return array_of(numbers, empty_array(k, d, d));
    case Form::kTied:
      return array_of(numbers, empty_array(d, d));
    case Form::kDiagonal:
      return array_of(numbers, empty_array(k, d));
    default:
      return array_of(numbers, empty_array(k));
  }
}

// A background in arrays of Python's: (log_weight, low, high, log_density). It is created and deleted with the GIL.
class BackgroundArrays {
 public:
  BackgroundArrays(nb::handle object, std::size_t d) : BackgroundArrays(tuple_of(object, 4, "a background"), d) {}

  Background view() const { return view_; }

 private:
  BackgroundArrays(const nb::tuple& fields, std::size_t d)
      : low_(fields[1], 1, "low"), high_(fields[2], 1, "high"), log_density_(fields[3], 1, "log_density") {
    view_ = {low_.numbers(d), high_.numbers(d), log_density_.numbers(d), nb::cast<double>(fields[0])};
  }

  Array low_, high_, log_density_;
  Background view_;
};

// Components in arrays of Python's: (form, log_constants, means, factor, whitener, degrees of freedom, groups or None,
// background or None); the degrees of freedom are (K), or infinity for Gaussians. It is created and deleted with the
// GIL.
class ComponentArrays {
 public:
  explicit ComponentArrays(nb::handle object) : ComponentArrays(tuple_of(object, 8, "components")) {}

  Components view() const { return view_; }

 private:
  explicit ComponentArrays(const nb::tuple& fields)
      : form_(form_of(nb::cast<int>(fields[0]))),
        log_constants_(fields[1], 1, "log_constants"),
        means_(fields[2], 2, "means"),
        factor_(fields[3], kDimensions[static_cast<int>(form_)], "factor"),
        whitener_(fields[4], kDimensions[static_cast<int>(form_)], "whitener") {
    const std::size_t k = log_constants_.size(0), d = means_.size(1);
    if (k == 0 || d == 0) throw nb::value_error("a mixture needs at least one component and one column");
    const double* const constants = log_constants_.numbers(k);
    const double* degrees_of_freedom = nullptr;
    if (nb::isinstance<nb::float_>(fields[5])) {
      if (!std::isinf(nb::cast<double>(fields[5])))
        throw nb::value_error("degrees of freedom must be an array, or infinity");
    } else {
      degrees_of_freedom_ = std::make_unique<Array>(fields[5], 1, "degrees_of_freedom");
      degrees_of_freedom = degrees_of_freedom_->numbers(k);
      if (!std::all_of(degrees_of_freedom, degrees_of_freedom + k, [](double nu) { return nu > 0.0 && nu < INFINITY; }))
        throw nb::value_error("degrees of freedom must be positive and finite");
    }
    const Family family = degrees_of_freedom == nullptr ? Family::kGaussian : Family::kStudentT;
    const double* group = nullptr;
    if (!fields[6].is_none()) {
      groups_ = std::make_unique<Array>(fields[6], 1, "groups");
      group = groups_->numbers(k);
    }
    if (const nb::handle given = fields[7]; !given.is_none())
      background_ = std::make_unique<BackgroundArrays>(given, d);
    view_ = {
        {form_, k, d, constants, means_.numbers(k, d), compact(whitener_, k, d), family, degrees_of_freedom, group},
        compact(factor_, k, d),
        background_ ? background_->view() : Background()};
  }

  const double* compact(const Array& array, std::size_t k, std::size_t d) const {
    switch (form_) {
      case Form::kFull:
        return array.numbers(k, d, d);
      case Form::kTied:
        return array.numbers(d, d);
      case Form::kDiagonal:
        return array.numbers(k, d);
      default:
        return array.numbers(k);
    }
  }

  Form form_;
  Array log_constants_, means_, factor_, whitener_;
  std::unique_ptr<Array> degrees_of_freedom_, groups_;
  std::unique_ptr<BackgroundArrays> background_;
  Components view_;
};

inline nb::tuple components_tuple(const Components& components) {
  const Mixture& m = components.mixture;
  const std::size_t k = m.n_components, d = m.n_features, size = second_size(m);
  const auto copied = [](const double* from, std::size_t count) { return Numbers(from, from + count); };
  nb::object background = nb::none();
  if (const Background& b = components.background)
    background = nb::make_tuple(b.log_weight, array_of(copied(b.low, m.n_features), empty_array(m.n_features)),
                                array_of(copied(b.high, m.n_features), empty_array(m.n_features)),
                                array_of(copied(b.log_density, m.n_features), empty_array(m.n_features)));
  return nb::make_tuple(
      static_cast<int>(m.form), array_of(copied(m.log_constants, k), empty_array(k)),
      array_of(copied(m.means, k * d), empty_array(k, d)), compact_array(copied(components.factor, size), m.form, k, d),
      compact_array(copied(m.whitener, size), m.form, k, d),
      m.family == Family::kGaussian ? nb::object(nb::float_(INFINITY))
                                    : array_of(copied(m.degrees_of_freedom, k), empty_array(k)),
      m.group == nullptr ? nb::object(nb::none()) : array_of(copied(m.group, k), empty_array(k)), background);
}

// (counts, mass, mean, scatter, divisor, log_likelihood, extra), where extra maps names to arrays.
inline nb::tuple statistics_tuple(const Statistics& s) {
  const std::size_t k = s.n_components(), d = s.n_features();
  nb::dict extra;
  for (const auto& [name, values] : s.extra) extra[name.c_str()] = array_of(values, empty_array(k, values.size() / k));
  return nb::make_tuple(array_of(s.counts, empty_array(k)), array_of(s.mass, empty_array(k)),
                        array_of(s.mean, empty_array(k, d)), compact_array(s.scatter, s.form, k, d),
                        array_of(s.divisor, empty_array(k)), s.log_likelihood, extra);
}

inline Statistics statistics_of(nb::handle object, Form form) {
  const nb::tuple fields = tuple_of(object, 7, "statistics");
  const Array mean(fields[2], 2, "mean");
  const std::size_t k = mean.size(0), d = mean.size(1);
  if (k == 0 || d == 0) throw nb::value_error("statistics need at least one component and one column");
  Statistics s{form,
               numbers_of(fields[0], "counts", 1, k),
               numbers_of(fields[1], "mass", 1, k),
               numbers_of(fields[2], "mean", 2, k * d),
               compact_of(fields[3], "scatter", form, k, d),
               numbers_of(fields[4], "divisor", 1, k),
               nb::cast<double>(fields[5]),
               {}};
  for (const auto& [name, values] : nb::cast<nb::dict>(fields[6])) {
    const Array array(values, 2, "extra");
    s.extra.emplace_back(nb::cast<std::string>(name), numbers_of(values, "extra", 2, array.count()));
  }
  return s;
}

// (floor, scatter, total_weight, smallest errors or None) of all rows as one component.
inline Reference reference_of(nb::handle object, Form form) {
  const nb::tuple parts = tuple_of(object, 4, "a reference");
  const std::size_t d = nb::len(nb::object(parts[0]));
  const nb::object error = parts[3];
  return {numbers_of(parts[0], "floor", 1, d), compact_of(parts[1], "scatter", form, 1, d), nb::cast<double>(parts[2]),
          error.is_none() ? Numbers{} : numbers_of(error, "error", 1, d)};
}

// (weights, means, covariances).
inline Parameters parameters_of(nb::handle weights, nb::handle means, nb::handle covariances, Form form) {
  const Array places(means, 2, "means");
  const std::size_t k = places.size(0), d = places.size(1);
  return {form,
          k,
          d,
          numbers_of(weights, "weights", 1, k),
          numbers_of(means, "means", 2, k * d),
          compact_of(covariances, "covariances", form, k, d),
          {},
          {},
          {},
          {}};
}

// The box of a background in d columns, or an empty one for None.
inline Box box_of(nb::handle object, std::size_t d) {
  if (object.is_none()) return {};
  const BackgroundArrays arrays(object, d);
  const Background background = arrays.view();
  const auto copied = [d](const double* from) { return Numbers(from, from + d); };
  return {copied(background.low), copied(background.high), copied(background.log_density)};
}

inline nb::tuple parameters_tuple(const Parameters& p) {
  const std::size_t k = p.n_components, d = p.n_features;
  return nb::make_tuple(array_of(p.weights, empty_array(k)), array_of(p.means, empty_array(k, d)),
                        compact_array(p.covariances, p.form, k, d));
}

// Refuses an answer of Python's whose sizes are not those that were asked for.
inline void require_same(bool same, const char* name) {
  if (!same) throw nb::value_error((std::string(name) + " has another form, number of components or columns").c_str());
}

// The structure of a code, if its covariances have this form.
inline Structure structure_in(const std::string& code, Form form) {
  const Structure structure = structure_of(code);
  if (structure.form() != form) throw nb::value_error(("the structure '" + code + "' has another form").c_str());
  return structure;
}

// Rows of Python's: (values, weights, whether cells are missing, labels, variances (N, D) or covariances (N, D, D) of
// errors or one for all rows, log evidence (N, G)); all but the first and the third may be None. It is created and
// deleted with the GIL.
class GivenRows {
 public:
  explicit GivenRows(nb::handle object) : GivenRows(tuple_of(object, 6, "rows")) {}

  const Rows& rows() const { return rows_; }
  const double* weight() const { return weight_; }
  // The values, which must be float64 in C order.
  const double* numbers() const { return values_.numbers(rows_.n_rows, rows_.n_features); }

 private:
  explicit GivenRows(const nb::tuple& fields) : values_(fields[0], 2, "rows"), rows_(rows_of(values_)) {
    weight_ = column(fields[1], "sample_weight", weights_);
    rows_.incomplete = nb::cast<bool>(fields[2]);
    rows_.label = column(fields[3], "labels", labels_);
    if (!fields[4].is_none()) set_errors(fields[4]);
    if (!fields[5].is_none()) {
      evidence_ = std::make_unique<Array>(fields[5], 2, "evidence");
      rows_.n_groups = evidence_->size(1);
      rows_.log_evidence = evidence_->numbers(rows_.n_rows, rows_.n_groups);
    }
  }

  void set_errors(nb::handle object) {
    const std::size_t n = rows_.n_rows, d = rows_.n_features;
    const bool covariances = nb::cast<int>(object.attr("ndim")) == 3;
    errors_ = std::make_unique<Array>(object, covariances ? 3 : 2, "errors");
    rows_.errors.common = n > 1 && errors_->size(0) == 1;
    const std::size_t count = rows_.errors.common ? 1 : n;
    if (covariances)
      rows_.errors.covariances = errors_->numbers(count, d, d);
    else
      rows_.errors.variances = errors_->numbers(count, d);
  }

  // One number for each row, or null.
  const double* column(nb::handle object, const char* name, std::unique_ptr<Array>& array) const {
    if (object.is_none()) return nullptr;
    array = std::make_unique<Array>(object, 1, name);
    return array->numbers(rows_.n_rows);
  }

  Array values_;
  Rows rows_;
  std::unique_ptr<Array> weights_, labels_, errors_, evidence_;
  const double* weight_ = nullptr;
};

// Refuses components that do not go with the rows.
inline void require_fit(const Mixture& mixture, const Rows& rows) {
  if (mixture.n_features != rows.n_features) throw nb::value_error("rows and components differ in their columns");
  if (mixture.family != Family::kGaussian && is_noisy(rows))
    throw nb::value_error("only Gaussian components take rows with errors");
  if (rows.log_evidence == nullptr || mixture.group == nullptr) return;
  for (std::size_t c = 0; c < mixture.n_components; ++c)
    if (!(mixture.group[c] >= 0.0 && mixture.group[c] < static_cast<double>(rows.n_groups)))
      throw nb::value_error("the evidence of the rows has no column for the group of a component");
}

}  // namespace gmix
