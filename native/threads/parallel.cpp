#include "threads/parallel.hpp"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cmath>
#include <condition_variable>
#include <cstdlib>
#include <fstream>
#include <mutex>
#include <sstream>
#include <string>
#include <system_error>
#include <thread>
#include <vector>

#if defined(__linux__)
#include <sched.h>
#endif

namespace gmix {
namespace {

// The processors that the cgroup's quota allows; zero where there is no quota.
double quota() {
  double microseconds = 0.0, period = 0.0;
  std::string group;
  for (std::ifstream file("/proc/self/cgroup"); std::getline(file, group);)
    if (group.rfind("0::", 0) == 0) break;
  const std::string own = group.size() > 3 ? group.substr(3) : "/";
  for (const std::string& path : {"/sys/fs/cgroup" + own + "/cpu.max", std::string("/sys/fs/cgroup/cpu.max")})
    if (std::ifstream(path) >> microseconds >> period) return microseconds / period;  // "max" is no number
  std::ifstream("/sys/fs/cgroup/cpu/cpu.cfs_quota_us") >> microseconds;
  std::ifstream("/sys/fs/cgroup/cpu/cpu.cfs_period_us") >> period;
  return microseconds > 0.0 && period > 0.0 ? microseconds / period : 0.0;
}

class OrderedWork {
 public:
  OrderedWork(std::size_t n_chunks, std::size_t n_workers, std::size_t n_slots,
              const std::function<void(const Turn&, const Interruption&)>& work,
              const std::function<void(std::size_t)>& fold, const std::function<bool()>& interrupted)
      : n_chunks_(n_chunks),
        work_(work),
        fold_(fold),
        interrupted_(interrupted),
        run_(std::clamp<std::size_t>(std::min(n_slots / (2 * n_workers), n_chunks / (16 * n_workers)), 1, kRun)),
        done_(n_slots) {}

  void worker(std::size_t id) {
    const Interruption interruption{id == 0 ? &OrderedWork::is_interrupted_caller : &OrderedWork::is_interrupted_helper,
                                    this};
    for (std::size_t begin; !stopped_ && (begin = next_.fetch_add(run_)) < n_chunks_;)
      for (std::size_t chunk = begin; chunk < std::min(begin + run_, n_chunks_); ++chunk) {
        if (!is_free(chunk)) wait_until([&] { return is_free(chunk); }, interruption);
        if (stopped_) return;
        const std::size_t slot = chunk % done_.size();
        work_({chunk, id, slot}, interruption);
        if (stopped_) return;
        done_[slot] = true;
        fold_in_order();
      }
  }

  // Works on the calling thread, and then waits for the others; false if interrupted.
  bool caller() {
    const Interruption interruption{&OrderedWork::is_interrupted_caller, this};
    worker(0);
    if (!stopped_) wait_until([this] { return folded_ == n_chunks_; }, interruption);
    return !stopped_;
  }

 private:
  static constexpr std::size_t kRun = 4;

  static bool is_interrupted_helper(void* run) { return static_cast<OrderedWork*>(run)->stopped_; }

  static bool is_interrupted_caller(void* context) {
    OrderedWork* run = static_cast<OrderedWork*>(context);
    if (!run->stopped_ && run->interrupted_()) run->stopped_ = true;
    return run->stopped_;
  }

  // Whether the result that was in the chunk's slot before has been added.
  bool is_free(std::size_t chunk) const { return chunk < folded_ + done_.size(); }

  template <typename Condition>
  void wait_until(const Condition& condition, const Interruption& interruption) {
    std::unique_lock lock(mutex_);
    ++waiting_;
    while (!condition() && !interruption()) changed_.wait_for(lock, kPatience);
    --waiting_;
  }

  // Adds the results that come next, unless another thread is doing so. That thread looks again when it has finished,
  // so no thread has to wait for it: all of these are atomic, and each thread writes before it reads.
  void fold_in_order() {
    while (done_[folded_ % done_.size()] && !folding_.exchange(true)) {
      for (std::size_t first; done_[first = folded_ % done_.size()]; ++folded_) {
        fold_(first);
        done_[first] = false;
      }
      folding_ = false;
      if (waiting_ > 0) {
        const std::lock_guard lock(mutex_);
        changed_.notify_all();
      }
    }
  }

  const std::size_t n_chunks_;
  const std::function<void(const Turn&, const Interruption&)>& work_;
  const std::function<void(std::size_t)>& fold_;
  const std::function<bool()>& interrupted_;
  const std::size_t run_;  // consecutive chunks that a thread takes together, because it reads them faster
  std::atomic<std::size_t> next_ = 0, folded_ = 0, waiting_ = 0;  // chunks begun, and chunks folded; threads
  std::atomic<bool> stopped_ = false, folding_ = false;
  std::vector<std::atomic<bool>> done_;  // by slot: worked on, to be folded
  std::mutex mutex_;
  std::condition_variable changed_;
};

}  // namespace

std::size_t available_threads() {
  std::size_t count = std::max(1u, std::thread::hardware_concurrency());
#if defined(__linux__)
  cpu_set_t set;
  if (sched_getaffinity(0, sizeof set, &set) == 0) count = static_cast<std::size_t>(CPU_COUNT(&set));
#endif
  static const double paid = quota();
  if (paid > 0.0) count = std::min(count, static_cast<std::size_t>(std::ceil(paid)));
  const char* const shared = std::getenv("OMP_NUM_THREADS");
  const long most = shared == nullptr ? 0 : std::strtol(shared, nullptr, 10);
  return most > 0 ? std::min(count, static_cast<std::size_t>(most)) : count;
}

bool run_in_order(std::size_t n_chunks, std::size_t n_workers, std::size_t n_slots,
                  const std::function<void(const Turn&, const Interruption&)>& work,
                  const std::function<void(std::size_t)>& fold, const std::function<bool()>& interrupted) {
  OrderedWork run(n_chunks, n_workers, n_slots, work, fold, interrupted);
  std::vector<std::thread> helpers;
  helpers.reserve(n_workers);
  try {
    for (std::size_t id = 1; id < n_workers; ++id) helpers.emplace_back(&OrderedWork::worker, &run, id);
  } catch (const std::system_error&) {
    // The system grants no more threads; those that exist do all the work.
  }
  const bool finished = run.caller();
  for (std::thread& helper : helpers) helper.join();
  return finished;
}

}  // namespace gmix
