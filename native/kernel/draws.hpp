// Draws from the components of a Gaussian mixture, whose random numbers depend on their positions alone.
//
// A counter-based generator gives the random bits: Philox 4x32 with ten rounds (Salmon, Moraes, Dror & Shaw 2011,
// "Parallel random numbers: as easy as 1, 2, 3"). The method of Box & Muller (1958, Annals of Mathematical Statistics
// 29:610) turns each counter into two independent normal numbers. A counter has the number of its position and 64
// bits of the seed; the key is the other half of the seed.
#pragma once

#include <algorithm>

#include "kernel/elementary.hpp"
#include "kernel/kernel.hpp"

namespace gmix::GMIX_LEVEL {

typedef VectorOf<std::uint64_t, kLanes<double>>::type Words;

// Products of the lower 32 bits of each lane; the upper ones are ignored.
inline Words product_of_halves(Words a, Words b) {
#if defined(__AVX512F__)
  return reinterpret_cast<Words>(_mm512_mul_epu32(reinterpret_cast<__m512i>(a), reinterpret_cast<__m512i>(b)));
#elif defined(__AVX2__)
  return reinterpret_cast<Words>(_mm256_mul_epu32(reinterpret_cast<__m256i>(a), reinterpret_cast<__m256i>(b)));
#elif defined(__x86_64__)
  return reinterpret_cast<Words>(_mm_mul_epu32(reinterpret_cast<__m128i>(a), reinterpret_cast<__m128i>(b)));
#else
  return (a & 0xffffffff) * (b & 0xffffffff);
#endif
}

// Sets two words of random bits for each counter, of which `low` is the lower half and `high`, the same for all lanes,
// the upper one. The four words of the algorithm are in the lower halves of lanes; what is above them is ignored.
inline void philox(Words low, std::uint64_t high, std::uint64_t key, Words& first, Words& second) {
  constexpr std::uint64_t kFirstFactor = 0xd2511f53, kSecondFactor = 0xcd9e8d57;
  constexpr std::uint32_t kFirstStep = 0x9e3779b9, kSecondStep = 0xbb67ae85;
  const Words none = {};
  Words w0 = low, w1 = low >> 32, w2 = none + high, w3 = none + (high >> 32);
  std::uint32_t k0 = static_cast<std::uint32_t>(key), k1 = static_cast<std::uint32_t>(key >> 32);
#pragma GCC unroll 10
  for (int round = 0; round < 10; ++round) {
    const Words a = product_of_halves(w0, none + kFirstFactor), b = product_of_halves(w2, none + kSecondFactor);
    w0 = (b >> 32) ^ w1 ^ std::uint64_t{k0};
    w2 = (a >> 32) ^ w3 ^ std::uint64_t{k1};
    w1 = b;
    w3 = a;
    k0 += kFirstStep;
    k1 += kSecondStep;
  }
  first = (w0 & 0xffffffff) | (w1 << 32);
  second = (w2 & 0xffffffff) | (w3 << 32);
}

// Numbers between 0 and 1, (k + 1/2) / 2^52, from the upper 52 bits.
inline Vector<double> uniform(Words bits) {
  return reinterpret_cast<Vector<double>>((bits >> 12) | 0x3ff0000000000000) - (1.0 - 0x1p-53);
}

// Sets two independent normal numbers for each pair of words. The first word gives the distance from the origin; the
// second one an angle between 0 and pi/4 and, by its lowest bits, the octant.
inline void normals(Words first, Words second, Vector<double>& x, Vector<double>& y) {
  static constexpr double kSine[] = {// sin(pi / 2 sqrt(z)) / sqrt(z)
                                     1.5707963267948966,    -0.6459640975062443,   0.07969262624604301,
                                     -0.004681754132340976, 0.0001604411507421909, -3.59864335298231e-06,
                                     5.633933781537854e-08};
  static constexpr double kCosine[] = {// cos(pi / 2 sqrt(z))
                                       1.0,
                                       -1.2337005501361697,
                                       0.2536695079010467,
                                       -0.02086348076331121,
                                       0.0009192602741831558,
                                       -2.520203677046026e-05,
                                       4.710609726757823e-07,
                                       -6.321256869628588e-09};
  const Vector<double> distance = square_root(log_of_normal(uniform(first)) * -2.0);
  const Vector<double> angle = uniform(second) * 0.5, z = angle * angle;
  const Vector<double> sine = angle * polynomial(kSine, z) * distance, cosine = polynomial(kCosine, z) * distance;
  const auto exchanged = (second & 4) != Words{};
  x = reinterpret_cast<Vector<double>>(reinterpret_cast<Words>(exchanged ? sine : cosine) ^ (second << 63));
  y = reinterpret_cast<Vector<double>>(reinterpret_cast<Words>(exchanged ? cosine : sine) ^ (second >> 1 << 63));
}

// Sets whole blocks of kNormalBlock numbers, of which the first is at this position. Counter j of a block gives numbers
// j and j + kNormalBlock / 2.
inline void fill_normals(const Seed& seed, std::size_t first, std::size_t count, double* to) {
  constexpr std::size_t lanes = kLanes<double>, half = kNormalBlock / 2;
  Words lane = {};
  for (std::size_t i = 0; i < lanes; ++i) lane[i] = i;
  for (std::size_t at = 0; at < count; at += kNormalBlock)
    for (std::size_t j = 0; j < half; j += lanes) {
      Words a, b;
      philox(lane + ((first + at) / 2 + j), seed.counter, seed.key, a, b);
      Vector<double> x, y;
      normals(a, b, x, y);
      store(to + at + j, x);
      store(to + at + half + j, y);
    }
}

// Sets V vectors of a point: the mean plus the product of rows of the factor, whose columns these are, with `normal`.
template <int V>
void draw_tile(const double* mean, const double* columns, std::size_t stride, const double* normal, std::size_t count,
               double* to) {
  constexpr int lanes = kLanes<double>;
  Vector<double> sums[V] = {};
  for (std::size_t i = 0; i < count; ++i)
#pragma GCC unroll 4
    for (int v = 0; v < V; ++v) sums[v] += load(columns + i * stride + v * lanes) * normal[i];
#pragma GCC unroll 4
  for (int v = 0; v < V; ++v) store(to + v * lanes, load(mean + v * lanes) + sums[v]);
}

inline void draw_point(const double* mean, const double* columns, std::size_t width, const double* normal,
                       std::size_t d, double* to) {
  constexpr std::size_t lanes = kLanes<double>, kTile = 4;
  for (std::size_t j = 0; j < width; j += kTile * lanes)
    with_count<kTile>((width - j) / lanes, [&](auto vectors) {
      // The factor is triangular: later columns are zero in these rows.
      draw_tile<vectors()>(mean + j, columns + j, width, normal, std::min(j + kTile * lanes, d), to + j);
    });
}

inline std::size_t draw_scratch_size(const Draws& draws) {
  return (kNormalBlock * draws.n_features + draws.width) * sizeof(double);
}

inline void draw(const Draws& draws, std::size_t begin, std::size_t end, void* scratch) {
  const std::size_t d = draws.n_features, width = draws.width;
  double *const point = static_cast<double*>(scratch), *const normal = point + width;
  for (std::size_t first = begin; first < end; first += kNormalBlock) {
    fill_normals(draws.seed, first * d, kNormalBlock * d, normal);
    for (std::size_t row = first; row < std::min(first + kNormalBlock, end); ++row) {
      const std::size_t k = static_cast<std::size_t>(draws.label[row]);
      const double *const mean = draws.means + k * width, *const columns = draws.columns[k];
      const double* const z = normal + (row - first) * d;
      double* const to = draws.points + row * d;
      if (draws.diagonal) {
        for (std::size_t j = 0; j < d; ++j) to[j] = mean[j] + columns[j] * z[j];
      } else {
        draw_point(mean, columns, width, z, d, point);
        __builtin_memcpy(to, point, d * sizeof(double));
      }
    }
  }
}

}  // namespace gmix::GMIX_LEVEL
