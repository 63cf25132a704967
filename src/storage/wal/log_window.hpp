// The part of a mapped log segment that is held in memory, around the place where records are stored.
#pragma once

#include <cstdint>
#include <memory>
#include <string_view>

#include "base/rt/rt.hpp"
#include "ldb/file_system.hpp"

namespace ldb::storage {

/// Stored to by the writer; what it will want soon is brought into memory, and what it left behind goes out of it. Both take the
/// kernel long now and then (it has other processors forget the pages, and waits for them), with all writers waiting. So threads
/// of the background do it whenever they are at work, and the writer only what they have not done.
class LogWindow {
 public:
  LogWindow(std::unique_ptr<FileMapping> mapping, std::uint64_t size_bytes);

  /// The writer's: `bytes` at `offset`, at or behind everything stored before. False when they end beyond the last whole page, or
  /// when memory could not be brought in, now or earlier: a call to write will say why.
  bool store(std::uint64_t offset, std::string_view bytes);

  /// Of any thread: brings in what is stored next, and gives back what was stored, when records were stored up to `stored`. Does
  /// nothing for a writer that has not stored here of late (it uses calls, since it syncs), or beside another thread that does
  /// it.
  void follow(std::uint64_t stored);
  /// Of any thread: the writer will soon begin here.
  void begin() { bring_in(0, kAhead); }
  /// Was what stands before `stored` stored through the window last?
  bool in_use(std::uint64_t stored) const {
    const std::uint64_t here = stored_here_.load(std::memory_order_relaxed);
    return here > 0 && here >= stored;
  }

 private:
  static constexpr std::uint64_t kAhead = 512 << 10;
  static constexpr std::uint64_t kBehind = 128 << 10;
  // The writer's own.
  static constexpr std::uint64_t kShortAhead = 128 << 10;
  static constexpr std::uint64_t kLongBehind = 256 << 10;

  void bring_in(std::uint64_t from, std::uint64_t to);
  void give_back(std::uint64_t stored);

  const std::unique_ptr<FileMapping> mapping_;
  const std::uint64_t size_bytes_;
  rt::Atomic<std::uint64_t> stored_here_{0};  ///< end of the last store
  rt::Atomic<std::uint64_t> brought_in_{0};
  rt::Atomic<std::uint64_t> given_back_{0};
  rt::Atomic<bool> followed_{false};  ///< somebody is in follow()
  rt::Atomic<bool> refused_{false};   ///< memory could not be brought in; nothing is stored any more
};

}  // namespace ldb::storage
