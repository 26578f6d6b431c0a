// gmix._native: what Python sees. Arguments are checked here, threads are started here.
#include <nanobind/nanobind.h>

#include <algorithm>
#include <memory>
#include <new>
#include <vector>

#include "arrays.hpp"
#include "kernel.hpp"
#include "parallel.hpp"

namespace gmix {
namespace {

// Memory for the kernel: one aligned piece, cut by hand.
class Memory {
 public:
  explicit Memory(std::size_t size)
      : data_(static_cast<char*>(
            ::operator new(std::max(size, kAlignment), std::align_val_t(kAlignment)))) {}
  ~Memory() { ::operator delete(data_, std::align_val_t(kAlignment)); }
  Memory(const Memory&) = delete;
  Memory& operator=(const Memory&) = delete;
  char* data() const { return data_; }

 private:
  char* data_;
};

std::size_t aligned(std::size_t size) { return (size + kAlignment - 1) / kAlignment * kAlignment; }

Rows rows_of(const Array& array) {
  return {array.bytes(), array.stride(0), array.stride(1),
          array.size(0), array.size(1),   array.is('f')};
}

// A mixture and the views that keep its numbers alive.
class MixtureArrays {
 public:
  MixtureArrays(nb::handle object, std::size_t n_features) : fields_(nb::cast<nb::tuple>(object)) {
    if (fields_.size() != 4)
      throw nb::value_error("a mixture is a tuple (form, log_constants, means, whitener)");
    const int form = nb::cast<int>(fields_[0]);
    if (form < 0 || form > 3)
      throw nb::value_error("form must be 0 full, 1 tied, 2 diagonal or 3 spherical");
    static constexpr int kDimensions[] = {3, 2, 2, 1};
    log_constants_ = std::make_unique<Array>(fields_[1], 1, "log_constants");
    means_ = std::make_unique<Array>(fields_[2], 2, "means");
    whitener_ = std::make_unique<Array>(fields_[3], kDimensions[form], "whitener");
    const std::size_t k = log_constants_->size(0), d = n_features;
    if (k == 0 || d == 0)
      throw nb::value_error("a mixture needs a component and a feature at least");
    mixture_ = {static_cast<Form>(form), k,      d, log_constants_->numbers(k),
                means_->numbers(k, d),   nullptr};
    switch (mixture_.form) {
      case Form::kFull:
        mixture_.whitener = whitener_->numbers(k, d, d);
        break;
      case Form::kTied:
        mixture_.whitener = whitener_->numbers(d, d);
        break;
      case Form::kDiagonal:
        mixture_.whitener = whitener_->numbers(k, d);
        break;
      case Form::kSpherical:
        mixture_.whitener = whitener_->numbers(k);
        break;
    }
  }
  const Mixture& get() const { return mixture_; }

 private:
  nb::tuple fields_;
  std::unique_ptr<Array> log_constants_, means_, whitener_;
  Mixture mixture_;
};

// The arrays that one mixture's statistics are returned in.
class Result {
 public:
  explicit Result(const Mixture& m)
      : mass_(empty_array(m.n_components)),
        first_(empty_array(m.n_components, m.n_features)),
        second_(second_of(m)) {
    Array mass(mass_, 1, "mass", true), first(first_, 2, "first", true);
    Array second(second_,
                 m.form == Form::kFull        ? 3
                 : m.form == Form::kSpherical ? 1
                                              : 2,
                 "second", true);
    // NumPy's memory stays where it is for as long as the arrays live.
    sums_ = {mass.numbers(m.n_components), first.numbers(m.n_components, m.n_features),
             reinterpret_cast<double*>(const_cast<char*>(second.bytes())), 0.0};
    std::fill_n(sums_.mass, m.n_components, 0.0);
    std::fill_n(sums_.first, m.n_components * m.n_features, 0.0);
    std::fill_n(sums_.second, second_size(m), 0.0);
  }

  Sums& sums() { return sums_; }
  nb::tuple arrays() const { return nb::make_tuple(mass_, first_, second_, sums_.log_likelihood); }

 private:
  static nb::object second_of(const Mixture& m) {
    switch (m.form) {
      case Form::kFull:
        return empty_array(m.n_components, m.n_features, m.n_features);
      case Form::kTied:
        return empty_array(m.n_features, m.n_features);
      case Form::kDiagonal:
        return empty_array(m.n_components, m.n_features);
      default:
        return empty_array(m.n_components);
    }
  }

