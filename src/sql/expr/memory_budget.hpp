// Bounds on the memory that statements hold: one for each statement, one for all statements of a node.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string_view>

#include "base/rt/rt.hpp"
#include "ldb/status.hpp"
#include "ldb/value.hpp"

namespace ldb::sql {

/// What the statements of a node hold together. Any thread. Outlives the budgets that draw on it.
class MemoryPool {
 public:
  explicit MemoryPool(std::size_t limit_bytes) : limit_bytes_(limit_bytes) {}
  /// Before anything is taken.
  void set_limit(std::size_t limit_bytes) { limit_bytes_ = limit_bytes; }
  /// False when that would be over the bound; then nothing was taken.
  bool take(std::size_t bytes);
  void give_back(std::size_t bytes) { used_bytes_.fetch_sub(bytes, std::memory_order_relaxed); }
  std::size_t used_bytes() const { return used_bytes_.load(std::memory_order_relaxed); }
  std::size_t limit_bytes() const { return limit_bytes_; }

 private:
  std::size_t limit_bytes_;
  rt::Atomic<std::size_t> used_bytes_{0};
};

/// What one statement holds: rows kept by its operators, its result, long strings in flight. One thread at a time. Shared by
/// everything charged to it, since a batch may outlive the operator that made it.
class MemoryBudget {
 public:
  /// The first bytes of a statement are not drawn from the pool, so that small ones touch nothing that cores share.
  static constexpr std::size_t kOwnBytes = std::size_t{256} << 10;

  /// `pool` may be null.
  MemoryBudget(std::size_t limit_bytes, MemoryPool* pool) : limit_bytes_(limit_bytes), pool_(pool) {}
  ~MemoryBudget();
  MemoryBudget(const MemoryBudget&) = delete;
  MemoryBudget& operator=(const MemoryBudget&) = delete;

  /// 53200 over either bound, naming `holder` and what to raise; then nothing was taken.
  Status take(std::size_t bytes, std::string_view holder);
  void give_back(std::size_t bytes);

  std::size_t used_bytes() const { return used_bytes_; }
  std::size_t peak_bytes() const { return peak_bytes_; }
  std::size_t limit_bytes() const { return limit_bytes_; }
  /// What the statement's own bound leaves.
  std::size_t available_bytes() const { return limit_bytes_ - used_bytes_; }
  Status over(std::string_view holder) const;

 private:
  const std::size_t limit_bytes_;
  MemoryPool* const pool_;
  std::size_t used_bytes_ = 0;
  std::size_t peak_bytes_ = 0;
  std::size_t drawn_bytes_ = 0;  // from the pool, in big steps
};
using MemoryBudgetPtr = std::shared_ptr<MemoryBudget>;

/// The part of a budget that one holder has; given back when it ends. Without a budget nothing is counted.
class MemoryUse {
 public:
  MemoryUse() = default;
  /// `holder` names it in errors ("the sort"); of static duration.
  MemoryUse(MemoryBudgetPtr budget, const char* holder) : budget_(std::move(budget)), holder_(holder) {}
  MemoryUse(MemoryUse&& other) noexcept;
  MemoryUse& operator=(MemoryUse&& other) noexcept;
  ~MemoryUse() { clear(); }

  /// The holder now has `bytes` in all. After a failure it still has what it had before.
  Status set(std::size_t bytes);
  Status add(std::size_t bytes) { return set(held_bytes_ + bytes); }
  void clear();
  std::size_t held_bytes() const { return held_bytes_; }
  const MemoryBudgetPtr& budget() const { return budget_; }
  const char* holder() const { return holder_; }

 private:
  MemoryBudgetPtr budget_;
  const char* holder_ = "";
  std::size_t held_bytes_ = 0;
};

/// Bytes of a value, beyond and with the Value itself.
std::size_t memory_bytes(const Value& value);

}  // namespace ldb::sql
