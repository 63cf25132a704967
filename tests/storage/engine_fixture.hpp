// Engines under test: every contract test runs over each of them.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include <catch2/catch.hpp>

#include "ldb/faulty_file_system.hpp"
#include "ldb/file_system.hpp"
#include "ldb/storage_engine.hpp"
#ifdef LDB_TEST_ROCKSDB
#include "ldb/rocksdb_engine.hpp"
#include "support/temp_directory.hpp"
#endif

namespace ldb::test {

enum class EngineKind { kMemory, kLsm, kSmallLsm, kRocksDb };

/// The engines of this build; `durable`: only those that survive reopening.
inline std::vector<EngineKind> engine_kinds(bool durable = false) {
  std::vector<EngineKind> kinds{EngineKind::kLsm, EngineKind::kSmallLsm};
  if (!durable) kinds.insert(kinds.begin(), EngineKind::kMemory);
#ifdef LDB_TEST_ROCKSDB
  kinds.push_back(EngineKind::kRocksDb);
#endif
  return kinds;
}

inline std::string to_string(EngineKind kind) {
  switch (kind) {
    case EngineKind::kMemory:
      return "memory";
    case EngineKind::kLsm:
      return "lsm";
    case EngineKind::kSmallLsm:
      return "lsm with tiny memtables, blocks and log segments";
    case EngineKind::kRocksDb:
      return "rocksdb";
  }
  return "?";
}

/// Options that make every background mechanism run within a few hundred writes.
inline EngineOptions small_options(FileSystem& fs) {
  EngineOptions options;
  options.file_system = &fs;
  options.memtable_bytes = 16 << 10;
  options.block_bytes = 256;
  options.block_cache_bytes = 64 << 10;
  options.log_segment_bytes = 16 << 10;
  options.background_threads = 2;
  return options;
}

/// One engine in a memory file system (RocksDB: in a temporary directory), which survives reopen().
class TestEngine {
 public:
  explicit TestEngine(EngineKind kind, EngineListener* listener = nullptr, bool mapped = false)
      : kind_(kind), listener_(listener), fs_(std::make_unique<FaultyFileSystem>(1)) {
    fs_->set_mappings(mapped);
    open();
  }

  StorageEngine& operator*() { return *engine_; }
  StorageEngine* operator->() { return engine_.get(); }
  FileSystem& fs() { return kind_ == EngineKind::kRocksDb ? posix_file_system() : *fs_; }
  bool durable() const { return kind_ != EngineKind::kMemory; }
  EngineKind kind() const { return kind_; }

  void reopen() {
    REQUIRE(engine_->close());
    engine_ = nullptr;
    open();
  }
  /// Can lose_power() be called?
  bool has_power() const { return kind_ == EngineKind::kLsm || kind_ == EngineKind::kSmallLsm; }
  /// Power loss and a new start.
  void lose_power() {
    fs_->crash();
    engine_ = nullptr;
    fs_->reboot();
    open();
  }
  /// A path beside the engine's directory, on its file system.
  std::string beside(const std::string& name) const {
#ifdef LDB_TEST_ROCKSDB
    if (kind_ == EngineKind::kRocksDb) return temporary_.file(name);
#endif
    return name;
  }
  /// An engine of the same kind over another directory of the same file system.
  Result<std::unique_ptr<StorageEngine>> open_other(const std::string& path) {
    EngineOptions options;
    options.file_system = fs_.get();
    options.log_segment_bytes = 1 << 20;
    if (kind_ == EngineKind::kSmallLsm) options = small_options(*fs_);
    options.listener = listener_;
#ifdef LDB_TEST_ROCKSDB
    options.file_system = kind_ == EngineKind::kRocksDb ? nullptr : options.file_system;
    if (kind_ == EngineKind::kRocksDb) return open_rocksdb_engine(path, options);
#endif
    return open_lsm_engine(path, options);
  }

 private:
  void open() {
    if (kind_ == EngineKind::kMemory) {
      engine_ = new_memory_engine();
      return;
    }
    auto opened = open_other(beside("db"));
    INFO(opened.error().to_string());
    REQUIRE(opened);
    engine_ = std::move(*opened);
  }

  const EngineKind kind_;
  EngineListener* const listener_;
#ifdef LDB_TEST_ROCKSDB
  TempDirectory temporary_;
#endif
  std::unique_ptr<FaultyFileSystem> fs_;
  std::unique_ptr<StorageEngine> engine_;
};

inline void put(StorageEngine& engine, std::string key, std::string value, SyncPolicy sync = SyncPolicy::kOs) {
  WriteBatch batch;
  batch.put(std::move(key), std::move(value));
  const auto sequence = engine.write(std::move(batch), sync);
  INFO(sequence.error().to_string());
  REQUIRE(sequence);
}

inline void erase(StorageEngine& engine, std::string key) {
  WriteBatch batch;
  batch.erase(std::move(key));
  REQUIRE(engine.write(std::move(batch), SyncPolicy::kOs));
}

inline void erase_range(StorageEngine& engine, std::string lower, std::string upper) {
  WriteBatch batch;
  batch.erase_range(std::move(lower), std::move(upper));
  REQUIRE(engine.write(std::move(batch), SyncPolicy::kOs));
}

/// The value, or "<none>".
inline std::string get(StorageEngine& engine, std::string_view key, const ReadView* view = nullptr) {
  const auto value = engine.get(view, key);
  INFO(value.error().to_string());
  REQUIRE(value);
  return value->value_or("<none>");
}

using Pairs = std::vector<std::pair<std::string, std::string>>;

inline Pairs scan(StorageEngine& engine, const ReadView* view = nullptr, KeyRange range = {}) {
  auto it = engine.iterate(view, std::move(range));
  REQUIRE(it);
  Pairs result;
  for ((*it)->seek_to_first(); (*it)->valid(); (*it)->next()) result.emplace_back((*it)->key(), (*it)->value());
  INFO((*it)->status().to_string());
  REQUIRE((*it)->status());
  return result;
}

/// In reverse, put back into key order.
inline Pairs scan_back(StorageEngine& engine, const ReadView* view = nullptr, KeyRange range = {}) {
  auto it = engine.iterate(view, std::move(range));
  REQUIRE(it);
  Pairs result;
  for ((*it)->seek_to_last(); (*it)->valid(); (*it)->prev()) result.emplace_back((*it)->key(), (*it)->value());
  INFO((*it)->status().to_string());
  REQUIRE((*it)->status());
  return {result.rbegin(), result.rend()};
}

inline std::vector<std::string> read_changes(StorageEngine& engine, LogPosition from) {
  auto reader = engine.changes(from);
  INFO(reader.error().to_string());
  REQUIRE(reader);
  std::vector<std::string> result;
  for (;;) {
    auto change = (*reader)->next();
    INFO(change.error().to_string());
    REQUIRE(change);
    if (!*change) return result;
    result.push_back((*change)->commit);
  }
}

}  // namespace ldb::test
