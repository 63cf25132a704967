// Stacks and the switch between them: the machine-dependent part of the simulated runtime.
#pragma once

#include <cstddef>

#if !defined(__x86_64__) || defined(LDB_SIM_UCONTEXT)
#include <ucontext.h>
#endif

namespace ldb::sim {

/// Memory for one fiber, with an inaccessible page below it.
struct Stack {
  char* bottom = nullptr;  ///< lowest usable byte
  std::size_t size = 0;
};

/// Takes a stack from this OS thread's pool or maps a new one.
Stack acquire_stack();
void release_stack(Stack stack);
/// Gives the stack up for good: its fiber will never run again, but what lies on it still refers to live objects.
void abandon_stack(Stack stack);

/// Where a fiber (or the OS thread itself) continues. Tells the sanitizers about every switch.
class Context {
 public:
  Context() = default;
  Context(const Context&) = delete;
  Context& operator=(const Context&) = delete;
  ~Context();

  /// The first switch here calls `entry`, which must begin with entered() and never return.
  void prepare(Stack stack, void (*entry)());
  /// Saves the caller in `from` and continues `to`. With `from_ends` nobody will come back.
  static void switch_to(Context& from, Context& to, bool from_ends);
  /// Completes the first switch to this context.
  void entered();

 private:
  void arrived(Context& from);

#if defined(__x86_64__) && !defined(LDB_SIM_UCONTEXT)
  void* stack_pointer_ = nullptr;
#else
  ucontext_t ucontext_ = {};
#endif
  const void* stack_bottom_ = nullptr;  // null for the OS thread's own stack until it was left once
  std::size_t stack_size_ = 0;
  // Used in builds with the address or the thread sanitizer only; always there, so that the layout is one.
  [[maybe_unused]] void* fake_stack_ = nullptr;
  [[maybe_unused]] void* tsan_fiber_ = nullptr;
  [[maybe_unused]] bool owns_tsan_fiber_ = false;
  Context* came_from_ = nullptr;
  void* caught_exceptions_ = nullptr;  // the C++ runtime's per-thread exception state
  unsigned uncaught_exceptions_ = 0;
};

}  // namespace ldb::sim
