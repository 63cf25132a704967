// Short-term exclusive access to rows while a commit is decided and logged.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <string_view>
#include <utility>
#include <vector>

#include "base/hash.hpp"
#include "base/rt/rt.hpp"

namespace ldb {

/// A fixed number of latches that keys share by hash. Any thread. A thread takes all it needs at once (the set orders them), so
/// two threads never wait for each other; a second LatchStripes may be used on top when everybody takes the first one before it.
/// Latches are flags under a few mutexes, not mutexes: a big commit holds very many of them for as long as the log takes.
class LatchStripes {
 public:
  explicit LatchStripes(std::size_t count) : size_(count), shards_((count + kShardSize - 1) / kShardSize) {}
  std::size_t size() const { return size_; }
  std::uint32_t stripe(std::string_view key) const { return static_cast<std::uint32_t>(hash64(key) % size_); }

  /// Blocks until the latch is free. Ascending order only.
  void acquire(std::uint32_t stripe);
  void release(std::uint32_t stripe);

 private:
  static constexpr std::size_t kShardSize = 64;
  struct Shard {
    rt::Mutex mutex;
    rt::CondVar released;
    std::uint64_t held LDB_GUARDED_BY(mutex) = 0;  // one bit a latch
    unsigned waiting LDB_GUARDED_BY(mutex) = 0;
  };

  const std::size_t size_;
  std::vector<Shard> shards_;
};

/// The latches that one commit holds. One thread.
class LatchSet {
 public:
  explicit LatchSet(LatchStripes& stripes) : stripes_(stripes) {}
  ~LatchSet() { release(); }
  /// The other one holds nothing afterwards.
  LatchSet(LatchSet&& other) noexcept
      : stripes_(other.stripes_), wanted_(std::move(other.wanted_)), held_(std::exchange(other.held_, false)) {}
  LatchSet(const LatchSet&) = delete;
  LatchSet& operator=(const LatchSet&) = delete;

  /// Notes what acquire() shall take.
  void add(std::string_view key) { wanted_.push_back(stripes_.stripe(key)); }
  void add_all() {
    for (std::uint32_t i = 0; i < stripes_.size(); ++i) wanted_.push_back(i);
  }
  /// Once; blocks.
  void acquire();
  void release();

 private:
  LatchStripes& stripes_;
  std::vector<std::uint32_t> wanted_;
  bool held_ = false;
};

}  // namespace ldb
