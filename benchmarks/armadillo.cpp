// Armadillo's side of measure.py: the same arguments (less the peer's name), the same answer.
#include <algorithm>
#include <armadillo>
#include <chrono>
#include <fstream>
#include <iostream>
#include <sstream>
#include <string>
#include <vector>

namespace {

std::vector<double> read(const std::string& path, std::size_t count) {
  std::vector<double> values(count);
  std::ifstream(path, std::ios::binary)
      .read(reinterpret_cast<char*>(values.data()), static_cast<std::streamsize>(count * sizeof(double)));
  return values;
}

double megabytes(const std::string& what) {
  std::ifstream status("/proc/self/status");
  for (std::string line; std::getline(status, line);)
    if (line.rfind(what, 0) == 0) return std::stod(line.substr(what.size() + 1)) / 1024;
  return 0;
}

double seconds() { return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count(); }

arma::cube dense(const arma::cube& covariances) { return covariances; }

arma::cube dense(const arma::mat& variances) {
  arma::cube all(variances.n_rows, variances.n_rows, variances.n_cols);
  for (arma::uword k = 0; k < variances.n_cols; ++k) all.slice(k) = arma::diagmat(variances.col(k));
  return all;
}

const arma::cube& covariances(const arma::gmm_full& model) { return model.fcovs; }
const arma::mat& covariances(const arma::gmm_diag& model) { return model.dcovs; }

template <typename Model, typename Covariances>
void measure(const std::string& folder, const arma::mat& rows, const arma::rowvec& weights, const arma::mat& means,
             const Covariances& start, int steps, double enough) {
  Model model;
  const auto run = [&](int count) {
    const double began = seconds();
    model.set_params(means, start, weights);
    model.learn(rows, means.n_cols, arma::maha_dist, arma::keep_existing, 0, count, 1e-300, false);
    return seconds() - began;
  };
  std::ofstream("/proc/self/clear_refs") << "5";
  const double before = megabytes("VmRSS:"), ends = seconds() + enough;
  double brief = 1e300, whole = 1e300;
  do {
    brief = std::min(brief, run(1));
    whole = std::min(whole, run(1 + steps));
  } while (seconds() < ends);
  const double peak = megabytes("VmHWM:");
  std::ofstream reached(folder + "/reached", std::ios::binary);
  const auto write = [&](const auto& part) {
    reached.write(reinterpret_cast<const char*>(part.memptr()),
                  static_cast<std::streamsize>(part.n_elem * sizeof(double)));
  };
  write(model.hefts), write(model.means), write(dense(covariances(model)));
  std::cout << "{\"step\": " << (whole - brief) / steps << ", \"whole\": " << whole << ", \"steps\": " << 1 + steps
            << ", \"megabytes\": " << peak - before << "}\n";
}

}  // namespace

int main(int, char** arguments) {
  const std::string folder = arguments[1], structure = arguments[5];
  const auto n = std::stoull(arguments[2]), d = std::stoull(arguments[3]), k = std::stoull(arguments[4]);
  const int steps = std::stoi(arguments[7]);
  const double enough = std::stod(arguments[8]);
  auto table = read(folder + "/rows", n * d), start = read(folder + "/start", k + k * d + k * d * d);
  const arma::mat rows(table.data(), d, n, false, true);
  const arma::rowvec weights(start.data(), k);
  const arma::mat means(start.data() + k, d, k);
  const arma::cube full(start.data() + k + k * d, d, d, k);
  std::cout.precision(9);
  if (structure == "full") {
    measure<arma::gmm_full>(folder, rows, weights, means, full, steps, enough);
  } else {
    arma::mat variances(d, k);
    for (arma::uword j = 0; j < k; ++j) variances.col(j) = full.slice(j).diag();
    measure<arma::gmm_diag>(folder, rows, weights, means, variances, steps, enough);
  }
}
