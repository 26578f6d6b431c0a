// gmix._native: what Python sees. Arguments are checked here.
#include <nanobind/nanobind.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/vector.h>

#include <chrono>
#include <map>
#include <memory>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "python/callables.hpp"
#include "python/clusters.hpp"
#include "python/truncated.hpp"
#include "threads/draws.hpp"
#include "threads/parallel.hpp"

namespace gmix {

// The clock of each thread lives as long as the thread, so that passes of microseconds ask as often as one long pass.
bool is_interrupted() {
  using Clock = std::chrono::steady_clock;
  static thread_local Clock::time_point last{};
  const auto now = Clock::now();
  if (now - last < kPatience) return false;
  last = now;
  nb::gil_scoped_acquire held;
  return PyErr_CheckSignals() != 0;
}

namespace {

std::size_t threads_of(nb::handle wanted) {
  const long number = wanted.is_none() ? 0 : nb::cast<long>(wanted);
  if (number < 0) throw nb::value_error("threads must be a positive number, or None for all");
  return static_cast<std::size_t>(number);
}

// One E-step under several components, over rows that come in one or several blocks.
class EStep {
 public:
  EStep(nb::sequence components, nb::handle threads, bool coarse) : threads_(threads_of(threads)), coarse_(coarse) {
    for (nb::handle object : components) components_.push_back(std::make_unique<ComponentArrays>(object));
  }

  void add(nb::handle object) {
    const GivenRows given(object);
    const Rows& rows = given.rows();
    std::vector<Components> components;
    std::vector<Mixture> mixtures;
    for (const auto& each : components_) {
      components.push_back(each->view());
      mixtures.push_back(each->view().mixture);
      require_fit(mixtures.back(), rows);
    }
    if (!pass_) {
      pass_ = std::make_unique<Pass>(mixtures, rows.n_rows, threads_);
      pass_->begin(components, coarse_);
    }
    without_gil([&] { return pass_->add(rows, given.weight(), is_interrupted); });
  }

  nb::list statistics() {
    if (!pass_) throw nb::value_error("no rows were added");
    nb::list answer;
    Statistics statistics{};
    for (std::size_t i = 0; i < components_.size(); ++i) {
      set_statistics(pass_->sums(i), components_[i]->view(), statistics);
      answer.append(statistics_tuple(statistics));
    }
    return answer;
  }

 private:
  const std::size_t threads_;
  const bool coarse_;
  std::vector<std::unique_ptr<ComponentArrays>> components_;
  std::unique_ptr<Pass> pass_;
};

// Rows in memory, and a Pass over them for each kind and number of components; or a function that returns
// statistics.
class Data {
 public:
  Data(nb::handle rows, nb::handle threads) : function_(rows), threads_(threads_of(threads)) {
    if (!PyCallable_Check(rows.ptr())) given_ = std::make_unique<GivenRows>(rows);
  }

  Expect expect(const Components& like) {
    if (!given_) return by_python(function_);
    const Mixture& shape = like.mixture;
    const Rows& rows = given_->rows();
    require_fit(shape, rows);
    auto& pass = passes_[{shape.form, shape.family, shape.n_components}];
    if (!pass) pass = std::make_unique<Pass>(std::vector<Mixture>{shape}, rows.n_rows, threads_);
    return over_rows(*pass, rows, given_->weight());
  }

