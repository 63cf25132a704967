// Short-term exclusive access to rows while a commit is decided and logged.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "base/hash.hpp"
#include "base/rt/rt.hpp"

namespace ldb {

/// A fixed number of latches that keys share by hash. Any thread. A thread takes all it needs at once (the set orders them), so
/// two threads never wait for each other; a second LatchStripes may be used on top when everybody takes the first one before it.
class LatchStripes {
 public:
  explicit LatchStripes(std::size_t count) : stripes_(count) {}
  std::size_t size() const { return stripes_.size(); }
  std::uint32_t stripe(std::string_view key) const { return static_cast<std::uint32_t>(hash64(key) % stripes_.size()); }

 private:
  friend class LatchSet;
  std::vector<rt::Mutex> stripes_;
};

/// The latches that one commit holds. One thread.
class LatchSet {
 public:
  explicit LatchSet(LatchStripes& stripes) : stripes_(stripes) {}
  ~LatchSet() { release(); }
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
