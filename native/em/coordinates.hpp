// Statistics as points of a space without units.
#pragma once

#include "em/statistics.hpp"

namespace gmix {

// The counts, first moments and second moments of each component, whitened by these components, about their means, and
// divided by standard deviations: those of the sums over `counts` rows that come from the components. Differences of
// such coordinates are therefore the same in all units, for rotated rows too, and half the square of their length is a
// number of nats: the metric is the Fisher information of rows whose components are known.
Numbers coordinates(const Statistics& statistics, const Components& components, const Numbers& counts);

}  // namespace gmix
