// The write-ahead log: segments that are appended, synced, kept for readers, and recycled.
#pragma once

#include <deque>
#include <memory>
#include <string>
#include <vector>

#include "base/rt/rt.hpp"
#include "ldb/file_system.hpp"
#include "ldb/log_sink.hpp"
#include "storage/wal/log_format.hpp"
#include "storage/wal/log_window.hpp"

namespace ldb::storage {

/// What recovery found, or the start of a new log.
struct LogState {
  std::vector<std::uint64_t> segments;  ///< ascending; the last one is continued
  LogPosition tail;                     ///< end of the last record; {0, 0} for a new log
  LogPosition begin;                    ///< oldest position that readers may ask for
  LogPosition vouched;                  ///< what stands before is known to be synced
  bool marked = true;                   ///< nothing stands behind the last mark that it does not vouch for
};

/// Writer methods ("writer:") are called by one thread at a time, the engine's write leader; the rest by any thread.
/// After a failed append or sync the log is poisoned: nothing is accepted until the engine is reopened, because what the disk
/// holds behind the last successful sync is unknown.
class Log {
 public:
  struct Options {
    FileSystem* file_system = nullptr;
    LogSink* log_sink = nullptr;
    std::string directory;
    std::uint64_t segment_bytes = 0;
    bool map = false;  ///< EngineOptions::map_log
  };

  /// Cuts what stands behind the tail, or creates the first segment.
  static Result<std::unique_ptr<Log>> open(Options options, LogState state);

  /// writer: adds a record to the buffer, changing the segment when this one is full.
  Status append(RecordType type, std::uint8_t flags, std::uint64_t sequence, std::uint64_t body_checksum, std::string_view body);
  /// writer: goes on in a new segment, so that all before it can be dropped as a whole.
  Status start_segment() { return change_segment(); }
  /// writer: hands the buffer to the operating system.
  Status write_out() { return buffer_.empty() ? poisoned() : write_buffer(true); }
  /// writer: write_out() and make everything durable.
  Status sync();
  /// writer: where the next record will start.
  LogPosition position() const { return {current_.number, offset_}; }
  /// writer: up to where the current segment is written out.
  std::uint64_t written_offset() const { return buffer_offset_; }
  /// writer: bytes waiting for write_out().
  std::size_t buffered_bytes() const { return buffer_.size(); }
  /// writer: syncs, writes a mark that vouches for all of it, and closes the files.
  Status close();

  /// Makes the log durable up to a position that was written out already, beside a running writer.
  Status sync_to(LogPosition position);
  /// Creates the segment after the current one ahead of time, so that no writer has to wait for it. kNoSpace when the disk is
  /// full; may be called again.
  Status prepare_next();
  bool wants_next() const;  ///< the current segment is used beyond next_wanted_at() and no next one is ready
  std::uint64_t next_wanted_at() const { return options_.segment_bytes / 4; }
  /// Spares the writer work on the memory through which it stores, if called often enough while it writes.
  void follow_writer();

  LogPosition synced_end() const;
  /// The same for who reads or copies the log: never right behind a seal, which needs the segment that it names.
  LogPosition end() const;
  LogPosition begin() const;
  /// Poisons the log for a failure elsewhere that only reopening settles.
  Status fail(const Status& cause) { return poison(cause); }
  Status poisoned() const { return poisoned_flag_.load(std::memory_order_acquire) ? poisoned_slowly() : Status(); }
  std::string segment_path(std::uint64_t number) const;

  /// What a reader may read of a segment: bytes below the result. kNotFound when `position` was released.
  Result<std::uint64_t> readable_end(LogPosition position) const;

  /// `position`, or the beginning of the segment behind it where it is the end of its own.
  LogPosition past_seal(LogPosition position) const;

  /// Readers are done with what stands before `position`.
  void release(LogPosition position);
  /// The oldest position to keep, given that everything before `flushed` is in tables: what readers still want, unless that is
  /// more than `max_bytes`.
  LogPosition keep_from(LogPosition flushed, std::uint64_t max_bytes) const;
  /// Recycles or removes the segments before position.segment. Only after the manifest names `position` as the log's beginning.
  void drop_before(LogPosition position);
  /// Segments from `segment` on stay as they are, whatever is dropped, until unpin(): somebody copies them. The next
  /// drop_before() makes up for it.
  void pin(std::uint64_t segment) { pinned_.store(segment); }
  void unpin() { pinned_.store(UINT64_MAX); }

