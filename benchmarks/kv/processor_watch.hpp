// When processors stood still: a hypervisor that runs others, mostly. No engine is to be blamed for that.
#pragma once

#include <atomic>
#include <deque>
#include <mutex>
#include <thread>
#include <vector>

namespace bench {

/// A thread on each processor that wakes every millisecond, ahead of all others (real-time scheduling). Where it wakes late, the
/// processor ran nothing at all; or the kernel was at something that it does not interrupt, which is short.
class ProcessorWatch {
 public:
  ProcessorWatch();
  ~ProcessorWatch();
  ProcessorWatch(const ProcessorWatch&) = delete;
  ProcessorWatch& operator=(const ProcessorWatch&) = delete;

  /// False without the right to real-time scheduling: then nothing is known, and nobody is said to have stood still.
  bool works() const { return works_.load(); }
  /// Seconds between two times (now_s()) in which some processor stood still.
  double stood_still_s(double from, double to);

 private:
  struct Pause {
    double from = 0;
    double to = 0;
  };
  struct Processor {
    explicit Processor(int number_in) : number(number_in) {}
    const int number;
    std::atomic<double> last_sign{0};
    std::thread thread;
  };
  void watch(Processor& processor);

  std::atomic<bool> stop_{false};
  std::atomic<bool> works_{true};
  std::mutex mutex_;
  std::vector<Pause> pauses_;
  std::deque<Processor> processors_;
};

}  // namespace bench
