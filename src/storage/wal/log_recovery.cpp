#include "storage/wal/log_recovery.hpp"

#include <algorithm>
#include <utility>

#include "base/coding.hpp"
#include "base/planted_bug.hpp"
#include "storage/file_names.hpp"
#include "storage/wal/segment_reader.hpp"

namespace ldb::storage {
namespace {

using Outcome = SegmentReader::Outcome;

std::string text(LogPosition p) { return log_name(p.segment) + " offset " + std::to_string(p.offset); }

class LogRecovery {
 public:
  LogRecovery(const LogRecoveryRequest& request, const ReplayBatch& replay)
      : request_(request), fs_(*request.file_system), replay_(replay), vouched_(request.replay_from) {}

  Result<LogState> run() {
    LDB_TRY(find_segments());
    if (state_.segments.empty()) {
      if (request_.begin.segment == 0) return state_;
      return Status(StatusCode::kCorruption, path(request_.replay_from.segment) + ": log segment is missing");
    }
    LogPosition at =
        request_.replay_from.segment == 0 ? LogPosition{state_.segments.front(), kSegmentHeaderBytes} : request_.replay_from;
    for (;;) {
      LDB_ASSIGN_OR_RETURN(const std::uint64_t next, replay_segment(at));
      if (next == 0) break;
      at = {next, kSegmentHeaderBytes};
    }
    LDB_TRY(cut());
    state_.begin = request_.begin.segment == 0 ? LogPosition{state_.segments.front(), kSegmentHeaderBytes} : request_.begin;
    state_.vouched = vouched_;
    return std::move(state_);
  }

 private:
  std::string path(std::uint64_t number) const { return join_path(request_.directory, log_name(number)); }

  Status find_segments() {
    LDB_ASSIGN_OR_RETURN(const auto names, fs_.list(request_.directory));
    for (const std::string& name : names) {
      const FileName file = parse_file_name(name);
      if (file.type == FileType::kLog && file.number >= request_.begin.segment) state_.segments.push_back(file.number);
    }
    std::sort(state_.segments.begin(), state_.segments.end());
    for (std::size_t i = 0; i < state_.segments.size(); ++i) {
      const std::uint64_t expected = std::max<std::uint64_t>(request_.begin.segment, 1) + i;
      if (state_.segments[i] != expected) return Status(StatusCode::kCorruption, path(expected) + ": log segment is missing");
    }
    return {};
  }

  /// Number of the segment to go on with; 0 at the end of the log.
  Result<std::uint64_t> replay_segment(LogPosition from) {
    auto opened = SegmentReader::open(fs_, path(from.segment));
    if (!opened) {
      if (opened.error().code() == StatusCode::kNotFound) {
        return Status(StatusCode::kCorruption, path(from.segment) + ": log segment is missing");
      }
      return opened.error();
    }
    SegmentReader& reader = **opened;
    if (reader.header().number != from.segment) {
      return Status(StatusCode::kCorruption, reader.path() + ": offset 16: is segment " + std::to_string(reader.header().number));
    }
    if (from.offset > reader.file_size()) {
      return Status(StatusCode::kCorruption, reader.path() + ": offset " + std::to_string(reader.file_size()) +
                                                 ": cut off; the log was synced up to " + text(from));
    }
    reader.seek(from.offset);
    for (;;) {
      const Outcome outcome = reader.next(reader.file_size());
      if (outcome == Outcome::kIoError) return reader.status();
      if (outcome != Outcome::kRecord) return end_of_log(reader, outcome);
      const RecordHeader& record = reader.record();
      vouched_ = std::max(vouched_, record.vouched);
      state_.marked = record.type == RecordType::kMark;
      if (record.type == RecordType::kSeal) {
        if (record.body_size != 8) return damaged(reader, "bad seal");
        const std::uint64_t next = load_u64(reader.body().data());
        if (next != from.segment + 1) return damaged(reader, "bad seal");
        return next;
      }
      if (record.type == RecordType::kBatch) {
        if (record.sequence <= last_sequence_) return damaged(reader, "sequence goes back");
        last_sequence_ = record.sequence;
        if (planted(PlantedBug::kRecoverySkipsFirstBatch) && std::exchange(skip_one_, false)) continue;
        if (Status status = replay_({from.segment, reader.record_offset()}, record, reader.body()); !status) {
          return status.with_context(reader.path() + ": offset " + std::to_string(reader.record_offset()));
        }
      }
    }
  }