 private:
  const nb::handle function_;
  const std::size_t threads_;
  std::unique_ptr<GivenRows> given_;
  std::map<std::tuple<Form, Family, std::size_t>, std::unique_ptr<Pass>> passes_;
};

// A start: a model of Python's; or a compiled one, (structure, form, weights, means, covariances, groups or None,
// statistics that a prior adds or None, fallback or None, background or None, blur or None).
std::unique_ptr<Model> model_of(nb::handle object, nb::handle reference_object,
                                std::vector<std::unique_ptr<Statistics>>& priors,
                                std::unique_ptr<Reference>& reference) {
  if (!PyTuple_Check(object.ptr())) return std::make_unique<PythonModel>(nb::borrow(object));
  const nb::tuple fields = tuple_of(object, 10, "a start");
  const Form form = form_of(nb::cast<int>(fields[1]));
  if (!reference) reference = std::make_unique<Reference>(reference_of(reference_object, form));
  priors.push_back(nullptr);
  if (!fields[6].is_none()) priors.back() = std::make_unique<Statistics>(statistics_of(fields[6], form));
  Parameters parameters = parameters_of(fields[2], fields[3], fields[4], form);
  if (!fields[5].is_none()) parameters.groups = numbers_of(fields[5], "groups", 1, parameters.n_components);
  if (parameters.n_features != reference->floor.size())
    throw nb::value_error("the reference and a start differ in their columns");
  parameters.box = box_of(fields[8], parameters.n_features);
  if (priors.back())
    require_same(priors.back()->n_components() == parameters.n_components &&
                     priors.back()->n_features() == parameters.n_features,
                 "what the prior adds");
  Numbers blur;
  if (!fields[9].is_none()) blur = numbers_of(fields[9], "blur", 1, parameters.n_features);
  return std::make_unique<GaussianModel>(structure_in(nb::cast<std::string>(fields[0]), form), priors.back().get(),
                                         std::move(blur), *reference, std::move(parameters), fallback_of(fields[7]));
}

// `rows` are in memory, or a function that takes components, and whether coarse statistics will do, and returns the
// statistics of rows elsewhere. All starts have one form. Each round is (rule, how many go on). Each answer, of a run
// that was not dropped, is (place among the starts, parameters or a model of Python's, statistics, objectives, why it
// ended, whether no component is on the floor); parameters and statistics are None where no E-step was finished.
nb::list run(nb::handle rows, nb::sequence starts, nb::handle reference_object, nb::sequence round_objects,
             nb::tuple rule_object, bool patient, bool coarse, nb::handle threads) {
  const StoppingRule rule = rule_of(rule_object);
  std::vector<Round> rounds;
  for (nb::handle object : round_objects) {
    const nb::tuple round = tuple_of(object, 2, "a round");
    rounds.push_back({rule_of(round[0]), nb::cast<std::size_t>(round[1])});
  }
  Data data(rows, threads);
  std::unique_ptr<Reference> reference;
  std::vector<std::unique_ptr<Statistics>> priors;
  std::vector<std::unique_ptr<Run>> runs;
  for (nb::handle object : starts) {
    auto model = model_of(object, reference_object, priors, reference);
    const Expect expect = data.expect(model->components());
    runs.push_back(std::make_unique<Run>(expect, std::move(model), coarse, patient));
  }
  std::vector<std::pair<std::size_t, Ended>> arrived;
  {
    nb::gil_scoped_release released;
    arrived = race(runs, rounds, rule);
  }
  nb::list answers;
  for (const auto& [place, ended] : arrived) {
    const Run& run = *runs[place];
    nb::object model = nb::none(), statistics = nb::none();
    if (run.arrived()) {
      const auto* gaussian = dynamic_cast<const GaussianModel*>(&run.model());
      if (gaussian != nullptr)
        model = parameters_tuple(gaussian->parameters());
      else
        model = static_cast<const PythonModel&>(run.model()).object();
      statistics = statistics_tuple(run.statistics());
    }
    answers.append(nb::make_tuple(place, model, statistics, run.history(), static_cast<int>(ended), run.sound()));
  }
  return answers;
}

// Products of matrices are symmetric but for rounding; here to the bit.
void symmetrize(Statistics& s) {
  if (s.form != Form::kFull && s.form != Form::kTied) return;
  const std::size_t d = s.n_features();
  for (std::size_t at = 0; at < s.scatter.size(); at += d * d)
    for (std::size_t i = 0; i < d; ++i)
      for (std::size_t j = 0; j < i; ++j) {
        double &one = s.scatter[at + i * d + j], &other = s.scatter[at + j * d + i];
        one = other = (one + other) / 2.0;
      }
}

// The M-steps (weights, means, covariances) of several statistics of the same rows, each with what a prior adds: a
// list, with None where float64 does not reach.
nb::list maximize_each(const std::string& code, int form_code, nb::sequence every, nb::handle prior_object,
                       nb::handle reference_object) {
  const Form form = form_of(form_code);
  const Structure structure = structure_in(code, form);
  const Reference reference = reference_of(reference_object, form);
  std::unique_ptr<Statistics> prior;
  if (!prior_object.is_none()) prior = std::make_unique<Statistics>(statistics_of(prior_object, form));
  nb::list answers;
  for (nb::handle object : every) {
    Statistics statistics = statistics_of(object, form);
    symmetrize(statistics);
    if (prior) require_same(have_same_size(statistics, *prior), "what the prior adds");
    if (reference.floor.size() != statistics.n_features())
      throw nb::value_error("the reference and the statistics differ in their columns");
    const std::size_t k = statistics.n_components(), d = statistics.n_features();
    // Structures whose M-step iterates begin from the scatter.
    Parameters parameters{form, k, d, Numbers(k), {}, statistics.scatter, {}, {}, {}, {}};
    if (prior) statistics = sum(statistics, *prior);
    if (maximize(structure, statistics, reference, parameters) == Outcome::kFailed)
      answers.append(nb::none());
    else
      answers.append(parameters_tuple(parameters));
  }
  return answers;
}

// What the kernel needs of a mixture, (log_constants, factor, whitener); None where a covariance is not definite.
nb::object prepare_mixture(int form_code, nb::handle weights, nb::handle means, nb::handle covariances) {
  Parameters p = parameters_of(weights, means, covariances, form_of(form_code));
  if (!p.prepare()) return nb::none();
  return nb::make_tuple(array_of(p.log_constants, empty_array(p.n_components)),
                        compact_array(p.factor, p.form, p.n_components, p.n_features),
                        compact_array(p.whitener, p.form, p.n_components, p.n_features));
}

// The statistics of rows (N, D) by each of several labels (N).
nb::list label_statistics(int form_code, nb::handle rows_object, nb::sequence every, std::size_t k) {
  const Form form = form_of(form_code);
  const GivenRows given(rows_object);
  const Rows& rows = given.rows();
  const std::size_t n = rows.n_rows, d = rows.n_features;
  const double* numbers = given.numbers();
  nb::list answers;
  for (nb::handle object : every) {
    const Numbers labels = numbers_of(object, "labels", 1, n);
    for (const double label : labels)
      if (!(label >= 0.0 && label < static_cast<double>(k))) throw nb::value_error("labels count from zero");
    answers.append(statistics_tuple(statistics_of_labels(numbers, labels.data(), given.weight(), n, k, d, form)));
  }
  return answers;
}

// A new array, and where its numbers are.
struct NewArray {
  nb::object object = nb::none();
  double* numbers = nullptr;

