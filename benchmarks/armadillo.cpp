// Armadillo's EM from a stated start: armadillo full|diag N D K STEPS, numbers from files of the working folder.
#include <armadillo>
#include <fstream>
#include <iostream>

arma::vec read(const char* name, std::size_t count) {
  arma::vec values(count);
  std::ifstream(name, std::ios::binary).read(reinterpret_cast<char*>(values.memptr()), count * sizeof(double));
  return values;
}

template <typename Model, typename Shapes>
double climb(const arma::mat& rows, const Shapes& shapes, std::size_t d, std::size_t k, std::size_t steps) {
  Model model;
  model.set_params(arma::mat(arma::reshape(arma::mat(read("means", d * k)), d, k)), shapes, read("weights", k).t());
  model.learn(rows, k, arma::maha_dist, arma::keep_existing, 0, steps, 1e-300, false);
  return model.avg_log_p(rows);
}

int main(int, char** arguments) {
  const auto number = [&](int i) { return std::stoull(arguments[i]); };
  const std::size_t n = number(2), d = number(3), k = number(4), steps = number(5);
  const arma::mat rows = arma::reshape(arma::mat(read("rows", n * d)), d, n);
  std::cout.precision(17);
  if (std::string(arguments[1]) == "full") {
    const arma::vec flat = read("shapes", d * d * k);
    std::cout << climb<arma::gmm_full>(rows, arma::cube(flat.memptr(), d, d, k), d, k, steps);
  } else {
    std::cout << climb<arma::gmm_diag>(rows, arma::mat(arma::reshape(arma::mat(read("shapes", d * k)), d, k)), d, k, steps);
  }
}
