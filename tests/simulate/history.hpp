// What the clients of a run know: which transactions they tried, what became of them.
#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "base/rt/rt.hpp"
#include "ldb/ids.hpp"
#include "oracle.hpp"

namespace simulate {

struct Attempt {
  oracle::Transaction transaction;  ///< id only when acknowledged
  ldb::Dot dot;                     ///< when acknowledged
  bool acknowledged = false;        ///< otherwise its outcome is unknown
  bool may_be_lost = false;         ///< acknowledged, but the only disk that had it was lost
};

/// Any simulated thread.
class History {
 public:
  std::int64_t next_number() {
    ldb::rt::MutexLock lock(mutex_);
    return next_number_++;
  }
  void add(Attempt attempt) {
    ldb::rt::MutexLock lock(mutex_);
    attempts_[attempt.transaction.number] = std::move(attempt);
  }
  /// A disk is about to be lost: acknowledged commits that `elsewhere` does not cover may be lost with it.
  void disk_lost(const ldb::VersionVector& elsewhere) {
    ldb::rt::MutexLock lock(mutex_);
    for (auto& [number, attempt] : attempts_) {
      if (attempt.acknowledged && !elsewhere.covers(attempt.dot)) attempt.may_be_lost = true;
    }
    for (const auto& [name, default_value] : columns_) doubtful_columns_.insert(name);
    scrap_doubtful_ = true;
  }
  void add_column(const std::string& name, std::int64_t default_value) {
    ldb::rt::MutexLock lock(mutex_);
    columns_[name] = default_value;
  }

  /// An acknowledged insert into a table that is dropped and made anew all the time.
  void add_scrap(std::int64_t id) {
    ldb::rt::MutexLock lock(mutex_);
    scrap_.insert(id);
  }
  /// A DROP that may have happened had seen these rows.
  void scrap_dropped(const std::set<std::int64_t>& ids) {
    ldb::rt::MutexLock lock(mutex_);
    for (const std::int64_t id : ids) scrap_.erase(id);
  }
  /// Rows of it that nobody knowingly took away; empty when some may have gone with a disk.
  std::set<std::int64_t> scrap() {
    ldb::rt::MutexLock lock(mutex_);
    return scrap_doubtful_ ? std::set<std::int64_t>() : scrap_;
  }

  /// Was a disk lost after this column was added? (Which commit added it is not known.)
  bool is_doubtful(const std::string& column) {
    ldb::rt::MutexLock lock(mutex_);
    return doubtful_columns_.contains(column);
  }

  /// After all clients have ended.
  const std::map<std::int64_t, Attempt>& attempts() const LDB_NO_THREAD_SAFETY_ANALYSIS { return attempts_; }
  /// Columns added by acknowledged ALTER TABLE, with their defaults.
  std::map<std::string, std::int64_t> columns() {
    ldb::rt::MutexLock lock(mutex_);
    return columns_;
  }

 private:
  ldb::rt::Mutex mutex_;
  std::int64_t next_number_ LDB_GUARDED_BY(mutex_) = 1;
  std::map<std::int64_t, Attempt> attempts_ LDB_GUARDED_BY(mutex_);
  std::map<std::string, std::int64_t> columns_ LDB_GUARDED_BY(mutex_);
  std::set<std::int64_t> scrap_ LDB_GUARDED_BY(mutex_);
  bool scrap_doubtful_ LDB_GUARDED_BY(mutex_) = false;
  std::set<std::string> doubtful_columns_ LDB_GUARDED_BY(mutex_);
};

}  // namespace simulate
