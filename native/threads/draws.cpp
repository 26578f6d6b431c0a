#include "threads/draws.hpp"

#include <algorithm>
#include <cmath>
#include <vector>

#include "threads/memory.hpp"
#include "threads/parallel.hpp"
#include "threads/pass.hpp"

namespace gmix {
namespace {

// The factors of the components that are drawn from, column by column, as Draws::columns.
class Columns {
 public:
  Columns(const Components& components, const double* label, std::size_t n, std::size_t width)
      : columns_(components.mixture.n_components) {
    const Mixture& m = components.mixture;
    const std::size_t d = m.n_features, size = (m.form == Form::kFull || m.form == Form::kTied ? d : 1) * width;
    std::vector<bool> used(m.n_components);
    for (std::size_t i = 0; i < n; ++i) used[static_cast<std::size_t>(label[i])] = true;
    const std::size_t count =
        m.form == Form::kTied ? 1 : static_cast<std::size_t>(std::count(used.begin(), used.end(), true));
    numbers_.resize(count * size);
    double* at = numbers_.data();
    for (std::size_t k = 0; k < m.n_components; ++k) {
      if (m.form == Form::kTied && k > 0) {
        columns_[k] = columns_[0];
      } else if (m.form == Form::kTied || used[k]) {
        set(m, components.factor, k, width, at);
        columns_[k] = at;
        at += size;
      }
    }
  }
  const double* const* data() const { return columns_.data(); }

 private:
  static void set(const Mixture& m, const double* factor, std::size_t k, std::size_t width, double* to) {
    const std::size_t d = m.n_features;
    switch (m.form) {
      case Form::kFull:
      case Form::kTied:
        for (std::size_t row = 0; row < d; ++row)
          for (std::size_t column = 0; column <= row; ++column)
            to[column * width + row] = factor[(k * d + row) * d + column];
        break;
      case Form::kDiagonal:
        std::copy_n(factor + k * d, d, to);
        break;
      case Form::kSpherical:
        std::fill_n(to, d, factor[k]);
        break;
    }
  }

  std::vector<double> numbers_;
  std::vector<const double*> columns_;
};

double estimated_nanoseconds(const Draws& draws, std::size_t n) {
  const double d = static_cast<double>(draws.n_features);
  return static_cast<double>(n) * d * (2.0 + (draws.diagonal ? 0.0 : 0.1 * d));
}

}  // namespace

bool draw(const Components& components, const double* label, std::size_t n, const Seed& seed, std::size_t threads,
          const std::function<bool()>& interrupted, double* points) {
  const Mixture& m = components.mixture;
  const std::size_t d = m.n_features, width = (d + kDrawStep - 1) / kDrawStep * kDrawStep;
  std::vector<double> means(m.n_components * width);
  for (std::size_t k = 0; k < m.n_components; ++k) std::copy_n(m.means + k * d, d, means.data() + k * width);
  const Columns columns(components, label, n, width);
  const bool diagonal = m.form == Form::kDiagonal || m.form == Form::kSpherical;
  const Draws draws{d, width, diagonal, means.data(), columns.data(), label, seed, points};
  const std::size_t n_chunks = (n + kChunk - 1) / kChunk;
  const std::size_t workers = choose_threads(threads, n_chunks, estimated_nanoseconds(draws, n));
  const std::size_t scratch_size = aligned(kernel().draw_scratch_size(draws));
  const Memory scratch(workers * scratch_size);
  const auto work = [&](const Turn& turn, const Interruption&) {
    const std::size_t begin = turn.chunk * kChunk;
    kernel().draw(draws, begin, std::min(begin + kChunk, n), scratch.data() + turn.worker * scratch_size);
  };
  return run_in_order(n_chunks, workers, workers, work, [](std::size_t) {}, interrupted);
}

}  // namespace gmix
