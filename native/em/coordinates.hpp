// Differences of statistics as vectors without units.
#pragma once

#include "em/statistics.hpp"

namespace gmix {

// The difference `found` - `from` of the counts, first moments and second moments of each component, about its mean and
// whitened, divided by standard deviations: those of the sums over `counts` rows that come from the components.
// It is the same whatever the units of the columns, and half its squared length is a number of nats: the metric is the
// Fisher information of rows whose components are known.
Numbers coordinates(const Statistics& from, const Statistics& found, const Components& components,
                    const Numbers& counts);

}  // namespace gmix
