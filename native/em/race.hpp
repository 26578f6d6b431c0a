// Runs from several starts race: after each round only the best go on.
#pragma once

#include <memory>
#include <utility>
#include <vector>

#include "em/run.hpp"

namespace gmix {

// gmix.model.stopping.Round: runs go on until the rule ends them, and then at most so many are kept.
struct Round {
  StoppingRule rule;
  std::size_t most;
};

// The runs that are left after all rounds go on until the last rule ends them: their places, best first after a round,
// and how each ended. The others are deleted. An interruption ends the list with the run that it met; in a round, with
// the best alone.
std::vector<std::pair<std::size_t, Ended>> race(std::vector<std::unique_ptr<Run>>& runs,
                                                const std::vector<Round>& rounds, const StoppingRule& rule);

}  // namespace gmix
