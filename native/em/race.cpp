#include "em/race.hpp"

#include <algorithm>
#include <cmath>
#include <numeric>

namespace gmix {
namespace {

// Times the tolerance of a round: runs nearer to each other are on the way to one optimum, and a run that has converged
// and is farther behind the best will not overtake it.
constexpr double kSame = 0.1, kBehind = 10.0;

using Places = std::vector<std::size_t>;

bool has_failed(Ended ended) { return ended == Ended::kFailed || ended == Ended::kCollapsed; }

// The places of the runs that a round keeps, of those in `left`, which are ordered with the best first.
Places kept(const Places& left, const std::vector<std::unique_ptr<Run>>& runs, const std::vector<Ended>& ended,
            const Round& round) {
  Places keep;
  const auto objective = [&](std::size_t i) { return runs[i]->objective(); };
  for (const std::size_t i : left) {
    const double behind = objective(left[0]) - objective(i);
    const bool lost = ended[i] != Ended::kLimit && behind > kBehind * round.rule.tolerance;
    const bool same = std::any_of(keep.begin(), keep.end(), [&](std::size_t other) {
      return std::abs(objective(i) - objective(other)) <= kSame * round.rule.tolerance;
    });
    if (keep.size() < round.most && !lost && !same) keep.push_back(i);
  }
  return keep;
}

}  // namespace

std::vector<std::pair<std::size_t, Ended>> race(std::vector<std::unique_ptr<Run>>& runs,
                                                const std::vector<Round>& rounds, const StoppingRule& rule) {
  Places left(runs.size());
  std::iota(left.begin(), left.end(), std::size_t{0});
  std::vector<Ended> ended(runs.size());
  for (const Round& round : rounds) {
    if (left.size() == 1) break;
    bool interrupted = false;
    for (std::size_t at = 0; at < left.size() && !interrupted; ++at)
      interrupted = (ended[left[at]] = runs[left[at]]->go_on(round.rule, true)) == Ended::kInterrupted;
    std::stable_sort(left.begin(), left.end(), [&](std::size_t a, std::size_t b) {
      const bool failed_a = has_failed(ended[a]), failed_b = has_failed(ended[b]);
      return failed_a != failed_b ? failed_b : runs[a]->objective() > runs[b]->objective();
    });
    if (interrupted) return {{left[0], Ended::kInterrupted}};
    const Places keep = kept(left, runs, ended, round);
    for (const std::size_t i : left)
      if (std::find(keep.begin(), keep.end(), i) == keep.end()) runs[i].reset();
    left = keep;
  }
  std::vector<std::pair<std::size_t, Ended>> arrived;
  for (const std::size_t i : left) {
    arrived.emplace_back(i, runs[i]->go_on(rule, false));
    if (arrived.back().second == Ended::kInterrupted) break;
  }
  return arrived;
}

}  // namespace gmix
