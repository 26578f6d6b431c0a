// The sums of chunks of rows in memory: cut from one piece, cleared, and added up.
#pragma once

#include <algorithm>
#include <cstddef>

#include "kernel/kernel.hpp"
#include "threads/memory.hpp"

namespace gmix {

// The sums of a mixture, cut from memory at `at`, which moves on.
WhitenedSums cut_sums(const Mixture& m, char*& at);

// The bytes that cut_sums() takes.
std::size_t sums_size(const Mixture& m);

// Clears what rows that are known in part add.
void clear_partial(const Mixture& m, WhitenedSums& sums);

void clear(const Mixture& m, WhitenedSums& sums);

void add_sums(const Mixture& m, const WhitenedSums& part, WhitenedSums& total);

// Completes symmetric matrices, of which the kernel fills the lower triangles.
void mirror(const Mixture& m, double* second);

}  // namespace gmix
