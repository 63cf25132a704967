// An atomic set of changes to a StorageEngine.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace ldb {

/// Operations apply in order; the whole batch becomes visible and durable at once. Value type.
///
/// A batch may carry one *commit*: an opaque payload that the engine only logs and hands to ChangeReaders. put_from_commit()
/// stores a key and value that stand inside that payload, so that a replicated row is written to the log once. Operations are
/// local
/// ("derived"): they are never streamed.
class WriteBatch {
 public:
  enum class Kind : std::uint8_t { kPut = 1, kDelete = 2, kDeleteRange = 3 };
  struct Operation {
    Kind kind;
    bool value_in_commit = false;  ///< value is commit().substr(value_offset, value_size)
    std::string key;               ///< for kDeleteRange: lower bound, inclusive
    std::string value;             ///< for kDeleteRange: upper bound, exclusive
    std::size_t value_offset = 0;
    std::size_t value_size = 0;
  };

  void put(std::string key, std::string value) { operations_.push_back({Kind::kPut, false, std::move(key), std::move(value)}); }
  void erase(std::string key) { operations_.push_back({Kind::kDelete, false, std::move(key), {}}); }
  /// Deletes every key in [lower, upper), acting on what is older than this batch and on earlier operations of it.
  void erase_range(std::string lower, std::string upper) {
    operations_.push_back({Kind::kDeleteRange, false, std::move(lower), std::move(upper)});
  }
  /// At most once a batch.
  void set_commit(std::string payload) {
    commit_ = std::move(payload);
    has_commit_ = true;
  }
  /// A put whose value is the given part of the commit payload (which may be set later).
  void put_from_commit(std::string key, std::size_t value_offset, std::size_t value_size) {
    operations_.push_back({Kind::kPut, true, std::move(key), {}, value_offset, value_size});
  }

  bool empty() const { return operations_.empty() && !has_commit_; }
  bool has_commit() const { return has_commit_; }
  const std::string& commit() const { return commit_; }
  const std::vector<Operation>& operations() const { return operations_; }
  std::string_view value_of(const Operation& op) const {
    return op.value_in_commit ? std::string_view(commit_).substr(op.value_offset, op.value_size) : std::string_view(op.value);
  }

 private:
  std::vector<Operation> operations_;
  std::string commit_;
  bool has_commit_ = false;
};

}  // namespace ldb
