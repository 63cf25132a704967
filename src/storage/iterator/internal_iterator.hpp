// Walks entries (all versions) of one source in internal order.
#pragma once

#include "ldb/status.hpp"
#include "storage/internal_key.hpp"

namespace ldb::storage {

/// One thread at a time. The position is kept in the base, so that reading it costs no virtual call; implementations set it
/// whenever they move. key() and value() live until the next movement. After a failure valid() is false and status() says why.
class InternalIterator {
 public:
  InternalIterator() = default;
  InternalIterator(const InternalIterator&) = delete;
  InternalIterator& operator=(const InternalIterator&) = delete;
  virtual ~InternalIterator() = default;

  bool valid() const { return valid_; }
  std::string_view key() const { return key_; }
  Tag tag() const { return tag_; }
  std::string_view value() const { return value_; }

  virtual void seek_to_first() = 0;
  virtual void seek_to_last() = 0;
  /// First entry at or behind (key, tag).
  virtual void seek(std::string_view key, Tag tag) = 0;
  virtual void next() = 0;
  virtual void prev() = 0;
  virtual Status status() const = 0;

  /// Last entry before (key, tag). This one is for sources that nothing is added to: what came in between two steps would be
  /// taken for an entry before.
  virtual void seek_before(std::string_view key, Tag tag) {
    seek(key, tag);
    if (valid_) return prev();
    if (status()) seek_to_last();
  }

 protected:
  bool valid_ = false;
  Tag tag_ = 0;
  std::string_view key_;
  std::string_view value_;
};

}  // namespace ldb::storage
