// gmix._native: what Python sees. Arguments are checked here, threads are started here.
#include <nanobind/nanobind.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/vector.h>

#include <algorithm>
#include <chrono>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "em/climb.hpp"
#include "em/k_means.hpp"
#include "kernel/kernel.hpp"
#include "python/arrays.hpp"
#include "threads/parallel.hpp"
#include "threads/pass.hpp"

namespace gmix {
namespace {

Rows rows_of(const Array& array) {
  return {array.bytes(), array.stride(0), array.stride(1), array.size(0), array.size(1), array.is('f')};
}

constexpr int kDimensions[] = {3, 2, 2, 1};  // of compact arrays, by form

// A mixture and the views that keep its numbers alive.
class MixtureArrays {
 public:
  MixtureArrays(nb::handle object, std::size_t n_features) : fields_(nb::cast<nb::tuple>(object)) {
    if (fields_.size() != 4) throw nb::value_error("a mixture is a tuple (form, log_constants, means, whitener)");
    const int form = nb::cast<int>(fields_[0]);
    if (form < 0 || form > 3) throw nb::value_error("form must be 0 full, 1 tied, 2 diagonal or 3 spherical");
    log_constants_ = std::make_unique<Array>(fields_[1], 1, "log_constants");
    means_ = std::make_unique<Array>(fields_[2], 2, "means");
    whitener_ = std::make_unique<Array>(fields_[3], kDimensions[form], "whitener");
    const std::size_t k = log_constants_->size(0), d = n_features;
    if (k == 0 || d == 0) throw nb::value_error("a mixture needs a component and a feature at least");
    mixture_ = {static_cast<Form>(form), k, d, log_constants_->numbers(k), means_->numbers(k, d), nullptr};
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
      : mass_(empty_array(m.n_components)), first_(empty_array(m.n_components, m.n_features)), second_(second_of(m)) {
    Array mass(mass_, 1, "mass", true), first(first_, 2, "first", true);
    Array second(second_, m.form == Form::kFull ? 3 : m.form == Form::kSpherical ? 1 : 2, "second", true);
    // NumPy's memory stays where it is for as long as the arrays live.
    sums_ = {mass.numbers(m.n_components), first.numbers(m.n_components, m.n_features),
             reinterpret_cast<double*>(const_cast<char*>(second.bytes())), 0.0};
  }

  const Sums& sums() const { return sums_; }

  // Copies sums that Python holds, as `arrays` returns them.
  static void read(nb::tuple arrays, const Mixture& m, Sums& sums) {
    const std::size_t k = m.n_components, d = m.n_features;
    copy(arrays[0], k, sums.mass);
    copy(arrays[1], k * d, sums.first);
    copy(arrays[2], second_size(m), sums.second);
    sums.log_likelihood = nb::cast<double>(arrays[3]);
  }
  nb::tuple arrays(const Sums& sums) const { return nb::make_tuple(mass_, first_, second_, sums.log_likelihood); }

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

 private:
  static void copy(nb::handle object, std::size_t count, double* to) {
    const nb::object flat = object.attr("reshape")(-1);
    std::copy_n(Array(flat, 1, "sums").numbers(count), count, to);
  }

  nb::object mass_, first_, second_;
  Sums sums_;
};

std::size_t threads_of(nb::handle asked) {
  const long number = asked.is_none() ? 0 : nb::cast<long>(asked);
  if (number < 0) throw nb::value_error("threads must be a positive number, or None for all");
  return static_cast<std::size_t>(number);
}

// Whether a signal, such as Ctrl-C, raised an exception in Python, which is then pending. The clock of each thread
// lives for as long as the thread, so that passes of microseconds ask as often as one long pass.
bool interrupted() {
  using Clock = std::chrono::steady_clock;
  static thread_local Clock::time_point asked{};
  const auto now = Clock::now();
  if (now - asked < kPatience) return false;
  asked = now;
  nb::gil_scoped_acquire held;
  return PyErr_CheckSignals() != 0;
}

// Calls work() without the GIL. An interruption, by which work() returns false, raises the exception that is pending.
template <typename Work>
void without_gil(const Work& work) {
  bool finished;
  {
    nb::gil_scoped_release released;
    finished = work();
  }
  if (!finished) throw nb::python_error();
}

// The weights of the rows, if there are some.
class Weights {
 public:
  Weights(nb::handle object, std::size_t n_rows) {
    if (object.is_none()) return;
    array_ = std::make_unique<Array>(object, 1, "sample_weight");
    data_ = array_->numbers(n_rows);
  }
  const double* data() const { return data_; }