  NewArray() = default;
  template <typename... Sizes>
  explicit NewArray(Sizes... sizes)
      : object(empty_array(sizes...)), numbers(Array(object, sizeof...(sizes), "result", true).numbers(sizes...)) {}
};

nb::tuple posterior(nb::handle rows_object, nb::handle components_object, bool responsibilities,
                    nb::handle threads_object) {
  const GivenRows given(rows_object);
  const Rows& rows = given.rows();
  const ComponentArrays components(components_object);
  const Mixture mixture = components.view().mixture;
  require_fit(mixture, rows);
  const Kernel& kernel = gmix::kernel();
  const NewArray density(rows.n_rows);
  const NewArray shares = responsibilities ? NewArray(rows.n_rows, mixture.n_components) : NewArray();
  const bool noisy = is_noisy(rows), grouped = is_grouped(rows);
  const std::size_t size = chunk_rows(rows), n_chunks = (rows.n_rows + size - 1) / size;
  const std::size_t threads =
      choose_threads(threads_of(threads_object), n_chunks, estimated_nanoseconds(mixture, rows.n_rows) / 2);
  const std::size_t scratch_size =
      grouped ? 0 : aligned(noisy ? kernel.noisy_scratch_size(mixture) : kernel.scratch_size(mixture));
  const Memory plan(kernel.plan_size(mixture)), memory(threads * scratch_size);
  std::vector<RowGroups> groups(grouped ? threads : 0);
  kernel.plan(mixture, false, plan.data());
  const auto work = [&](const Turn& turn, const Interruption& interruption) {
    const std::size_t begin = turn.chunk * size, end = std::min(begin + size, rows.n_rows);
    char* const scratch = memory.data() + turn.worker * scratch_size;
    if (noisy)
      kernel.posterior_noisy(components.view(), rows, begin, end, scratch, density.numbers, shares.numbers, nullptr,
                             interruption);
    else if (grouped)
      groups[turn.worker].posterior(components.view(), rows, begin, end, density.numbers, shares.numbers, interruption);
    else
      kernel.posterior(mixture, plan.data(), rows, begin, end, scratch, density.numbers, shares.numbers, interruption);
    if (const Background background = components.view().background)
      add_background(background, rows, begin, end, mixture.n_components, density.numbers, shares.numbers);
  };
  without_gil([&] { return run_in_order(n_chunks, threads, threads, work, [](std::size_t) {}, is_interrupted); });
  return nb::make_tuple(density.object, shares.object);
}

// The conditional means (N, D) of the true values of rows, with or without errors, given the cells that are present.
nb::object expected_values(nb::handle rows_object, nb::handle components_object, nb::handle threads_object) {
  const GivenRows given(rows_object);
  const Rows& rows = given.rows();
  const ComponentArrays components(components_object);
  const Mixture mixture = components.view().mixture;
  require_fit(mixture, rows);
  if (mixture.family != Family::kGaussian) throw nb::value_error("only Gaussian components give expected values");
  const Kernel& kernel = gmix::kernel();
  const NewArray means(rows.n_rows, rows.n_features);
  Numbers density(rows.n_rows);
  const std::size_t n_chunks = (rows.n_rows + kChunk - 1) / kChunk;
  const std::size_t threads =
      choose_threads(threads_of(threads_object), n_chunks, estimated_nanoseconds(mixture, rows.n_rows));
  const std::size_t scratch_size = aligned(kernel.noisy_scratch_size(mixture));
  const Memory memory(threads * scratch_size);
  const auto work = [&](const Turn& turn, const Interruption& interruption) {
    const std::size_t begin = turn.chunk * kChunk, end = std::min(begin + kChunk, rows.n_rows);
    kernel.posterior_noisy(components.view(), rows, begin, end, memory.data() + turn.worker * scratch_size,
                           density.data(), nullptr, means.numbers, interruption);
  };
  without_gil([&] { return run_in_order(n_chunks, threads, threads, work, [](std::size_t) {}, is_interrupted); });
  return means.object;
}

// Draws (N, D) from the components that `labels` (N) name.
nb::object draw_points(nb::handle components_object, nb::handle labels_object, std::uint64_t key, std::uint64_t counter,
                       nb::handle threads_object) {
  const ComponentArrays components(components_object);
  const Mixture& mixture = components.view().mixture;
  const Array labels(labels_object, 1, "labels");
  const std::size_t n = labels.size(0);
  const double* const label = labels.numbers(n);
  for (std::size_t i = 0; i < n; ++i)
    if (!(label[i] >= 0.0 && label[i] < static_cast<double>(mixture.n_components)))
      throw nb::value_error("a label names no component");
  const NewArray points(n, mixture.n_features);
  const std::size_t threads = threads_of(threads_object);
  without_gil(
      [&] { return draw(components.view(), label, n, {key, counter}, threads, is_interrupted, points.numbers); });
  return points.object;
}

}  // namespace
}  // namespace gmix

