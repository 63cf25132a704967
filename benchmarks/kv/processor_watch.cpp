#include "processor_watch.hpp"

#include <linux/perf_event.h>
#include <sched.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cstring>
#include <ctime>
#include <vector>

namespace bench {
namespace {

constexpr double kTick = 1e-3;    // seconds
constexpr double kLate = 0.5e-3;  // beyond it a processor did not run
constexpr double kRemembered = 60;
constexpr std::size_t kPage = 4096;
constexpr std::size_t kRingPages = 64;  // 16 bytes a note: room for sixteen seconds

}  // namespace

ProcessorWatch::ProcessorWatch() {
  cpu_set_t allowed;
  CPU_ZERO(&allowed);
  works_ = sched_getaffinity(0, sizeof allowed, &allowed) == 0;
  for (int i = 0; i < CPU_SETSIZE && works_; ++i) {
    if (CPU_ISSET(i, &allowed)) works_ = open(i);
  }
}

ProcessorWatch::~ProcessorWatch() {
  for (const Processor& processor : processors_) {
    munmap(processor.ring, (1 + kRingPages) * kPage);
    close(processor.descriptor);
  }
}

bool ProcessorWatch::open(int number) {
  perf_event_attr attr{};
  attr.size = sizeof attr;
  attr.type = PERF_TYPE_SOFTWARE;
  attr.config = PERF_COUNT_SW_CPU_CLOCK;
  attr.sample_period = static_cast<std::uint64_t>(kTick * 1e9);
  attr.sample_type = PERF_SAMPLE_TIME;
  attr.use_clockid = 1;
  attr.clockid = CLOCK_MONOTONIC;  // that of now_s()
  const auto descriptor = static_cast<int>(syscall(SYS_perf_event_open, &attr, -1, number, -1, PERF_FLAG_FD_CLOEXEC));
  if (descriptor < 0) return false;
  void* const ring = mmap(nullptr, (1 + kRingPages) * kPage, PROT_READ | PROT_WRITE, MAP_SHARED, descriptor, 0);
  if (ring == MAP_FAILED) {
    close(descriptor);
    return false;
  }
  processors_.push_back({descriptor, ring, 0});
  return true;
}

void ProcessorWatch::look() {
  for (Processor& processor : processors_) {
    auto* const page = static_cast<perf_event_mmap_page*>(processor.ring);
    const char* const data = static_cast<const char*>(processor.ring) + kPage;
    const std::uint64_t end = std::atomic_ref(page->data_head).load(std::memory_order_acquire);
    std::uint64_t at = page->data_tail;
    while (at < end) {
      // Notes are multiples of eight bytes and may go around the end of the ring only between those.
      const auto word = [&](std::uint64_t offset) {
        std::uint64_t value = 0;
        std::memcpy(&value, data + (at + offset) % (kRingPages * kPage), sizeof value);
        return value;
      };
      perf_event_header header;
      const std::uint64_t first = word(0);
      std::memcpy(&header, &first, sizeof header);
      if (header.type == PERF_RECORD_SAMPLE) take(processor, static_cast<double>(word(sizeof header)) / 1e9);
      if (header.type == PERF_RECORD_LOST) processor.last = 0;
      at += header.size;
    }
    std::atomic_ref(page->data_tail).store(at, std::memory_order_release);
  }
}

void ProcessorWatch::take(Processor& processor, double time) {
  if (processor.last != 0 && time > processor.last + kTick + kLate) {
    pauses_.push_back({processor.last + kTick, time});
    total_s_ += time - processor.last - kTick;
  }
  processor.last = time;
  while (!pauses_.empty() && pauses_.front().to < time - kRemembered) pauses_.pop_front();
}

double ProcessorWatch::stood_still_s(double from, double to) const {
  std::vector<Pause> inside;
  const auto note = [&](double begin, double end) {
    if (end > from && begin < to) inside.push_back({std::max(begin, from), std::min(end, to)});
  };
  for (const Pause& pause : pauses_) note(pause.from, pause.to);
  std::sort(inside.begin(), inside.end(), [](const Pause& a, const Pause& b) { return a.from < b.from; });
  double sum = 0;
  double end = from;
  for (const Pause& pause : inside) {
    sum += std::max(0.0, pause.to - std::max(pause.from, end));
    end = std::max(end, pause.to);
  }
  return sum;
}

}  // namespace bench