  nb::object mass_, first_, second_;
  Sums sums_;
};

// One thread's sums of one chunk.
Sums cut_sums(const Mixture& m, char*& at) {
  const auto take = [&at](std::size_t count) {
    double* here = reinterpret_cast<double*>(at);
    at += aligned(count * sizeof(double));
    return here;
  };
  return {take(m.n_components), take(m.n_components * m.n_features), take(second_size(m)), 0.0};
}

std::size_t sums_size(const Mixture& m) {
  return aligned(m.n_components * sizeof(double)) +
         aligned(m.n_components * m.n_features * sizeof(double)) +
         aligned(second_size(m) * sizeof(double));
}

void add(const Mixture& m, const Sums& part, Sums& total) {
  const auto add_all = [](const double* from, double* to, std::size_t count) {
    for (std::size_t i = 0; i < count; ++i) to[i] += from[i];
  };
  add_all(part.mass, total.mass, m.n_components);
  add_all(part.first, total.first, m.n_components * m.n_features);
  add_all(part.second, total.second, second_size(m));
  total.log_likelihood += part.log_likelihood;
}

// The kernel fills lower triangles only.
void mirror(const Mixture& m, Sums& sums) {
  if (m.form != Form::kFull && m.form != Form::kTied) return;
  const std::size_t d = m.n_features;
  for (double* matrix = sums.second; matrix != sums.second + second_size(m); matrix += d * d)
    for (std::size_t i = 0; i < d; ++i)
      for (std::size_t j = 0; j < i; ++j) matrix[j * d + i] = matrix[i * d + j];
}

// Threads pay from about a millisecond of work on.
std::size_t choose_threads(nb::handle asked, std::size_t n_chunks, double nanoseconds) {
  const long number = asked.is_none() ? 0 : nb::cast<long>(asked);
  if (number < 0) throw nb::value_error("threads must be a positive number, or None for all");
  if (n_chunks < 2 || nanoseconds < 1e6 || number == 1) return 1;
  return std::min(number == 0 ? available_threads() : static_cast<std::size_t>(number), n_chunks);
}

double estimated_nanoseconds(const Mixture& m, std::size_t n_rows) {
  const double d = static_cast<double>(m.n_features);
  const double per_component = m.form == Form::kFull ? 1.0 + 0.15 * d * d : 1.0 + 0.2 * d;
  return static_cast<double>(n_rows) * static_cast<double>(m.n_components) * per_component;
}

bool interrupted() {
  nb::gil_scoped_acquire held;
  return PyErr_CheckSignals() != 0;
}

// Runs without the GIL; a Ctrl-C comes out as its exception.
template <typename Work, typename Fold>
void run(std::size_t n_chunks, std::size_t threads, const Work& work, const Fold& fold) {
  bool finished;
  {
    nb::gil_scoped_release released;
    finished = run_in_order(n_chunks, threads, work, fold, interrupted);
  }
  if (!finished) throw nb::python_error();
}

nb::list expect(nb::handle rows_object, nb::sequence mixture_objects, nb::handle weight_object,
                nb::handle threads_object) {
  const Array rows_array(rows_object, 2, "rows");
  const Rows rows = rows_of(rows_array);
  std::unique_ptr<Array> weight_array;
  const double* weight = nullptr;
  if (!weight_object.is_none()) {
    weight_array = std::make_unique<Array>(weight_object, 1, "sample_weight");
    weight = weight_array->numbers(rows.n_rows);
  }
  std::vector<std::unique_ptr<MixtureArrays>> mixtures;
  std::vector<Result> results;
  std::size_t plans_size = 0, scratch_size = 0, chunk_size = 0;
  double nanoseconds = 0.0;
  const Kernel& kernel = gmix::kernel();
  for (nb::handle object : mixture_objects) {
    mixtures.push_back(std::make_unique<MixtureArrays>(object, rows.n_features));
    const Mixture& m = mixtures.back()->get();
    results.emplace_back(m);
    plans_size += aligned(kernel.plan_size(m, rows.single));
    scratch_size = std::max(scratch_size, aligned(kernel.scratch_size(m, rows.single)));
    chunk_size += sums_size(m);
    nanoseconds += estimated_nanoseconds(m, rows.n_rows);
  }
  const std::size_t count = mixtures.size();
  const std::size_t n_chunks = (rows.n_rows + kChunk - 1) / kChunk;
  const std::size_t threads = choose_threads(threads_object, n_chunks, nanoseconds);

  const Memory plan_memory(plans_size), memory(threads * (scratch_size + chunk_size));
  std::vector<const void*> plans;
  for (char* at = plan_memory.data(); const auto& mixture : mixtures) {
    plans.push_back(at);
    kernel.plan(mixture->get(), rows.single, at);
    at += aligned(kernel.plan_size(mixture->get(), rows.single));
  }
  std::vector<Sums> parts;  // (threads, mixtures)
  char* at = memory.data() + threads * scratch_size;
  for (std::size_t worker = 0; worker < threads; ++worker)
    for (const auto& mixture : mixtures) parts.push_back(cut_sums(mixture->get(), at));

  run(
      n_chunks, threads,
      [&](std::size_t chunk, std::size_t worker, const Stop& stop) {
        const std::size_t begin = chunk * kChunk, end = std::min(begin + kChunk, rows.n_rows);
        for (std::size_t i = 0; i < count; ++i)
          kernel.expect(mixtures[i]->get(), plans[i], rows, begin, end, weight,
                        memory.data() + worker * scratch_size, parts[worker * count + i], stop);
      },
      [&](std::size_t worker) {
        for (std::size_t i = 0; i < count; ++i)
          add(mixtures[i]->get(), parts[worker * count + i], results[i].sums());
      });

  nb::list answer;
  for (std::size_t i = 0; i < count; ++i) {
    mirror(mixtures[i]->get(), results[i].sums());
    answer.append(results[i].arrays());
  }
  return answer;
}

nb::tuple posterior(nb::handle rows_object, nb::handle mixture_object, bool responsibilities,
                    nb::handle threads_object) {
  const Array rows_array(rows_object, 2, "rows");
  const Rows rows = rows_of(rows_array);
  const MixtureArrays mixture_arrays(mixture_object, rows.n_features);
  const Mixture& mixture = mixture_arrays.get();
  const Kernel& kernel = gmix::kernel();
  const nb::object density_object = empty_array(rows.n_rows);
  double* density = Array(density_object, 1, "log_density", true).numbers(rows.n_rows);
  nb::object shares_object = nb::none();
  double* shares = nullptr;
  if (responsibilities) {
    shares_object = empty_array(rows.n_rows, mixture.n_components);
    shares = Array(shares_object, 2, "responsibilities", true)
                 .numbers(rows.n_rows, mixture.n_components);
  }
  const std::size_t n_chunks = (rows.n_rows + kChunk - 1) / kChunk;
  const std::size_t threads =
      choose_threads(threads_object, n_chunks, estimated_nanoseconds(mixture, rows.n_rows) / 2);
  const std::size_t scratch_size = aligned(kernel.scratch_size(mixture, rows.single));
  const Memory plan(kernel.plan_size(mixture, rows.single)), memory(threads * scratch_size);
  kernel.plan(mixture, rows.single, plan.data());
  run(
      n_chunks, threads,
      [&](std::size_t chunk, std::size_t worker, const Stop& stop) {
        const std::size_t begin = chunk * kChunk, end = std::min(begin + kChunk, rows.n_rows);
        kernel.posterior(mixture, plan.data(), rows, begin, end,
                         memory.data() + worker * scratch_size, density, shares, stop);
      },
      [](std::size_t) {});
  return nb::make_tuple(density_object, shares_object);
}

}  // namespace
}  // namespace gmix

NB_MODULE(_native, module) {
  namespace nb = nanobind;
  using nb::arg;
  module.doc() = "The compiled kernel; gmix.kernel is its door.";
  module.def("expect", &gmix::expect, arg("rows"), arg("mixtures"),
             arg("sample_weight") = nb::none(), arg("threads") = nb::none());
  module.def("posterior", &gmix::posterior, arg("rows"), arg("mixture"), arg("responsibilities"),
             arg("threads") = nb::none());
  module.def("level", [] { return gmix::kernel().level; });
}
