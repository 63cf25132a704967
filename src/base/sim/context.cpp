#include "base/sim/context.hpp"

#include <cxxabi.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cstdint>
#include <vector>

#include "base/check.hpp"

#if defined(__SANITIZE_ADDRESS__)
#define LDB_SIM_ASAN 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define LDB_SIM_ASAN 1
#endif
#if __has_feature(thread_sanitizer)
#define LDB_SIM_TSAN 1
#endif
#endif
#if defined(__SANITIZE_THREAD__)
#define LDB_SIM_TSAN 1
#endif
#if defined(LDB_SIM_ASAN)
#include <sanitizer/asan_interface.h>
#include <sanitizer/common_interface_defs.h>
#include <sanitizer/lsan_interface.h>
#endif
#if defined(LDB_SIM_TSAN)
#include <sanitizer/tsan_interface.h>
#endif

#if defined(__x86_64__) && !defined(LDB_SIM_UCONTEXT)
// void ldb_sim_switch(void** save_stack_pointer, void* load_stack_pointer): the callee-saved registers go on the stack left
// behind.
asm(R"(
.text
.hidden ldb_sim_switch
.globl ldb_sim_switch
.type ldb_sim_switch,@function
ldb_sim_switch:
  pushq %rbp
  pushq %rbx
  pushq %r12
  pushq %r13
  pushq %r14
  pushq %r15
  movq %rsp, (%rdi)
  movq %rsi, %rsp
  popq %r15
  popq %r14
  popq %r13
  popq %r12
  popq %rbx
  popq %rbp
  ret
.size ldb_sim_switch,.-ldb_sim_switch
)");
extern "C" void ldb_sim_switch(void** save_stack_pointer, void* load_stack_pointer);
#endif

namespace ldb::sim {
namespace {

#if defined(LDB_SIM_ASAN)
constexpr std::size_t kStackBytes = 4 << 20;  // frames with red zones are several times larger
#else
constexpr std::size_t kStackBytes = 1 << 20;  // only touched pages cost memory
#endif

std::size_t page_bytes() {
  static const std::size_t size = static_cast<std::size_t>(::sysconf(_SC_PAGESIZE));
  return size;
}

struct StackPool {
  std::vector<Stack> free;
  ~StackPool() {
    for (const Stack& stack : free) ::munmap(stack.bottom - page_bytes(), stack.size + page_bytes());
  }
};

StackPool& pool() {
  thread_local StackPool instance;
  return instance;
}

/// What libstdc++ and libc++abi keep per thread; __cxa_get_globals returns a pointer to it.
struct ExceptionState {
  void* caught;
  unsigned uncaught;
};

ExceptionState* exception_state() { return reinterpret_cast<ExceptionState*>(abi::__cxa_get_globals()); }

}  // namespace

Stack acquire_stack() {
  std::vector<Stack>& free = pool().free;
  if (!free.empty()) {
    const Stack stack = free.back();
    free.pop_back();
    return stack;
  }
  const std::size_t guard = page_bytes();
  void* memory = ::mmap(nullptr, kStackBytes + guard, PROT_READ | PROT_WRITE,
                        MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_STACK, -1, 0);
  LDB_CHECK(memory != MAP_FAILED);
  LDB_CHECK(::mprotect(memory, guard, PROT_NONE) == 0);
  return {static_cast<char*>(memory) + guard, kStackBytes};
}

void release_stack(Stack stack) {
#if defined(LDB_SIM_ASAN)
  __asan_unpoison_memory_region(stack.bottom, stack.size);
#endif
  pool().free.push_back(stack);
}

void abandon_stack(Stack stack) {
#if defined(LDB_SIM_ASAN)
  __lsan_register_root_region(stack.bottom, stack.size);
#else
  static_cast<void>(stack);
#endif
}

Context::~Context() {
#if defined(LDB_SIM_TSAN)
  if (owns_tsan_fiber_) __tsan_destroy_fiber(tsan_fiber_);
#endif
}

void Context::prepare(Stack stack, void (*entry)()) {
  stack_bottom_ = stack.bottom;
  stack_size_ = stack.size;
#if defined(LDB_SIM_TSAN)
  tsan_fiber_ = __tsan_create_fiber(0);
  owns_tsan_fiber_ = true;
#endif
#if defined(__x86_64__) && !defined(LDB_SIM_UCONTEXT)
  // As if `entry` had been called: the stack pointer is 8 off a multiple of 16, and the return address 0 ends backtraces.
  auto* top =
      reinterpret_cast<std::uintptr_t*>((reinterpret_cast<std::uintptr_t>(stack.bottom) + stack.size) & ~std::uintptr_t{15});
  *--top = 0;
  *--top = reinterpret_cast<std::uintptr_t>(entry);
  for (int saved_register = 0; saved_register < 6; ++saved_register) *--top = 0;
  stack_pointer_ = top;
#else
  LDB_CHECK(::getcontext(&ucontext_) == 0);
  ucontext_.uc_stack.ss_sp = stack.bottom;
  ucontext_.uc_stack.ss_size = stack.size;
  ucontext_.uc_link = nullptr;
  ::makecontext(&ucontext_, entry, 0);
#endif
}

void Context::switch_to(Context& from, Context& to, bool from_ends) {
  ExceptionState* const exceptions = exception_state();
  from.caught_exceptions_ = exceptions->caught;
  from.uncaught_exceptions_ = exceptions->uncaught;
  exceptions->caught = to.caught_exceptions_;
  exceptions->uncaught = to.uncaught_exceptions_;
  to.came_from_ = &from;
#if defined(LDB_SIM_ASAN)
  __sanitizer_start_switch_fiber(from_ends ? nullptr : &from.fake_stack_, to.stack_bottom_, to.stack_size_);
#else
  static_cast<void>(from_ends);
#endif
#if defined(LDB_SIM_TSAN)
  if (from.tsan_fiber_ == nullptr) from.tsan_fiber_ = __tsan_get_current_fiber();
  __tsan_switch_to_fiber(to.tsan_fiber_, 0);
#endif
#if defined(__x86_64__) && !defined(LDB_SIM_UCONTEXT)
  ldb_sim_switch(&from.stack_pointer_, to.stack_pointer_);
#else
  ::swapcontext(&from.ucontext_, &to.ucontext_);
#endif
  from.arrived(*from.came_from_);
}

void Context::arrived([[maybe_unused]] Context& from) {
#if defined(LDB_SIM_ASAN)
  __sanitizer_finish_switch_fiber(fake_stack_, &from.stack_bottom_, &from.stack_size_);
#endif
}

void Context::entered() {
#if defined(LDB_SIM_ASAN)
  __sanitizer_finish_switch_fiber(nullptr, &came_from_->stack_bottom_, &came_from_->stack_size_);
#endif
}

}  // namespace ldb::sim
