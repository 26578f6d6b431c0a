// Threads that work on chunks of rows, and whose results are taken in the order of the chunks.
#pragma once

#include <cstddef>
#include <functional>

#include "kernel.hpp"

namespace gmix {

inline constexpr std::size_t kChunk = 2048;  // rows; part of the result's bits, so never a setting

// How many threads this process may keep busy: its processor affinity and its cgroup's quota.
std::size_t available_threads();

// Calls work(chunk, worker, stop) for every chunk, on as many workers as asked, and fold(worker)
// after it, strictly in the order of the chunks. The calling thread is one of the workers, and asks
// interrupted() a few times a second. Returns false if that said yes.
bool run_in_order(std::size_t n_chunks, std::size_t n_workers,
                  const std::function<void(std::size_t, std::size_t, const Stop&)>& work,
                  const std::function<void(std::size_t)>& fold,
                  const std::function<bool()>& interrupted);

}  // namespace gmix
