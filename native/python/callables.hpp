// Python's side of an EM run: the E-step, the model and the stopping rule as functions that C++ calls.
#pragma once

#include <cmath>
#include <memory>
#include <numeric>
#include <utility>

#include "em/race.hpp"
#include "python/conversions.hpp"
#include "threads/pass.hpp"

namespace gmix {

// Whether a signal, such as Ctrl-C, raised an exception in Python, which is then pending.
bool is_interrupted();

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

// Calls work() with the GIL. A KeyboardInterrupt becomes Interrupted, so that the best so far is kept; other exceptions
// go on.
template <typename Work>
auto with_gil(const Work& work) {
  nb::gil_scoped_acquire held;
  try {
    return work();
  } catch (const nb::python_error& error) {
    if (error.matches(PyExc_KeyboardInterrupt)) throw Interrupted();
    throw;
  }
}

inline bool is_finite(const double* values, std::size_t count) {
  return std::isfinite(std::accumulate(values, values + count, 0.0));
}

// An E-step over rows in memory.
inline Expect over_rows(Pass& pass, const Rows& rows, const double* weight) {
  return [&pass, rows, weight](const Components& components, bool coarse, Statistics& statistics) {
    pass.begin({components}, coarse);
    if (!pass.add(rows, weight, is_interrupted)) with_gil([] { throw nb::python_error(); });
    const WhitenedSums& sums = pass.sums(0);
    if (!is_finite(sums.second, second_size(components.mixture))) return false;
    set_statistics(sums, components, statistics);
    return true;
  };
}

// An E-step over rows elsewhere: a function of Python's that returns their statistics.
inline Expect by_python(nb::handle function) {
  return [function](const Components& components, bool coarse, Statistics& statistics) {
    return with_gil([&] {
      const Mixture& m = components.mixture;
      statistics = statistics_of(function(components_tuple(components), coarse), m.form);
      require_same(statistics.n_components() == m.n_components && statistics.n_features() == m.n_features,
                   "the answer of an E-step");
      return is_finite(statistics.scatter.data(), statistics.scatter.size());
    });
  };
}

// A model in Python: an object with maximize(statistics) and objective(statistics), as
// gmix.model.kernel.compiled._InPython says.
class PythonModel : public Model {
 public:
  explicit PythonModel(nb::object object) { set(std::move(object)); }
  ~PythonModel() override {
    nb::gil_scoped_acquire held;
    object_.reset();
    components_.reset();
  }

  std::unique_ptr<Model> copy() const override {
    nb::gil_scoped_acquire held;
    return std::make_unique<PythonModel>(*this);
  }
  void assign(const Model& other) override {
    nb::gil_scoped_acquire held;
    *this = static_cast<const PythonModel&>(other);
  }
  bool prepare() override { return true; }
  Components components() const override { return components_->view(); }
  Outcome maximize(const Statistics& statistics) override {
    return with_gil([&] {
      const nb::object found = object_.attr("raw_maximize")(statistics_tuple(statistics));
      if (found.is_none()) return Outcome::kFailed;
      const nb::tuple answer = tuple_of(found, 2, "the answer of raw_maximize");
      const Mixture before = components().mixture;
      PythonModel after{nb::object(answer[0])};
      const Mixture now = after.components().mixture;
      require_same(now.form == before.form && now.family == before.family && now.n_components == before.n_components &&
                       now.n_features == before.n_features,
                   "the model after an M-step");
      *this = after;
      return nb::cast<bool>(answer[1]) ? Outcome::kCollapsed : Outcome::kSound;
    });
  }
  double objective(const Statistics& statistics) const override {
    return with_gil([&] { return nb::cast<double>(object_.attr("raw_objective")(statistics_tuple(statistics))); });
  }
  const nb::object& object() const { return object_; }

 private:
  void set(nb::object object) {
    components_ = std::make_shared<ComponentArrays>(object.attr("raw_components")());
    object_ = std::move(object);
  }

  nb::object object_;
  std::shared_ptr<const ComponentArrays> components_;
};

// The M-step of a compiled model, by a function of Python's that takes statistics and returns parameters and whether a
// component has collapsed.
inline GaussianModel::Fallback fallback_of(nb::handle function) {
  if (function.is_none()) return nullptr;
  return [function](const Statistics& statistics, Parameters& parameters) {
    return with_gil([&] {
      const nb::object answered = function(statistics_tuple(statistics));
      if (answered.is_none()) return Outcome::kFailed;
      const nb::tuple answer = tuple_of(answered, 4, "the answer of the fallback");
      Parameters found = parameters_of(answer[0], answer[1], answer[2], statistics.form);
      require_same(found.n_components == statistics.n_components() && found.n_features == statistics.n_features(),
                   "the answer of the fallback");
      found.groups = parameters.groups;
      if (!found.prepare()) return Outcome::kFailed;
      found.box = parameters.box;
      parameters = std::move(found);
      return nb::cast<bool>(answer[3]) ? Outcome::kCollapsed : Outcome::kSound;
    });
  };
}

// (tolerance, change or None, rounding, fall, rest, max_steps, accelerate, monotone, judge), where judge is None or a
// function of the objectives so far, whether the parameters are at rest, and the estimated remaining gain, which
// returns None or why the run ends.
inline StoppingRule rule_of(nb::handle object) {
  const nb::tuple fields = tuple_of(object, 9, "a rule");
  const nb::object change = fields[1], judge = fields[8];
  StoppingRule rule{nb::cast<double>(fields[0]),
                    change.is_none() ? std::nullopt : std::optional(nb::cast<double>(change)),
                    nb::cast<double>(fields[2]),
                    nb::cast<double>(fields[3]),
                    nb::cast<double>(fields[4]),
                    nb::cast<std::size_t>(fields[5]),
                    nb::cast<bool>(fields[6]),
                    nb::cast<bool>(fields[7]),
                    nullptr};
  if (!judge.is_none())
    rule.judge = [judge = judge.ptr()](const std::vector<double>& history, bool at_rest, double remaining) {
      return with_gil([&]() -> std::optional<Ended> {
        nb::list objectives;
        for (const double value : history) objectives.append(value);
        const nb::object answer = nb::handle(judge)(objectives, at_rest, remaining);
        if (answer.is_none()) return std::nullopt;
        return static_cast<Ended>(nb::cast<int>(answer));
      });
    };
  return rule;
}

}  // namespace gmix
