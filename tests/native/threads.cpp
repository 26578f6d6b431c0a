// Runs E-steps and draws of the compiled core on four threads, and compares them with one thread to the last bit.
// Under the thread sanitizer it also shows races of the threads. An interruption is tried too.
#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <limits>
#include <vector>

#include "em/gaussian_model.hpp"
#include "threads/draws.hpp"
#include "threads/pass.hpp"

namespace gmix {
namespace {

constexpr std::size_t kThreads = 4, kComponents = 5;
constexpr std::size_t kMost = 10'000'000;  // rows that a pass is prepared for, so that it takes all threads
constexpr Form kForms[] = {Form::kFull, Form::kTied, Form::kDiagonal, Form::kSpherical};

// Numbers that look random, between zero and one.
double uniform() {
  static std::uint64_t state = 1;
  state = state * 6364136223846793005u + 1442695040888963407u;
  return static_cast<double>(state >> 11) * 0x1p-53;
}

void require(bool right, const char* what) {
  if (right) return;
  std::fprintf(stderr, "threads: wrong %s\n", what);
  std::exit(1);
}

bool never() { return false; }

bool same(const Numbers& left, const Numbers& right) {
  return left.size() == right.size() && std::memcmp(left.data(), right.data(), left.size() * sizeof(double)) == 0;
}

bool same(const Statistics& left, const Statistics& right) {
  return same(left.counts, right.counts) && same(left.mass, right.mass) && same(left.mean, right.mean) &&
         same(left.scatter, right.scatter) && left.log_likelihood == right.log_likelihood;
}

Parameters parameters_in(Form form, std::size_t d) {
  const std::size_t size = compact_size(form, kComponents, d);
  Parameters p{
      form, kComponents, d, Numbers(kComponents, 1.0 / kComponents), Numbers(kComponents * d), Numbers(size, 0.0), {},
      {},   {},          {}};
  for (double& number : p.means) number = 8.0 * uniform();
  for (std::size_t i = 0; i < size; ++i)
    if (!is_dense(form, d) || i % (d * d) % (d + 1) == 0) p.covariances[i] = 1.0 + uniform();
  require(p.prepare(), "covariances");
  return p;
}

// A table, and what is known about its rows.
struct Table {
  std::size_t n, d;
  Numbers values, weights, labels, variances;

  explicit Table(std::size_t columns)
      : n(3 * grouped_chunk(columns) + 100), d(columns), values(n * d), weights(n), labels(n), variances(n * d) {
    for (double& number : values) number = 10.0 * uniform();
    for (double& number : weights) number = uniform();
    for (double& number : labels) number = uniform() < 0.5 ? -1.0 : std::floor(2.0 * uniform());
    for (double& number : variances) number = uniform();
  }

  void remove_cells() {
    for (double& number : values)
      if (uniform() < 0.1) number = std::numeric_limits<double>::quiet_NaN();
  }

  Rows rows() const {
    return {reinterpret_cast<const char*>(values.data()),
            static_cast<std::ptrdiff_t>(d * sizeof(double)),
            sizeof(double),
            n,
            d,
            false};
  }
};

Statistics expect(const Components& components, const Rows& rows, const Table& table, bool coarse,
                  std::size_t threads) {
  Pass pass({components.mixture}, kMost, threads);
  pass.begin({components}, coarse);
  require(pass.add(rows, table.weights.data(), never), "end of a pass");
  Statistics statistics{};
  set_statistics(pass.sums(0), components, statistics);
  return statistics;
}

void compare(const Components& components, Rows rows, const Table& table, bool coarse, const char* what) {
  rows.n_rows = std::min(rows.n_rows, 3 * chunk_rows(rows) + 100);
  const Statistics one = expect(components, rows, table, coarse, 1);
  require(std::isfinite(one.log_likelihood), what);
  require(same(one, expect(components, rows, table, coarse, kThreads)), what);
}

void check_passes(Form form, std::size_t d) {
  Table table(d);
  Parameters p = parameters_in(form, d);
  p.groups = {0.0, 0.0, 1.0, 1.0, 1.0};
  Components components{p.view(), p.factor.data()};
  compare(components, table.rows(), table, false, "statistics");
  compare(components, table.rows(), table, true, "coarse statistics");
  Rows rows = table.rows();
  rows.label = table.labels.data();
  compare(components, rows, table, false, "statistics of rows with labels");
  const Numbers low(d, 0.0), high(d, 10.0), log_density(d, -std::log(10.0));
  components.background = {low.data(), high.data(), log_density.data(), std::log(0.1)};
  compare(components, rows, table, false, "statistics beside a background");
  components.background = {};
  table.remove_cells();
  rows = table.rows();
  rows.incomplete = true;
  compare(components, rows, table, false, "statistics of incomplete rows");
  rows.errors.variances = table.variances.data();
  compare(components, rows, table, false, "statistics of rows with errors");
}

void check_draws(Form form, std::size_t d) {
  constexpr std::size_t n = 100'000;
  const Parameters p = parameters_in(form, d);
  const Components components{p.view(), p.factor.data()};
  Numbers labels(n), one(n * d), several(n * d);
  for (double& label : labels) label = std::floor(kComponents * uniform());
  require(draw(components, labels.data(), n, {3, 7}, 1, never, one.data()), "end of the draws");
  require(draw(components, labels.data(), n, {3, 7}, kThreads, never, several.data()), "end of the draws");
  require(same(one, several), "draws");
}

// A pass that is interrupted after some blocks ends, and says so.
void check_interruption() {
  const Table table(6);
  const Parameters p = parameters_in(Form::kFull, 6);
  const Components components{p.view(), p.factor.data()};
  for (int patience = 0; patience < 8; ++patience) {
    Pass pass({components.mixture}, kMost, kThreads);
    pass.begin({components}, false);
    int calls = 0;
    require(!pass.add(table.rows(), nullptr, [&] { return ++calls > patience; }), "interruption");
  }
}

}  // namespace
}  // namespace gmix

int main() {
  for (const gmix::Form form : gmix::kForms)
    for (const std::size_t d : {1, 6, 20}) {
      gmix::check_passes(form, d);
      gmix::check_draws(form, d);
    }
  gmix::check_interruption();
  std::printf("threads: the same bits on %zu threads, at level %s\n", gmix::kThreads, gmix::kernel().level);
  return 0;
}
