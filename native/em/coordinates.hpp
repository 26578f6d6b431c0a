// Differences of statistics as vectors without units.
#pragma once

#include "em/statistics.hpp"

namespace gmix {

// The difference `found` - `from` of the counts, first moments and second moments of each component. Moments are about
// the mean of the component and whitened. All are divided by the standard deviations of sums over `counts` rows drawn
// from the components. The result does not depend on the units of the columns, and half its squared length is in nats:
// the metric is the Fisher information of rows whose components are known.
Numbers coordinates(const Statistics& from, const Statistics& found, const Components& components,
                    const Numbers& counts);

}  // namespace gmix