  std::uint64_t total_bytes() const;
  std::uint64_t segment_count() const;
  std::uint64_t syncs() const { return syncs_.load(std::memory_order_relaxed); }
  std::uint64_t bytes_written() const { return bytes_written_.load(std::memory_order_relaxed); }

 private:
  struct Segment {
    std::uint64_t number = 0;
    std::uint64_t generation = 0;
    std::unique_ptr<WritableFile> file;
    std::shared_ptr<LogWindow> window;  ///< of segment_bytes; may be null
  };
  struct Unsynced {
    std::uint64_t number = 0;
    std::uint64_t end = 0;
    std::unique_ptr<WritableFile> file;
  };

  explicit Log(Options options) : options_(std::move(options)) {}
  Status continue_segment(LogPosition tail);
  /// Makes durable what nobody vouches for. It is written once more, because after a sync that failed in the life before the
  /// pages may look clean without being on the disk.
  Status sync_recovered(const LogState& state);
  /// What recovery made durable must not count as a torn tail when it is damaged later, even if nothing is ever written again.
  Status vouch_for_recovered();
  Result<Segment> create_segment(std::uint64_t number);
  bool fits(std::size_t body_bytes) const;
  Status change_segment();
  std::shared_ptr<LogWindow> map(WritableFile& file) const;
  /// `may_map`: a sync of what is stored through a mapping takes longer than one of what is written by a call.
  Status write_buffer(bool may_map);
  void encode(RecordType type, std::uint8_t flags, std::uint64_t sequence, std::uint64_t body_checksum, std::string_view body);
  Status poison(const Status& cause);
  Status poisoned_slowly() const;
  Status sync_older(std::uint64_t before_segment) LDB_REQUIRES(sync_mutex_);
  void set_synced(LogPosition position);
  LogPosition behind_seal(LogPosition position) const LDB_REQUIRES(mutex_);
  /// Up to where the log is written out; while the mutex is held the writer may go on in this segment, but not to the next.
  LogPosition written() const LDB_REQUIRES(mutex_) { return {segments_.back(), written_offset_.load(std::memory_order_acquire)}; }

  const Options options_;

  // Writer's own.
  Segment current_;
  std::uint64_t offset_ = 0;         // of the next record
  std::uint64_t buffer_offset_ = 0;  // file offset of buffer_[0]
  std::string buffer_;
  LogPosition last_vouched_;
  std::uint64_t vouched_at_sync_ = 0;  // value of syncs_ when last_vouched_ was taken
  bool wants_mark_ = false;            // there are records that nothing vouches for yet
  bool closed_ = false;

  rt::Mutex sync_mutex_;  // serializes syncs; before mutex_

  rt::Mutex prepare_mutex_;  // serializes creation of segments; before mutex_

  mutable rt::Mutex mutex_;
  Segment prepared_ LDB_GUARDED_BY(mutex_);
  std::shared_ptr<LogWindow> window_ LDB_GUARDED_BY(mutex_);       // of current_
  std::shared_ptr<LogWindow> last_window_ LDB_GUARDED_BY(mutex_);  // of the segment before it, to be unmapped by somebody
  std::deque<Unsynced> unsynced_ LDB_GUARDED_BY(mutex_);           // ascending; the writer adds, who holds sync_mutex_ takes out
  std::deque<std::uint64_t> segments_ LDB_GUARDED_BY(mutex_);      // ascending; the last is current
  std::deque<std::uint64_t> ends_ LDB_GUARDED_BY(mutex_);          // where each of them ends, for all but the last
  std::vector<std::string> recyclable_ LDB_GUARDED_BY(mutex_);
  LogPosition synced_ LDB_GUARDED_BY(mutex_);
  LogPosition begin_ LDB_GUARDED_BY(mutex_);
  LogPosition released_ LDB_GUARDED_BY(mutex_);
  Status poisoned_ LDB_GUARDED_BY(mutex_);
  rt::Atomic<bool> poisoned_flag_{false};

  rt::Atomic<std::uint64_t> pinned_{UINT64_MAX};
  rt::Atomic<std::uint64_t> syncs_{0};
  rt::Atomic<std::uint64_t> written_offset_{0};  // the writer's; goes back to the beginning under mutex_ only
  rt::Atomic<std::uint64_t> bytes_written_{0};   // the writer's
};

}  // namespace ldb::storage
