// Extrapolation steps for EM where its steps shrink slowly.
//
// Near an optimum each step of EM is lambda times as long as the one before and gains lambda^2 times as much. The gains
// therefore show the remaining gain, the limit of a geometric series (Aitken; Boehning et al. 1994, Annals of the
// Institute of Statistical Mathematics 46:373), and how many times the last step it is to the optimum,
// lambda / (1 - lambda). An extrapolation goes that far, after every few steps, but not much farther than earlier ones
// that succeeded. It follows the squared extrapolation of Varadhan & Roland (2008, Scandinavian Journal of Statistics
// 35:335), of sufficient statistics, with lengths read from the objective, which mean the same in all units.
#pragma once

#include <vector>

namespace gmix {

class Acceleration {
 public:
  // Counts a plain step, and returns the estimated remaining gain; infinity if there are too few steps yet.
  //
  // An extrapolation covers the slowest part of the way and leaves the others. After one, more steps are therefore
  // taken before there is an estimate, the rate before it counts too until enough steps have shown the new one, and two
  // estimates must agree.
  double step(double gain, double rounding);

  // How many times the last step to extrapolate beyond it now; zero for one more plain step. Lengths are rounded to one
  // of few values, so that the last digits of a gain, a difference of large numbers, do not show in the result.
  double length() const;

  // Takes note of an extrapolation of this length, and whether it was accepted.
  void extrapolated(double length, bool accepted);

  // Forgets the steps so far, with which those that follow cannot be compared.
  void restart();

 private:
  double rate_at(std::size_t back) const;
  double slower_rate() const;

  std::vector<double> gains_;  // of the plain steps since the last extrapolation
  double longest_ = 1.0;       // steps that an extrapolation may go
  double rate_ = 0.0;          // at which gains shrank before the last extrapolation
  double remaining_;           // as estimated last
  bool has_extrapolated_ = false;
};

}  // namespace gmix
