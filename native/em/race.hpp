// Runs from several starts race: after each round only the best go on.
#pragma once

#include <memory>
#include <utility>
#include <vector>

#include "em/run.hpp"

namespace gmix {

// gmix.model.stopping.Round: runs continue until the rule ends them, and then at most `most` of them are kept.
struct Round {
  StoppingRule rule;
  std::size_t most;
};

// Runs all rounds, and then the runs that were kept until the last rule ends them. Returns the place and the end of
// each; if a round was held, the best after the last round comes first. Other runs are deleted. An interruption ends
// the list with the run that it met; in a round, the list is the best run alone.
std::vector<std::pair<std::size_t, Ended>> race(std::vector<std::unique_ptr<Run>>& runs,
                                                const std::vector<Round>& rounds, const StoppingRule& rule);

}  // namespace gmix