  static Status damaged(const SegmentReader& reader, std::string_view what) {
    return Status(StatusCode::kCorruption,
                  reader.path() + ": offset " + std::to_string(reader.record_offset()) + ": " + std::string(what));
  }

  Result<std::uint64_t> end_of_log(SegmentReader& reader, Outcome outcome) {
    state_.tail = {reader.header().number, reader.offset()};
    bool torn = outcome == Outcome::kTornBody;
    std::uint64_t behind = 0;  // record headers found behind the end
    while (reader.resync(reader.file_size())) collect(reader, behind);
    if (!reader.status()) return reader.status();
    for (const std::uint64_t number : state_.segments) {
      if (number <= state_.tail.segment) continue;
      auto later = SegmentReader::open(fs_, path(number));
      if (!later) {
        if (later.error().code() != StatusCode::kCorruption) return later.error();
        torn = true;
        continue;
      }
      (*later)->seek(kSegmentHeaderBytes - kRecordAlignment);
      while ((*later)->resync((*later)->file_size())) collect(**later, behind);
      if (!(*later)->status()) return (*later)->status();
    }
    if (vouched_ > state_.tail) {
      return Status(StatusCode::kCorruption, reader.path() + ": offset " + std::to_string(state_.tail.offset) +
                                                 ": damaged log record; the log was synced up to " + text(vouched_));
    }
    const std::string cut = reader.path() + ": cut at offset " + std::to_string(state_.tail.offset);
    if (torn || behind > 0) {
      tell(LogLevel::kWarning, cut + " (" + std::to_string(behind) + " unsynced records behind it)");
    } else if (reader.passed_remains()) {
      tell(LogLevel::kInfo,
           cut + " (behind it is no record: the rest of an earlier use of the file, of a write that was cut off, or damage)");
    }
    return std::uint64_t{0};
  }

  void tell(LogLevel level, const std::string& line) const {
    if (request_.log_sink != nullptr) request_.log_sink->log(level, "storage", line);
  }

  void collect(SegmentReader& reader, std::uint64_t& behind) {
    // Headers only: what they vouch for counts although their bodies may be torn.
    if (reader.next(reader.file_size(), false) != Outcome::kRecord) return;
    if (reader.record().type != RecordType::kSeal || reader.header().number == state_.tail.segment) ++behind;
    vouched_ = std::max(vouched_, reader.record().vouched);
    reader.seek(reader.record_offset());  // the length of a record whose body is damaged is not to be trusted for skipping
  }

  /// The newest first, each for certain before the next: whatever a crash leaves is a log without a hole.
  Status cut() {
    while (state_.segments.back() > state_.tail.segment) {
      LDB_TRY(fs_.remove(path(state_.segments.back())));
      LDB_TRY(fs_.sync_directory(request_.directory));
      state_.segments.pop_back();
    }
    return {};
  }

  const LogRecoveryRequest& request_;
  FileSystem& fs_;
  const ReplayBatch& replay_;
  bool skip_one_ = true;  // for the planted bug
  LogState state_;
  LogPosition vouched_;
  std::uint64_t last_sequence_ = 0;
};

}  // namespace

Result<LogState> recover_log(const LogRecoveryRequest& request, const ReplayBatch& replay) {
  return LogRecovery(request, replay).run();
}

}  // namespace ldb::storage
