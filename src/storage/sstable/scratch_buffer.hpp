// Memory for bytes that are needed only for a moment.
#pragma once

#include <array>
#include <cstddef>
#include <memory>
#include <utility>

#include "base/forbidden_memory.hpp"

namespace ldb::storage {

/// Takes the memory that the thread used last and gives it back at the end, so that reading a block neither allocates nor clears
/// what it passes through. A thread may hold several; one that waits in the middle keeps its own. What lies beyond the bytes that
/// were asked for may not be touched (see forbid_memory()).
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
    if (memory_.bytes == nullptr || memory_.size > kMostKept) return;
    forbid_memory(memory_.bytes.get(), memory_.size);
    for (Memory& memory : kept()) {
      if (memory.bytes != nullptr) continue;
      memory = std::move(memory_);
      return;
    }
  }
  ScratchBuffer(const ScratchBuffer&) = delete;
  ScratchBuffer& operator=(const ScratchBuffer&) = delete;

  /// `size` bytes of anything; what was there before is gone.
  char* get(std::size_t size) {
    if (size > memory_.size) {
      constexpr std::size_t kLeast = 8 << 10;
      const std::size_t bigger = size > kLeast ? size : kLeast;
      memory_.bytes = std::make_unique_for_overwrite<char[]>(bigger);
      memory_.size = bigger;
    }
    char* const bytes = memory_.bytes.get();
    allow_memory(bytes, size);
    forbid_memory(bytes + size, memory_.size - size);
    return bytes;
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