NB_MODULE(_native, module) {
  namespace nb = nanobind;
  using nb::arg;
  module.doc() = "The compiled kernel; gmix.model.kernel.compiled is its only user.";
  // The signatures name what stub.pat defines; a test calls every function by the names that they give.
  nb::class_<gmix::EStep>(module, "EStep", nb::is_final())
      .def(nb::init<nb::sequence, nb::handle, bool>(), arg("components"), arg("threads").none(), arg("coarse"),
           nb::sig("def __init__(self, components: Sequence[Components], threads: int | None, coarse: bool) -> None"))
      .def("add", &gmix::EStep::add, arg("rows"), nb::sig("def add(self, rows: Rows) -> None"))
      .def("statistics", &gmix::EStep::statistics, nb::sig("def statistics(self) -> list[Statistics]"));
  nb::class_<gmix::TruncatedEStep>(module, "TruncatedEStep", nb::is_final())
      .def(nb::init<nb::handle, nb::handle, std::size_t, std::size_t, std::size_t>(), arg("rows"), arg("labels"),
           arg("n_kept"), arg("n_neighbors"), arg("threads"),
           nb::sig("def __init__(self, rows: Rows, labels: Array, n_kept: int, n_neighbors: int, threads: int) "
                   "-> None"))
      .def("expect", &gmix::TruncatedEStep::expect, arg("components"),
           nb::sig("def expect(self, components: Components) -> Statistics"));
  module.def("run", &gmix::run, arg("rows"), arg("starts"), arg("reference"), arg("rounds"), arg("rule"),
             arg("patient"), arg("coarse"), arg("threads").none(),
             nb::sig("def run(rows: Rows | Callable[[Components, bool], Statistics], "
                     "starts: Sequence[CompiledStart | Model], reference: Reference, "
                     "rounds: Sequence[tuple[Rule, int]], rule: Rule, patient: bool, coarse: bool, "
                     "threads: int | None) -> list[RunEnd]"));
  module.def("maximize", &gmix::maximize_each, arg("structure"), arg("form"), arg("statistics"), arg("prior").none(),
             arg("reference"),
             nb::sig("def maximize(structure: str, form: int, statistics: Sequence[Statistics], "
                     "prior: Statistics | None, reference: Reference) -> list[Parameters | None]"));
  module.def("prepare", &gmix::prepare_mixture, arg("form"), arg("weights"), arg("means"), arg("covariances"),
             nb::sig("def prepare(form: int, weights: Array, means: Array, covariances: Array) "
                     "-> tuple[Array, Array, Array] | None"));
  module.def("label_statistics", &gmix::label_statistics, arg("form"), arg("rows"), arg("labels"), arg("n_components"),
             nb::sig("def label_statistics(form: int, rows: Rows, labels: Sequence[Array], n_components: int) "
                     "-> list[Statistics]"));
  module.def("cluster", &gmix::cluster_points, arg("points"), arg("mass"), arg("sweeps"), arg("draws"),
             nb::sig("def cluster(points: Array, mass: Array, sweeps: int, draws: Array) -> Array"));
  module.def("nearest", &gmix::nearest_centers, arg("points"), arg("centers"),
             nb::sig("def nearest(points: Array, centers: Array) -> Array"));
  module.def("neighbors", &gmix::neighbors_of_centers, arg("centers"), arg("n"), arg("before").none(),
             nb::sig("def neighbors(centers: Array, n: int, before: Array | None) -> Array"));
  module.def("nearest_neighbors", &gmix::nearest_neighbors, arg("points"), arg("centers"), arg("labels"),
             arg("neighbors"),
             nb::sig("def nearest_neighbors(points: Array, centers: Array, labels: Array, neighbors: Array) -> Array"));
  module.def("posterior", &gmix::posterior, arg("rows"), arg("components"), arg("responsibilities"),
             arg("threads").none(),
             nb::sig("def posterior(rows: Rows, components: Components, responsibilities: bool, threads: int | None) "
                     "-> tuple[Array, Array | None]"));
  module.def("expected_values", &gmix::expected_values, arg("rows"), arg("components"), arg("threads").none(),
             nb::sig("def expected_values(rows: Rows, components: Components, threads: int | None) -> Array"));
  module.def("draw", &gmix::draw_points, arg("components"), arg("labels"), arg("key"), arg("counter"),
             arg("threads").none(),
             nb::sig("def draw(components: Components, labels: Array, key: int, counter: int, threads: int | None) "
                     "-> Array"));
  module.def("level", [] { return gmix::kernel().level; });
}
