// The storage seam: an ordered, versioned map of byte strings with atomic batches, snapshots and a change log.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "ldb/status.hpp"
#include "ldb/write_batch.hpp"

namespace ldb {

/// When a write counts as done.
enum class SyncPolicy : std::uint8_t {
  kNone,  ///< in the process' memory and log buffer; lost by kill -9 at worst back to the last kOs write
  kOs,    ///< handed to the operating system: survives kill -9, not power loss
  kSync,  ///< on stable storage
};

/// Half-open: lower <= key < upper. An absent bound is open.
struct KeyRange {
  std::optional<std::string> lower;
  std::optional<std::string> upper;
};

/// Position in the change log of one engine: comparable, only meaningful to that engine.
struct LogPosition {
  std::uint64_t segment = 0;
  std::uint64_t offset = 0;
  friend auto operator<=>(const LogPosition&, const LogPosition&) = default;
};

/// A frozen state. Cheap; keeps old versions from being collected while open, so do not hold it for ever. Any thread.
class ReadView {
 public:
  virtual ~ReadView() = default;
  /// The engine's sequence that this view shows: everything at or below it.
  virtual std::uint64_t sequence() const = 0;
};

/// Walks a view in key order. One thread at a time; must not outlive its view. Views returned by key() and value() live until the
/// next movement. After a failure valid() is false and status() says why.
class Iterator {
 public:
  virtual ~Iterator() = default;
  virtual bool valid() const = 0;
  virtual void seek_to_first() = 0;
  virtual void seek_to_last() = 0;
  virtual void seek(std::string_view key) = 0;           ///< first key at or after `key`, which may be key() itself
  virtual void seek_for_prev(std::string_view key) = 0;  ///< last key at or before `key`
  virtual void next() = 0;
  virtual void prev() = 0;
  virtual std::string_view key() const = 0;
  virtual std::string_view value() const = 0;
  virtual Status status() const = 0;
};

/// Tails the commits (WriteBatch::commit payloads) in log order, also while writers go on. Only synced log is shown. One thread.
class ChangeReader {
 public:
  virtual ~ChangeReader() = default;
  struct Change {
    LogPosition position;        ///< of this change
    LogPosition next;            ///< where the one after it will start
    std::uint64_t sequence = 0;  ///< last engine sequence of the batch
    std::string commit;          ///< the payload
  };
  /// The next change; no value when the synced end of the log is reached (call again later). kNotFound when the position was
  /// released by the engine; kCorruption when the log is damaged.
  virtual Result<std::optional<Change>> next() = 0;
};

/// Tells the engine which values are garbage. Any thread; must be fast and deterministic for a given answer over time: once true
/// for a value, always true.
class CollectionPolicy {
 public:
  virtual ~CollectionPolicy() = default;
  /// May the engine treat this newest, no longer visible-to-older-views value as deleted? (Row tombstones, docs/REPLICATION.md.)
  virtual bool collectible(std::string_view key, std::string_view value) const = 0;
};

struct EngineProperty {
  std::string name;
  std::string value;
};

/// One table file of an engine that has such, for tools.
struct EngineTable {
  int level = 0;
  std::uint64_t number = 0;
  std::uint64_t size_bytes = 0;
  std::string smallest;
  std::string largest;
  std::uint64_t entries = 0;
  std::uint64_t deletions = 0;
  std::uint64_t range_deletions = 0;
  std::uint64_t max_sequence = 0;
};

class SortedSource;    // ldb/bulk_load.hpp
class EngineListener;  // ldb/engine_listener.hpp

/// An ordered map with versions. All methods from any thread unless said otherwise.
/// Lifecycle: created open (see LsmOptions / new_memory_engine), used, close()d once; all views, iterators, readers destroyed
/// before.
class StorageEngine {
 public:
  virtual ~StorageEngine() = default;

  /// A batch on its way into the log. submit() fixes its place in the order; wait() returns when it is visible and as durable as
  /// asked.
  class PendingWrite {
   public:
    virtual ~PendingWrite() = default;
  };
  /// Puts the batch in line behind all batches submitted before. Cheap: no I/O, never stalls (see throttle()). Every submitted
  /// write must be passed to wait(), by any thread; a write becomes visible only once somebody waits for it or for a later one.
  /// kResourceExhausted while 65,536 writes wait for nobody.
  virtual Result<std::unique_ptr<PendingWrite>> submit(WriteBatch batch, SyncPolicy sync) = 0;
  /// The batch's last sequence. kOutcomeUnknown when the log failed while it was being written: the engine then refuses writes
  /// until reopened, and after reopening the batch is there as a whole or not at all.
  virtual Result<std::uint64_t> wait(std::unique_ptr<PendingWrite> write) = 0;
  /// Back-pressure: blocks while the engine is behind on flushing; call before taking locks that other writers need.
  virtual Status throttle() { return {}; }
  /// throttle, submit and wait.
  virtual Result<std::uint64_t> write(WriteBatch batch, SyncPolicy sync);

