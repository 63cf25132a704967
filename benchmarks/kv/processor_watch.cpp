#include "processor_watch.hpp"

#include <pthread.h>
#include <sched.h>

#include <algorithm>
#include <chrono>

#include "process.hpp"

namespace bench {
namespace {

constexpr double kTick = 1e-3;  // seconds
constexpr double kLate = 0.5e-3;

}  // namespace

ProcessorWatch::ProcessorWatch() {
  cpu_set_t allowed;
  CPU_ZERO(&allowed);
  if (sched_getaffinity(0, sizeof allowed, &allowed) != 0) works_ = false;
  for (int i = 0; i < CPU_SETSIZE && works_; ++i) {
    if (CPU_ISSET(i, &allowed)) processors_.emplace_back(i);
  }
  for (Processor& processor : processors_) {
    processor.last_sign = now_s();
    processor.thread = std::thread([&] { watch(processor); });
  }
}

ProcessorWatch::~ProcessorWatch() {
  stop_ = true;
  for (Processor& processor : processors_) processor.thread.join();
}

void ProcessorWatch::watch(Processor& processor) {
  cpu_set_t only;
  CPU_ZERO(&only);
  CPU_SET(processor.number, &only);
  const sched_param first{1};
  if (sched_setaffinity(0, sizeof only, &only) != 0 || pthread_setschedparam(pthread_self(), SCHED_FIFO, &first) != 0) {
    works_ = false;
    return;
  }
  for (double before = now_s(); !stop_;) {
    std::this_thread::sleep_for(std::chrono::duration<double>(kTick));
    const double now = now_s();
    if (now > before + kTick + kLate) {
      const std::lock_guard lock(mutex_);
      pauses_.push_back({before + kTick, now});
    }
    before = now;
    processor.last_sign = now;  // after the pause is on record
  }
}

double ProcessorWatch::stood_still_s(double from, double to) {
  if (!works()) return 0;
  std::vector<Pause> inside;
  const auto note = [&](double begin, double end) {
    if (end > from && begin < to) inside.push_back({std::max(begin, from), std::min(end, to)});
  };
  {
    const std::lock_guard lock(mutex_);
    for (const Pause& pause : pauses_) note(pause.from, pause.to);
    for (const Processor& processor : processors_) {  // one that stands still yet
      const double last = processor.last_sign;
      if (to > last + kTick + kLate) note(last + kTick, to);
    }
  }
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
