// Threads that work on chunks of rows, and whose results are added in the order of the chunks.
#pragma once

#include <chrono>
#include <cstddef>
#include <functional>

#include "kernel/kernel.hpp"

namespace gmix {

inline constexpr std::size_t kChunk = 2048;                // rows; part of the result's bits, so never a setting
inline constexpr std::chrono::milliseconds kPatience{50};  // between two checks for interruptions

// How many threads this process may keep busy: its processor affinity, its cgroup's quota, and
// OMP_NUM_THREADS, by which joblib and others share out the processors among processes.
std::size_t available_threads();

// A chunk, the worker that has it, and the slot where its result waits to be added.
struct Turn {
  std::size_t chunk;
  std::size_t worker;
  std::size_t slot;
};

// Calls work(turn, interruption) for every chunk, on as many workers as wanted, and fold(slot) after it, strictly in
// the order of the chunks. There are as many slots as results that may wait for those before them, at least one per
// worker. The calling thread is one of the workers, and calls interrupted() at least once, for each block of rows, and
// every kPatience while it waits. Returns false if that returned true.
bool run_in_order(std::size_t n_chunks, std::size_t n_workers, std::size_t n_slots,
                  const std::function<void(const Turn&, const Interruption&)>& work,
                  const std::function<void(std::size_t)>& fold, const std::function<bool()>& interrupted);

}  // namespace gmix
