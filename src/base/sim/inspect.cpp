// What every fiber is doing, for the report of a failed simulation.
#include <cxxabi.h>
#include <dlfcn.h>
#include <execinfo.h>

#include <cstdio>
#include <cstdlib>
#include <utility>

#include "base/sim/scheduler.hpp"

namespace ldb::sim {
namespace {

constexpr int kMaxFrames = 32;

std::string describe_frame(void* address) {
  Dl_info info = {};
  char text[512];
  if (::dladdr(address, &info) == 0 || info.dli_fname == nullptr) {
    std::snprintf(text, sizeof text, "%p", address);
    return text;
  }
  if (info.dli_sname == nullptr) {
    // No exported name: the offset can be given to addr2line.
    std::snprintf(text, sizeof text, "%s+0x%zx", info.dli_fname,
                  static_cast<std::size_t>(static_cast<char*>(address) - static_cast<char*>(info.dli_fbase)));
    return text;
  }
  int status = 0;
  char* const demangled = abi::__cxa_demangle(info.dli_sname, nullptr, nullptr, &status);
  std::snprintf(text, sizeof text, "%s", status == 0 ? demangled : info.dli_sname);
  std::free(demangled);
  return text;
}

std::string call_stack() {
  void* frames[kMaxFrames];
  const int n = ::backtrace(frames, kMaxFrames);
  std::string text;
  for (int i = 3; i < n; ++i) text += "      " + describe_frame(frames[i]) + "\n";  // 3: the frames of this machinery
  return text;
}

}  // namespace

std::string Scheduler::describe_fibers() {
  std::string text;
  for (const auto& [id, fiber] : fibers_) {
    if (fiber->state == Fiber::State::kDone) continue;
    text += "  thread " + std::to_string(id) + " " + fiber->name;
    if (fiber->host != nullptr) text += " on " + fiber->host->name;
    if (fiber->state == Fiber::State::kBlocked) {
      text += std::string(": waits for ") + fiber->waiting_for;
      if (fiber->held_by != nullptr) text += " of thread " + fiber->held_by->name;
      if (fiber->deadline_ns != kNever) text += " until " + std::to_string(fiber->deadline_ns / 1'000'000) + " ms";
      text += "\n";
    } else {
      text += fiber.get() == running_ ? ": running\n" : ": ready\n";
    }
    text += call_stack_of(*fiber);
  }
  return text;
}

std::string Scheduler::call_stack_of(Fiber& fiber) {
  if (&fiber == running_) return call_stack();
  if (!fiber.started) return "";
  inspector_ = running_;
  running_ = &fiber;
  Context::switch_to(inspector_->context, fiber.context, false);
  return std::move(inspection_);
}

void Scheduler::answer_inspection() {
  inspection_ = call_stack();
  Fiber& self = *running_;
  running_ = std::exchange(inspector_, nullptr);
  Context::switch_to(self.context, running_->context, false);
}

void describe_run(std::string& text) {
  if (Scheduler::simulating())
    text += "in simulation, seed " + std::to_string(Scheduler::current().seed()) + "\n" + Scheduler::current().describe_fibers();
}

}  // namespace ldb::sim