  virtual std::unique_ptr<ReadView> view() = 0;
  /// The newest version at or below the view (the newest of all when null). kNotFound is not an error here: no value.
  virtual Result<std::optional<std::string>> get(const ReadView* view, std::string_view key) = 0;
  /// Values of many keys, in the order of `keys`, all of one state also when `view` is null. The LSM engine reads each block once
  /// for all keys in it, if its block cache can hold it.
  virtual Result<std::vector<std::optional<std::string>>> multi_get(const ReadView* view, std::span<const std::string_view> keys);
  /// The sequence of the newest version of a key, deleted or not; 0 when it was never written or that has been forgotten (below
  /// every view).
  virtual Result<std::uint64_t> newest_sequence(std::string_view key) = 0;
  virtual Result<std::unique_ptr<Iterator>> iterate(const ReadView* view, KeyRange range) = 0;

  /// Makes everything written so far durable (the log, not the tables).
  virtual Status sync() = 0;
  /// Position just behind the last synced change.
  virtual LogPosition log_end() const = 0;
  virtual LogPosition log_begin() const = 0;
  virtual Result<std::unique_ptr<ChangeReader>> changes(LogPosition from) = 0;
  /// Changes before `position` are not needed by any reader any more. Everything is kept until this is called (see
  /// EngineOptions).
  virtual void release_log(LogPosition position) = 0;
  /// Called after log_end() has moved, from an engine thread or a writer; must not block or call back. One listener; null to
  /// clear.
  virtual void set_log_listener(std::function<void()> listener) = 0;

  /// Borrowed; must outlive the engine or be cleared.
  virtual void set_collection_policy(const CollectionPolicy* policy) = 0;
  virtual Status flush() = 0;
  /// Compacts a whole range down, dropping what can be dropped. On the caller's thread; what is due besides gets its turn.
  virtual Status compact(const KeyRange& range) = 0;

  /// Puts a sorted run into the engine past the log: for bulk loads. All of it becomes visible at once, at the sequence returned,
  /// newer than everything submitted before the end of the call; durable on return, as is then everything submitted before.
  /// Other writers go on meanwhile, but for a short moment at the end. Not in the change log. An empty source changes nothing.
  /// kInvalidArgument when keys do not ascend strictly or break the bounds of a batch. A failure leaves nothing behind, except
  /// kOutcomeUnknown: the engine then refuses writes until it is reopened, and the run is there as a whole or not at all.
  virtual Result<std::uint64_t> ingest(SortedSource& source);
  /// A copy of everything acknowledged before the call, change log included, that can be opened as an engine of its own. Tables
  /// are hard links, so `directory` must be on the same file system; it must not exist or be empty (kAlreadyExists). Writers go
  /// on. A copy that was interrupted (crash) cannot be opened by accident; remove it. kUnsupported by engines in memory.
  virtual Status checkpoint(const std::string& directory);

  /// Rough bytes on disk or in memory of a range.
  virtual std::uint64_t approximate_size(const KeyRange& range) = 0;
  virtual std::vector<std::uint64_t> approximate_sizes(std::span<const KeyRange> ranges);
  virtual std::size_t memory_usage() const = 0;
  /// Name/value pairs for tools: level shapes, amplification, stall time, cache hits.
  virtual std::vector<EngineProperty> properties() = 0;
  /// Level by level, in the order of the tree. Empty when the engine has no tables.
  virtual std::vector<EngineTable> tables() { return {}; }
  virtual std::string_view name() const = 0;

  /// Waits for background work and closes files. Idempotent. After it every call fails with kAborted.
  virtual Status close() = 0;
};

class FileSystem;
class Executor;
class LogSink;

struct EngineOptions {
  FileSystem* file_system = nullptr;  ///< null: posix
  Executor* executor = nullptr;       ///< null: the engine runs its own background threads
  LogSink* log_sink = nullptr;
  EngineListener* listener = nullptr;
  unsigned background_threads = 2;
  /// Ranges of keys that one flush (at most 4) or one compaction writes at the same time, where threads are free.
  unsigned max_subcompactions = 2;
  std::uint64_t compaction_bytes_per_second = 0;  ///< written by compactions; 0: no limit
  /// One bound for everything: memtables (a half, in four), cached blocks (three eighths), indexes and filters of open tables (an
  /// eighth; what they need beyond it, cached blocks give up, and then tables close). Replaces the next two when it is not 0; at
  /// least 4 MiB.
  /// StorageEngine::memory_usage() reports what is used. What a single operation needs for itself is not counted.
  std::size_t memory_budget_bytes = 0;
  std::size_t memtable_bytes = 8 << 20;
  std::size_t block_cache_bytes = 32 << 20;
  std::size_t block_bytes = 2048;
  std::size_t log_segment_bytes = 16 << 20;
  /// Unsynced commits are copied into a mapping of the log instead of written by a call, on file systems where a store into
  /// preallocated space cannot fail (ext4, XFS, tmpfs). As durable as a write: it survives kill -9, not power loss.
  bool map_log = true;
  std::uint64_t max_log_bytes = 1ULL << 30;  ///< log kept for readers is dropped beyond this
  int compression_level = 1;                 ///< zstd; 0: none
  unsigned bloom_bits_per_key = 10;
  bool create_if_missing = true;
};

/// The LSM engine over a directory. kCorruption with file and offset when something synced was damaged; kUnavailable when another
/// process or engine holds the directory.
Result<std::unique_ptr<StorageEngine>> open_lsm_engine(const std::string& directory, const EngineOptions& options = {});
/// Everything in memory, gone with the object; "synced" means written.
std::unique_ptr<StorageEngine> new_memory_engine();

}  // namespace ldb
