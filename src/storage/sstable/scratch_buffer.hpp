// Memory for bytes that are needed only for a moment.
#pragma once

#include <array>
#include <cstddef>
#include <memory>
#include <utility>

namespace ldb::storage {

/// Takes the memory that the thread used last and gives it back at the end, so that reading a block neither allocates nor clears
/// what it passes through. A thread may hold several; one that waits in the middle keeps its own.
class ScratchBuffer {
 public:
  ScratchBuffer() {
    for (Memory& memory : kept()) {
      if (memory.bytes == nullptr) continue;
      memory_ = std::exchange(memory, Memory());
      return;
    }
  }
  ~ScratchBuffer() {
    if (memory_.size > kMostKept) return;
    for (Memory& memory : kept()) {
      if (memory.bytes != nullptr) continue;
      memory = std::move(memory_);
      return;
    }
  }
  ScratchBuffer(const ScratchBuffer&) = delete;
  ScratchBuffer& operator=(const ScratchBuffer&) = delete;

  /// At least `size` bytes of anything; what was there before is gone.
  char* get(std::size_t size) {
    if (size > memory_.size) {
      constexpr std::size_t kLeast = 8 << 10;
      memory_.size = size > kLeast ? size : kLeast;
      memory_.bytes = std::make_unique_for_overwrite<char[]>(memory_.size);
    }
    return memory_.bytes.get();
  }

 private:
  static constexpr std::size_t kMostKept = 256 << 10;
  struct Memory {
    std::unique_ptr<char[]> bytes;
    std::size_t size = 0;
  };
  static std::array<Memory, 2>& kept() {
    thread_local std::array<Memory, 2> kept;
    return kept;
  }

  Memory memory_;
};

}  // namespace ldb::storage