 private:
  std::unique_ptr<Array> array_;
  const double* data_ = nullptr;
};

nb::list expect(nb::handle rows_object, nb::sequence mixture_objects, nb::handle weight_object,
                nb::handle threads_object, nb::handle carry_object, bool coarse) {
  const Array rows_array(rows_object, 2, "rows");
  const Rows rows = rows_of(rows_array);
  const Weights weights(weight_object, rows.n_rows);
  std::vector<std::unique_ptr<MixtureArrays>> arrays;
  std::vector<Mixture> mixtures;
  std::vector<Result> results;
  std::vector<Sums> sums;
  for (nb::handle object : mixture_objects) {
    arrays.push_back(std::make_unique<MixtureArrays>(object, rows.n_features));
    mixtures.push_back(arrays.back()->get());
    results.emplace_back(mixtures.back());
    sums.push_back(results.back().sums());
    if (!carry_object.is_none())
      Result::read(nb::cast<nb::tuple>(carry_object[sums.size() - 1]), mixtures.back(), sums.back());
  }
  Pass pass(rows, weights.data(), mixtures, threads_of(threads_object));
  without_gil([&] { return pass.run(mixtures, sums, interrupted, coarse, !carry_object.is_none()); });
  nb::list answer;
  for (std::size_t i = 0; i < mixtures.size(); ++i) answer.append(results[i].arrays(sums[i]));
  return answer;
}

std::vector<double> numbers_of(nb::handle object, const char* name, int ndim, std::size_t size) {
  const Array array(object, ndim, name);
  const auto* begin = reinterpret_cast<const double*>(array.bytes());
  if (!array.is('d') || !array.is_contiguous() || array.count() != size)
    throw nb::value_error((std::string(name) + " has the wrong shape, or is not float64 in C order").c_str());
  return {begin, begin + size};
}

nb::object array_of(const std::vector<double>& numbers, nb::object array) {
  const nb::object flat = array.attr("reshape")(-1);
  std::copy(numbers.begin(), numbers.end(), Array(flat, 1, "result", true).numbers(numbers.size()));
  return array;
}

// Returns from a Ctrl-C, after which Python has no exception pending and the best so far is kept. Others are raised.
void end_by_keyboard(const nb::python_error& error) {
  if (!error.matches(PyExc_KeyboardInterrupt)) throw error;
}

// An E-step over rows in memory.
Expect over(Pass& pass) {
  return [&pass](const Mixture& mixture, bool coarse, Sums& sums) {
    std::vector<Sums> totals{sums};
    const bool finished = pass.run({mixture}, totals, interrupted, coarse);
    sums = totals[0];
    if (!finished) {
      nb::gil_scoped_acquire held;
      end_by_keyboard(nb::python_error());
    }
    return finished;
  };
}

// An E-step over rows elsewhere: a function of Python's that is asked for their sums.
Expect asking(nb::handle function) {
  return [function](const Mixture& m, bool coarse, Sums& sums) {
    nb::gil_scoped_acquire held;
    const auto array = [](const double* from, nb::object to) {
      const nb::object flat = to.attr("reshape")(-1);
      const Array view(flat, 1, "mixture", true);
      std::copy_n(from, view.count(), view.numbers(view.count()));
      return to;
    };
    try {
      const nb::object asked = nb::make_tuple(
          static_cast<int>(m.form), array(m.log_constants, empty_array(m.n_components)),
          array(m.means, empty_array(m.n_components, m.n_features)), array(m.whitener, Result::second_of(m)));
      Result::read(nb::cast<nb::tuple>(function(asked, coarse)), m, sums);
      return true;
    } catch (const nb::python_error& error) {
      end_by_keyboard(error);
      return false;
    }
  };
}

// What a prior adds to K components, as (counts, mass, mean, scatter, divisor); none of None.
std::unique_ptr<Evidence> evidence_of(nb::handle object, const Mixture& m) {
  if (object.is_none()) return nullptr;
  const auto arrays = nb::cast<nb::tuple>(object);
  const std::size_t k = m.n_components;
  return std::make_unique<Evidence>(
      Evidence{numbers_of(arrays[0], "counts", 1, k), numbers_of(arrays[1], "mass", 1, k),
               numbers_of(arrays[2], "mean", 2, k * m.n_features),
               numbers_of(arrays[3], "scatter", kDimensions[static_cast<int>(m.form)], second_size(m)),
               numbers_of(arrays[4], "divisor", 1, k)});
}

// What all rows say as one component, as (floor, scatter, mass).
Reference reference_of(nb::handle object, Form form) {
  const auto parts = nb::cast<nb::tuple>(object);
  const std::size_t d = nb::len(nb::object(parts[0]));
  const Mixture one{form, 1, d, nullptr, nullptr, nullptr};
  return {numbers_of(parts[0], "floor", 1, d),
          numbers_of(parts[1], "scatter", kDimensions[static_cast<int>(form)], second_size(one)),
          nb::cast<double>(parts[2])};
}

Rule rule_of(nb::handle object) {
  const auto numbers = nb::cast<nb::tuple>(object);
  return {nb::cast<double>(numbers[0]), nb::cast<double>(numbers[1]),      nb::cast<double>(numbers[2]),
          nb::cast<double>(numbers[3]), nb::cast<std::size_t>(numbers[4]), nb::cast<bool>(numbers[5])};
}

// `rows` are an array, or a function that takes a mixture, and whether coarse sums will do, and returns the sums of
// rows elsewhere. Each start is (weights, means, covariances, history, what a prior adds), each heat (rule, most). Each
// answer, of a climb that comes in, is (place among the starts, arrays, history, ended, whether no
// component is on the floor): arrays are (weights, means,
// covariances, mass, mean, scatter, log_likelihood), or None where no E-step was finished.
nb::list climb_rows(nb::handle rows_object, const std::string& code, int form_code, nb::sequence starts,
                    nb::handle reference_object, nb::sequence heat_objects, nb::tuple rule_numbers, bool patient,
                    bool coarse, nb::handle weight_object, nb::handle threads_object) {
  const auto form = static_cast<Form>(form_code);
  const Reference reference = reference_of(reference_object, form);
  const std::size_t d = reference.floor.size();
  const Rule rule = rule_of(rule_numbers);
  std::vector<Heat> heats;
  for (nb::handle object : heat_objects) {
    const auto heat = nb::cast<nb::tuple>(object);
    heats.push_back({rule_of(heat[0]), nb::cast<std::size_t>(heat[1])});
  }
  const Structure structure(code);
  std::unique_ptr<Array> rows_array;
  std::unique_ptr<Weights> weights;
  Rows rows{};
  if (!PyCallable_Check(rows_object.ptr())) {
    rows_array = std::make_unique<Array>(rows_object, 2, "rows");
    rows = rows_of(*rows_array);
    if (rows.n_features != d) throw nb::value_error("the floor needs a number for every column of rows");
    weights = std::make_unique<Weights>(weight_object, rows.n_rows);
  }
  std::vector<std::unique_ptr<Climb>> climbs;
  std::vector<std::unique_ptr<Evidence>> unseen;
  std::map<std::size_t, std::pair<Result, std::unique_ptr<Pass>>> rooms;  // by the number of components
  for (nb::handle object : starts) {
    const auto start = nb::cast<nb::tuple>(object);
    const std::size_t k = nb::len(nb::object(start[0]));
    Parameters mixture{form, k, d, {}, {}, {}, {}, {}, {}};
    mixture.weights = numbers_of(start[0], "weights", 1, k);
    mixture.means = numbers_of(start[1], "means", 2, k * d);
    mixture.covariances = numbers_of(start[2], "covariances", kDimensions[form_code], second_size(mixture.view()));
    unseen.push_back(evidence_of(start[4], mixture.view()));
    auto room = rooms.find(k);
    if (room == rooms.end()) {
      std::unique_ptr<Pass> pass;
      if (rows_array)
        pass = std::make_unique<Pass>(rows, weights->data(), std::vector<Mixture>{mixture.view()},
                                      threads_of(threads_object));
      room = rooms.emplace(k, std::make_pair(Result(mixture.view()), std::move(pass))).first;
    }
    const auto& [sums, pass] = room->second;
    climbs.push_back(std::make_unique<Climb>(structure, pass ? over(*pass) : asking(rows_object), coarse,
                                             unseen.back().get(), reference, patient, std::move(mixture), sums.sums(),
                                             nb::cast<std::vector<double>>(start[3])));
  }
  std::vector<std::pair<std::size_t, Ended>> arrived;
  {
    nb::gil_scoped_release released;
    arrived = race(climbs, heats, rule);
  }
  nb::list answers;
  for (const auto& [place, ended] : arrived) {
    const Climb& climb = *climbs[place];
    const Parameters& m = climb.mixture();
    const Statistics& s = climb.statistics();
    const std::size_t k = m.n_components;
    const auto second = [&] { return Result::second_of(m.view()); };
    nb::object arrays = nb::none();
    if (climb.arrived())
      arrays = nb::make_tuple(array_of(m.weights, empty_array(k)), array_of(m.means, empty_array(k, d)),
                              array_of(m.covariances, second()), array_of(s.mass, empty_array(k)),
                              array_of(s.mean, empty_array(k, d)), array_of(s.scatter, second()), s.log_likelihood);
    answers.append(nb::make_tuple(place, arrays, climb.history(), static_cast<int>(ended), climb.sound()));
  }
  return answers;
}

// The M-steps (weights, means, covariances) of statistics (mass, mean, scatter), each with what a prior adds: a list,
// with None where the plain version has to take care.
nb::list maximize_statistics(const std::string& code, int form_code, nb::sequence every, nb::handle unseen_object,
                             nb::handle reference_object) {
  const auto form = static_cast<Form>(form_code);
  const Structure structure(code);
  const Reference reference = reference_of(reference_object, form);
  const std::size_t d = reference.floor.size();
  nb::list answers;
  for (nb::handle object : every) {
    const auto arrays = nb::cast<nb::tuple>(object);
    const std::size_t k = nb::len(nb::object(arrays[0]));
    Parameters mixture{form, k, d, std::vector<double>(k), {}, {}, {}, {}, {}};
    Statistics statistics{numbers_of(arrays[0], "mass", 1, k),
                          numbers_of(arrays[1], "mean", 2, k * d),
                          numbers_of(arrays[2], "scatter", kDimensions[form_code], second_size(mixture.view())),
                          0.0,
                          {}};
    if (form == Form::kFull || form == Form::kTied)  // a product of matrices is symmetric but for rounding
      for (std::size_t at = 0; at < statistics.scatter.size(); at += d * d)
        for (std::size_t i = 0; i < d; ++i)
          for (std::size_t j = 0; j < i; ++j) {
            double &one = statistics.scatter[at + i * d + j], &other = statistics.scatter[at + j * d + i];
            one = other = (one + other) / 2.0;
          }
    mixture.covariances = statistics.scatter;  // where structures whose M-step iterates begin
    const std::unique_ptr<Evidence> unseen = evidence_of(unseen_object, mixture.view());
    if (maximize(structure, statistics, unseen.get(), reference, mixture) != Read::kNeedsCare)
      answers.append(nb::make_tuple(array_of(mixture.weights, empty_array(k)),
                                    array_of(mixture.means, empty_array(k, d)),
                                    array_of(mixture.covariances, Result::second_of(mixture.view()))));
    else
      answers.append(nb::none());
  }
  return answers;
}

// What the kernel needs of a mixture, (log_constants, factor, whitener); None where a covariance is not definite.
nb::object prepare_mixture(int form_code, nb::handle weights, nb::handle means, nb::handle covariances) {
  const auto form = static_cast<Form>(form_code);
  const Array places(means, 2, "means");
  const std::size_t k = places.size(0), d = places.size(1);
  Parameters mixture{form, k, d, numbers_of(weights, "weights", 1, k), {}, {}, {}, {}, {}};
  const Mixture shape = mixture.view();
  mixture.covariances = numbers_of(covariances, "covariances", kDimensions[form_code], second_size(shape));
  if (!mixture.prepare()) return nb::none();
  return nb::make_tuple(array_of(mixture.log_constants, empty_array(k)),
                        array_of(mixture.factor, Result::second_of(shape)),
                        array_of(mixture.whitener, Result::second_of(shape)));
}

// Statistics (mass, mean, scatter) of rows (N, D) by each of several labels (N).
nb::list count_labels(int form_code, nb::handle rows_object, nb::sequence every, std::size_t k,
                      nb::handle weight_object) {
  const auto form = static_cast<Form>(form_code);
  const Array rows(rows_object, 2, "rows");
  const std::size_t n = rows.size(0), d = rows.size(1);
  const double* numbers = rows.numbers(n, d);
  const Weights weights(weight_object, n);
  nb::list answers;
  for (nb::handle object : every) {
    const std::vector<double> labels = numbers_of(object, "labels", 1, n);
    for (const double label : labels)
      if (!(label >= 0.0 && label < static_cast<double>(k))) throw nb::value_error("labels count from zero");
    const Statistics s = statistics_of(numbers, labels.data(), weights.data(), n, k, d, form);
    answers.append(nb::make_tuple(array_of(s.mass, empty_array(k)), array_of(s.mean, empty_array(k, d)),
                                  array_of(s.scatter, Result::second_of({form, k, d, nullptr, nullptr, nullptr}))));
  }
  return answers;
}

// Labels (N) of points (N, P), as numbers of float64.
nb::object cluster_points(nb::handle points_object, nb::handle mass_object, std::size_t sweeps,
                          nb::handle draws_object) {
  const Array points(points_object, 2, "points"), mass(mass_object, 1, "mass");
  const Array draws(draws_object, 2, "draws");
  const std::size_t n = points.size(0), width = points.size(1), k = draws.size(0);
  if (n == 0 || k == 0) throw nb::value_error("clusters need a point and a draw at least");
  const Points rows{points.numbers(n, width), mass.numbers(n), n, width};
  const double* numbers = draws.numbers(k, draws.size(1));
  std::vector<std::int64_t> labels;
  without_gil([&] { return cluster(rows, k, draws.size(1), sweeps, numbers, interrupted, labels); });
  return array_of({labels.begin(), labels.end()}, empty_array(n));
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
    shares = Array(shares_object, 2, "responsibilities", true).numbers(rows.n_rows, mixture.n_components);
  }
  const std::size_t n_chunks = (rows.n_rows + kChunk - 1) / kChunk;
  const std::size_t threads =
      choose_threads(threads_of(threads_object), n_chunks, estimated_nanoseconds(mixture, rows.n_rows) / 2);
  const std::size_t scratch_size = aligned(kernel.scratch_size(mixture));
  const Memory plan(kernel.plan_size(mixture)), memory(threads * scratch_size);
  kernel.plan(mixture, false, plan.data());
  const auto work = [&](const Turn& turn, const Stop& stop) {
    const std::size_t begin = turn.chunk * kChunk, end = std::min(begin + kChunk, rows.n_rows);
    kernel.posterior(mixture, plan.data(), rows, begin, end, memory.data() + turn.worker * scratch_size, density,
                     shares, stop);
  };
  without_gil([&] { return run_in_order(n_chunks, threads, threads, work, [](std::size_t) {}, interrupted); });
  return nb::make_tuple(density_object, shares_object);
}

}  // namespace
}  // namespace gmix

