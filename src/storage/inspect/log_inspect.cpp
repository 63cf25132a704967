#include <algorithm>

#include "base/coding.hpp"
#include "storage/file_names.hpp"
#include "storage/inspect/inspect.hpp"
#include "storage/wal/batch_codec.hpp"
#include "storage/wal/segment_reader.hpp"

namespace ldb::storage {
namespace {

using Outcome = SegmentReader::Outcome;

std::string text(LogPosition p) { return std::to_string(p.segment) + ":" + std::to_string(p.offset); }

const char* kind_name(WriteBatch::Kind kind) {
  switch (kind) {
    case WriteBatch::Kind::kPut:
      return "put";
    case WriteBatch::Kind::kDelete:
      return "delete";
    case WriteBatch::Kind::kDeleteRange:
      return "delete range";
  }
  return "?";
}

void show_batch(const SegmentReader& reader, const LineSink& out) {
  const RecordHeader& record = reader.record();
  BatchReader batch(reader.body(), (record.flags & kRecordHasCommit) != 0);
  if (batch.ok() && (record.flags & kRecordHasCommit) != 0) {
    out("    commit of " + std::to_string(batch.commit().size()) + " bytes: " + show_bytes(batch.commit()));
  }
  BatchReader::Operation op;
  std::uint64_t sequence = record.sequence;
  while (batch.next(op)) {
    out("    " + std::to_string(sequence++) + " " + kind_name(op.kind) + " " + show_bytes(op.key) +
        (op.kind == WriteBatch::Kind::kDelete ? "" : " -> " + show_bytes(op.value)));
  }
  if (!batch.ok()) out("    undecodable batch");
}

void show_record(const SegmentReader& reader, const LineSink& out) {
  const RecordHeader& record = reader.record();
  std::string line = "  offset " + std::to_string(reader.record_offset()) + ": ";
  if (record.type == RecordType::kBatch) {
    line += "batch, sequence " + std::to_string(record.sequence) + ", " + std::to_string(record.body_size) + " bytes";
  } else if (record.type == RecordType::kSeal) {
    line += "seal, next segment " + (record.body_size == 8 ? std::to_string(load_u64(reader.body().data())) : std::string("?"));
  } else {
    line += "mark";
  }
  if ((record.flags & kRecordVouches) != 0) line += ", synced up to " + text(record.vouched);
  out(line);
  if (record.type == RecordType::kBatch) show_batch(reader, out);
}

Status dump_segment(FileSystem& fs, const std::string& path, const LineSink& out) {
  auto opened = SegmentReader::open(fs, path);
  if (!opened) {
    if (opened.error().code() != StatusCode::kNotFound) out(path + ": " + opened.error().to_string());
    return opened.error();
  }
  SegmentReader& reader = **opened;
  out(path + ": segment " + std::to_string(reader.header().number) + ", generation " +
      std::to_string(reader.header().generation) + ", " + std::to_string(reader.file_size()) + " bytes");
  for (;;) {
    const Outcome outcome = reader.next(reader.file_size());
    if (outcome == Outcome::kIoError) return reader.status();
    if (outcome == Outcome::kTornBody) out("  offset " + std::to_string(reader.offset()) + ": torn record");
    if (outcome != Outcome::kRecord) break;
    show_record(reader, out);
    if (reader.record().type == RecordType::kSeal) return {};
  }
  out("  offset " + std::to_string(reader.offset()) + ": end of the log");
  return {};
}

Result<std::vector<std::uint64_t>> segments_in(FileSystem& fs, const std::string& directory) {
  LDB_ASSIGN_OR_RETURN(const auto names, fs.list(directory));
  std::vector<std::uint64_t> numbers;
  for (const std::string& name : names) {
    if (const FileName file = parse_file_name(name); file.type == FileType::kLog) numbers.push_back(file.number);
  }
  std::sort(numbers.begin(), numbers.end());
  return numbers;
}

/// Follows recovery's rules, but goes on behind damage, and judges at the end, when everything that vouches is known.
class LogCheck {
 public:
  LogCheck(FileSystem& fs, std::string directory, LogPosition flushed)
      : fs_(fs), directory_(std::move(directory)), vouched_(flushed) {}

