#include "storage/wal/change_reader.hpp"

#include "base/coding.hpp"
#include "storage/wal/batch_codec.hpp"
#include "storage/wal/segment_reader.hpp"

namespace ldb::storage {
namespace {

using Outcome = SegmentReader::Outcome;

class LogChangeReader final : public ChangeReader {
 public:
  LogChangeReader(FileSystem& fs, const Log& log, LogPosition from) : fs_(fs), log_(log), position_(from) {}

  Result<std::optional<Change>> next() override {
    for (;;) {
      LDB_ASSIGN_OR_RETURN(const std::uint64_t limit, log_.readable_end(position_));
      if (position_.offset >= limit) {
        const LogPosition further = log_.past_seal(position_);
        if (further == position_) return std::optional<Change>();
        position_ = further;
        continue;
      }
      LDB_TRY(open_segment());
      reader_->seek(position_.offset);
      const Outcome outcome = reader_->next(limit);
      if (outcome == Outcome::kIoError) return reader_->status();
      if (outcome != Outcome::kRecord) {
        // The segment may have been released and recycled under the reader.
        LDB_TRY(log_.readable_end(position_).error());
        return damaged("damaged log record");
      }
      const LogPosition here = position_;
      const RecordHeader& record = reader_->record();
      if (record.type == RecordType::kSeal) {
        if (record.body_size != 8 || load_u64(reader_->body().data()) != here.segment + 1) return damaged("bad seal");
        position_ = {load_u64(reader_->body().data()), kSegmentHeaderBytes};
      } else if (record.type == RecordType::kBatch && (record.flags & kRecordHasCommit)) {
        const BatchReader batch(reader_->body(), true);
        if (!batch.ok()) return damaged("undecodable batch");
        position_.offset = reader_->offset();
        return std::optional<Change>(
            Change{here, position_, record.sequence + batch.sequences() - 1, std::string(batch.commit())});
      } else {
        position_.offset = reader_->offset();
      }
    }
  }

 private:
  Status damaged(const char* what) const {
    return Status(StatusCode::kCorruption, reader_->path() + ": offset " + std::to_string(position_.offset) + ": " + what);
  }

  Status open_segment() {
    if (reader_ && reader_->header().number == position_.segment) return {};
    auto opened = SegmentReader::open(fs_, log_.segment_path(position_.segment));
    if (!opened || (*opened)->header().number != position_.segment) {
      LDB_TRY(log_.readable_end(position_).error());  // released meanwhile?
      if (!opened) return opened.error();
      return Status(StatusCode::kCorruption, (*opened)->path() + ": offset 16: holds another segment");
    }
    reader_ = std::move(*opened);
    return {};
  }

  FileSystem& fs_;
  const Log& log_;
  LogPosition position_;
  std::unique_ptr<SegmentReader> reader_;
};

}  // namespace

std::unique_ptr<ChangeReader> new_change_reader(FileSystem& fs, const Log& log, LogPosition from) {
  return std::make_unique<LogChangeReader>(fs, log, from);
}

}  // namespace ldb::storage