NB_MODULE(_native, module) {
  namespace nb = nanobind;
  using nb::arg;
  module.doc() = "The compiled kernel; gmix.model.kernel is its door.";
  module.def("expect", &gmix::expect, arg("rows"), arg("mixtures"), arg("sample_weight") = nb::none(),
             arg("threads") = nb::none(), arg("carry") = nb::none(), arg("coarse") = false);
  module.def("climb", &gmix::climb_rows, arg("rows"), arg("structure"), arg("form"), arg("starts"), arg("reference"),
             arg("heats"), arg("rule"), arg("patient"), arg("coarse"), arg("sample_weight") = nb::none(),
             arg("threads") = nb::none());
  module.def("maximize", &gmix::maximize_statistics, arg("structure"), arg("form"), arg("statistics"),
             arg("unseen").none(), arg("reference"));
  module.def("prepare", &gmix::prepare_mixture, arg("form"), arg("weights"), arg("means"), arg("covariances"));
  module.def("count", &gmix::count_labels, arg("form"), arg("rows"), arg("labels"), arg("n_components"),
             arg("sample_weight") = nb::none());
  module.def("cluster", &gmix::cluster_points, arg("points"), arg("mass"), arg("sweeps"), arg("draws"));
  module.def("posterior", &gmix::posterior, arg("rows"), arg("mixture"), arg("responsibilities"),
             arg("threads") = nb::none());
  module.def("level", [] { return gmix::kernel().level; });
}