  std::vector<Damage> run(std::uint64_t first, const LineSink& note) {
    auto numbers = segments_in(fs_, directory_);
    if (!numbers) return {{directory_, 0, numbers.error().to_string()}};
    std::erase_if(*numbers, [&](std::uint64_t n) { return n < first; });
    if (const std::uint64_t least = std::max(first, vouched_.segment); numbers->empty() && least != 0) {
      damage_.push_back({path(least), 0, "log segment is missing"});
    }
    for (std::size_t i = 0; i < numbers->size(); ++i) {
      const std::uint64_t expected = std::max<std::uint64_t>(first, 1) + i;
      if ((*numbers)[i] != expected) {
        damage_.push_back({path(expected), 0, "log segment is missing"});
        break;
      }
    }
    for (const std::uint64_t number : *numbers) check_segment(number);
    // A seal is written only when its successor exists durably.
    if (!numbers->empty() && sealed_ == numbers->back()) damage_.push_back({path(sealed_ + 1), 0, "log segment is missing"});
    for (const auto& [position, what] : suspects_) {
      if (position < vouched_) {
        damage_.push_back({path(position.segment), position.offset, what + "; the log was synced up to " + text(vouched_)});
      } else if (what != kEnd) {
        note(path(position.segment) + ": offset " + std::to_string(position.offset) + ": " + what +
             " at the unsynced end of the log");
      }
    }
    return std::move(damage_);
  }

 private:
  static constexpr const char* kEnd = "the log ends";

  std::string path(std::uint64_t number) const { return join_path(directory_, log_name(number)); }

  void check_segment(std::uint64_t number) {
    auto opened = SegmentReader::open(fs_, path(number));
    if (!opened) return damage_.push_back({path(number), 0, opened.error().to_string()});
    SegmentReader& reader = **opened;
    if (reader.header().number != number) {
      damage_.push_back({path(number), 16, "is segment " + std::to_string(reader.header().number)});
    }
    for (;;) {
      const Outcome outcome = reader.next(reader.file_size());
      if (outcome == Outcome::kIoError) return damage_.push_back({path(number), reader.offset(), reader.status().to_string()});
      if (outcome == Outcome::kRecord) {
        if (!check_record(reader, number)) return;
        continue;
      }
      // Its header is whole, so what it vouches for counts.
      if (outcome == Outcome::kTornBody) vouched_ = std::max(vouched_, reader.record().vouched);
      suspects_.push_back({{number, reader.offset()}, outcome == Outcome::kTornBody ? "damaged log record" : kEnd});
      if (!reader.resync(reader.file_size())) return;
      // Something valid behind it: what it vouches for counts.
      suspects_.back().second = "damaged log record";
    }
  }

  /// False at the end of the segment.
  bool check_record(const SegmentReader& reader, std::uint64_t number) {
    const RecordHeader& record = reader.record();
    const auto damaged = [&](const char* what) { damage_.push_back({path(number), reader.record_offset(), what}); };
    vouched_ = std::max(vouched_, record.vouched);
    if (record.type == RecordType::kSeal) {
      if (record.body_size != 8 || load_u64(reader.body().data()) != number + 1) damaged("bad seal");
      sealed_ = number;
      return false;
    }
    if (record.type != RecordType::kBatch) return true;
    if (record.sequence <= last_sequence_) damaged("sequence goes back");
    BatchReader batch(reader.body(), (record.flags & kRecordHasCommit) != 0);
    BatchReader::Operation op;
    while (batch.next(op)) continue;
    if (!batch.ok()) damaged("undecodable batch");
    last_sequence_ = record.sequence + batch.sequences() - 1;
    return true;
  }

  FileSystem& fs_;
  const std::string directory_;
  LogPosition vouched_;
  std::uint64_t last_sequence_ = 0;
  std::uint64_t sealed_ = 0;  // the last segment that ends in a seal
  std::vector<std::pair<LogPosition, std::string>> suspects_;
  std::vector<Damage> damage_;
};

}  // namespace

Status dump_log(FileSystem& fs, const std::string& path, const LineSink& out) {
  if (path.ends_with(".wal")) return dump_segment(fs, path, out);
  LDB_ASSIGN_OR_RETURN(const auto numbers, segments_in(fs, path));
  if (numbers.empty()) return Status(StatusCode::kNotFound, path + ": no log segment here");
  Status last;
  for (const std::uint64_t number : numbers) {
    if (Status status = dump_segment(fs, join_path(path, log_name(number)), out); !status) last = status;
  }
  return last;
}

std::vector<Damage> check_log(FileSystem& fs, const std::string& directory, LogPosition begin, LogPosition flushed,
                              const LineSink& note) {
  return LogCheck(fs, directory, flushed).run(begin.segment, note);
}

}  // namespace ldb::storage
