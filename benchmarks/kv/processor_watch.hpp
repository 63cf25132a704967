// When processors stood still: a hypervisor that runs others, mostly. No engine is to be blamed for that.
#pragma once

#include <cstdint>
#include <deque>

namespace bench {

/// Has the kernel note the time a thousand times a second on each processor, whatever runs there, system calls and idling
/// included (perf_event_open, a software clock). Where there is no note for much longer, the processor was not run at all,
/// or it idled and was woken late: so what it says is at most what the hypervisor took.
/// One thread.
class ProcessorWatch {
 public:
  ProcessorWatch();
  ~ProcessorWatch();
  ProcessorWatch(const ProcessorWatch&) = delete;
  ProcessorWatch& operator=(const ProcessorWatch&) = delete;

  /// False without the right to watch processors (root, or kernel.perf_event_paranoid below 1): then nothing is known.
  bool works() const { return works_; }
  /// Takes the kernel's notes; at least once in some seconds, or they are lost.
  void look();
  /// Seconds between two times (now_s()), both before the last look(), in which some processor stood still. With many processors
  /// more than what held up anybody.
  double stood_still_s(double from, double to) const;
  /// All of it so far, summed over processors.
  double total_s() const { return total_s_; }

 private:
  struct Pause {
    double from = 0;
    double to = 0;
  };
  struct Processor {
    int descriptor = -1;
    void* ring = nullptr;
    double last = 0;
  };
  bool open(int number);
  void take(Processor& processor, double time);

  bool works_ = true;
  double total_s_ = 0;
  std::deque<Processor> processors_;
  std::deque<Pause> pauses_;  // of the last minute
};

}  // namespace bench
