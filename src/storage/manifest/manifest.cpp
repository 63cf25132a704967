#include "storage/manifest/manifest.hpp"

#include <algorithm>
#include <cstdio>

#include "base/coding.hpp"
#include "base/hash.hpp"
#include "storage/file_names.hpp"

namespace ldb::storage {
namespace {

constexpr std::uint64_t kManifestMagic = 0x31304e414d42444cULL;  // "LDBMAN01"
constexpr std::uint32_t kManifestVersion = 1;
constexpr std::size_t kHeaderBytes = 32;
constexpr std::size_t kRecordBytes = 28;  // checksum, vouched, payload checksum, size
constexpr std::size_t kMaxPayload = 64u << 20;

Status corrupt(const std::string& path, std::uint64_t offset, const std::string& what) {
  return Status(StatusCode::kCorruption, path + ": offset " + std::to_string(offset) + ": " + what);
}

std::string encode_header(std::uint64_t number) {
  std::string out;
  put_u64(out, kManifestMagic);
  put_u32(out, kManifestVersion);
  put_u32(out, 0);
  put_u64(out, number);
  put_u64(out, hash64(out));
  return out;
}

struct Record {
  std::uint64_t vouched = 0;
  std::string_view payload;
};
enum class Outcome : std::uint8_t { kRecord, kNoRecord, kTorn };

Outcome read_record(std::string_view bytes, std::uint64_t offset, std::uint64_t number, Record& record) {
  if (bytes.size() - offset < kRecordBytes) return Outcome::kNoRecord;
  const char* const p = bytes.data() + offset;
  const std::uint64_t seed = number + offset;
  if (load_u64(p) != hash64({p + 8, kRecordBytes - 8}, seed)) return Outcome::kNoRecord;
  record.vouched = load_u64(p + 8);
  const std::uint32_t size = load_u32(p + 24);
  if (size > bytes.size() - offset - kRecordBytes) return Outcome::kTorn;
  record.payload = bytes.substr(static_cast<std::size_t>(offset) + kRecordBytes, size);
  return load_u64(p + 16) == hash64(record.payload, seed) ? Outcome::kRecord : Outcome::kTorn;
}

Status write_current(FileSystem& fs, const std::string& directory, std::uint64_t number) {
  const std::string name = manifest_name(number);
  char checksum[24];
  std::snprintf(checksum, sizeof checksum, " %016llx\n", static_cast<unsigned long long>(hash64(name)));
  return fs.replace_file(join_path(directory, kCurrentName), name + checksum);
}

/// Without CURRENT a directory must be new: a manifest alone may be left of a creation that was interrupted.
Status check_new(FileSystem& fs, const std::string& directory) {
  LDB_ASSIGN_OR_RETURN(const auto names, fs.list(directory));
  for (const std::string& name : names) {
    const FileType type = parse_file_name(name).type;
    if (type == FileType::kTable || type == FileType::kLog) {
      return Status(StatusCode::kCorruption, join_path(directory, kCurrentName) + ": missing, but there is " + name);
    }
  }
  return {};
}

class ManifestReader {
 public:
  ManifestReader(FileSystem& fs, std::string path, LogSink* sink, const std::shared_ptr<ObsoleteTables>& obsolete,
                 SeeManifestRecord see = nullptr)
      : fs_(fs), path_(std::move(path)), sink_(sink), obsolete_(obsolete), see_(std::move(see)) {}

  Result<ManifestState> run(std::uint64_t number) {
    auto contents = fs_.read_file(path_);
    if (!contents) {
      if (contents.error().code() != StatusCode::kNotFound) return contents.error();
      return Status(StatusCode::kCorruption, path_ + ": missing, but CURRENT names it");
    }
    bytes_ = std::move(*contents);
    LDB_TRY(check_header(number));
    state_.manifest_number = number;
    state_.version = std::make_shared<Version>();
    std::uint64_t offset = kHeaderBytes;
    std::uint64_t vouched = 0;
    std::uint64_t records = 0;
    while (offset < bytes_.size()) {
      Record record;
      const Outcome outcome = read_record(bytes_, offset, number, record);
      if (outcome != Outcome::kRecord) {
        LDB_TRY(judge_end(offset, number, vouched));
        break;
      }
      vouched = std::max(vouched, record.vouched);
      LDB_TRY(apply(record, offset));
      offset += kRecordBytes + record.payload.size();
      ++records;
    }
    if (records == 0) return corrupt(path_, offset, "no version edit");
    return std::move(state_);
  }

 private:
  Status check_header(std::uint64_t number) const {
    if (bytes_.size() < kHeaderBytes) return corrupt(path_, 0, "shorter than a manifest header");
    const std::string_view header = std::string_view(bytes_).substr(0, kHeaderBytes);
    if (load_u64(header.data()) != kManifestMagic) return corrupt(path_, 0, "not a manifest");
    if (load_u64(header.data() + 24) != hash64(header.substr(0, 24))) return corrupt(path_, 0, "bad header checksum");
    if (load_u32(header.data() + 8) != kManifestVersion) {
      return Status(StatusCode::kUnsupported, path_ + ": manifest format version " + std::to_string(load_u32(header.data() + 8)));
    }
    if (load_u64(header.data() + 16) != number) return corrupt(path_, 16, "manifest of another number");
    return {};
  }

  Status apply(const Record& record, std::uint64_t offset) {
    auto edit = VersionEdit::decode(record.payload);
    if (!edit) return corrupt(path_, offset, std::string(edit.error().message()));
    if (see_) see_(offset, record.vouched, record.payload.empty() ? nullptr : &*edit);
    auto version = apply_edit(*state_.version, *edit, obsolete_);
    if (!version) return corrupt(path_, offset, std::string(version.error().message()));
    state_.version = std::move(*version);
    state_.note(*edit);
    return {};
  }

  /// The record at `offset` is bad. Fine if nobody vouches for it: then its write was interrupted.
  Status judge_end(std::uint64_t offset, std::uint64_t number, std::uint64_t vouched) const {
    for (std::uint64_t at = offset + 1; at + kRecordBytes <= bytes_.size(); ++at) {
      Record record;
      if (read_record(bytes_, at, number, record) != Outcome::kNoRecord) vouched = std::max(vouched, record.vouched);
    }
    if (vouched > offset) {
      return corrupt(path_, offset, "damaged version edit; the manifest was synced up to " + std::to_string(vouched));
    }
    if (sink_ != nullptr) {
      sink_->log(LogLevel::kWarning, "storage", path_ + ": cut at offset " + std::to_string(offset) + ": torn version edit");
    }
    return {};
  }

  FileSystem& fs_;
  const std::string path_;
  LogSink* const sink_;
  const std::shared_ptr<ObsoleteTables>& obsolete_;
  const SeeManifestRecord see_;
  std::string bytes_;
  ManifestState state_;
};

}  // namespace

Result<std::uint64_t> read_current(FileSystem& fs, const std::string& directory) {
  const std::string path = join_path(directory, kCurrentName);
  auto contents = fs.read_file(path);
  if (!contents) {
    if (contents.error().code() == StatusCode::kNotFound) return std::uint64_t{0};
    return contents.error();
  }
  // "MANIFEST-000001 <16 hex digits>\n"
  const std::size_t space = contents->find(' ');
  if (space == std::string::npos) return corrupt(path, 0, "no manifest named");
  const std::string name = contents->substr(0, space);
  const FileName file = parse_file_name(name);
  char expected[24];
  std::snprintf(expected, sizeof expected, " %016llx\n", static_cast<unsigned long long>(hash64(name)));
  if (contents->substr(space) != expected || file.type != FileType::kManifest || file.number == 0) {
    return corrupt(path, 0, "bad checksum");
  }
  return file.number;
}

void ManifestState::note(const VersionEdit& edit) {
  if (edit.next_file_number) next_file_number = std::max(next_file_number, *edit.next_file_number);
  if (edit.last_sequence) last_sequence = std::max(last_sequence, *edit.last_sequence);
  if (edit.log_flushed) log_flushed = *edit.log_flushed;
  if (edit.log_begin) log_begin = std::max(log_begin, *edit.log_begin);  // what was dropped once does not come back
  for (const VersionEdit::Added& added : edit.added) next_file_number = std::max(next_file_number, added.table.number + 1);
}

VersionEdit ManifestState::snapshot() const {
  VersionEdit edit;
  edit.next_file_number = next_file_number;
  edit.last_sequence = last_sequence;
  edit.log_flushed = log_flushed;
  edit.log_begin = log_begin;
  for (int level = 0; level < kLevels; ++level) {
    for (const TablePtr& table : version->levels[static_cast<std::size_t>(level)]) edit.added.push_back({level, table->meta});
  }
  return edit;
}

Result<ManifestState> read_manifest(FileSystem& fs, const std::string& directory, LogSink* sink,
                                    const std::shared_ptr<ObsoleteTables>& obsolete) {
  LDB_ASSIGN_OR_RETURN(const std::uint64_t number, read_current(fs, directory));
  if (number == 0) {
    LDB_TRY(check_new(fs, directory));
    ManifestState state;
    state.version = std::make_shared<Version>();
    return state;
  }
  return ManifestReader(fs, join_path(directory, manifest_name(number)), sink, obsolete).run(number);
}

Result<ManifestState> walk_manifest(FileSystem& fs, const std::string& directory, std::uint64_t number, LogSink* sink,
                                    const SeeManifestRecord& see) {
  const auto obsolete = std::make_shared<ObsoleteTables>();
  return ManifestReader(fs, join_path(directory, manifest_name(number)), sink, obsolete, see).run(number);
}

Result<std::unique_ptr<ManifestWriter>> ManifestWriter::create(FileSystem& fs, const std::string& directory, std::uint64_t number,
                                                               const ManifestState& state) {
  const std::string path = join_path(directory, manifest_name(number));
  LDB_ASSIGN_OR_RETURN(auto file, fs.open_writable(path, OpenMode::kTruncate));
  auto writer = std::unique_ptr<ManifestWriter>(new ManifestWriter(std::move(file), path, number));
  std::string bytes = encode_header(number);
  writer->encode(bytes, state.snapshot().encode(), 0);
  writer->encode(bytes, {}, bytes.size());  // vouches for the snapshot: CURRENT will not point here before it is synced
  Status status = writer->write(bytes);
  if (status) status = fs.sync_directory(directory);  // or CURRENT could become durable before the name it contains
  if (!status) {
    (void)fs.remove(path);  // the disk may be full
    return status;
  }
  LDB_TRY(write_current(fs, directory, number));
  writer->snapshot_end_ = writer->offset_;
  return writer;
}

void ManifestWriter::encode(std::string& out, std::string_view payload, std::uint64_t vouched) {
  const std::uint64_t seed = number_ + offset_ + out.size();
  const std::size_t start = out.size();
  put_u64(out, 0);
  put_u64(out, vouched);
  put_u64(out, hash64(payload, seed));
  put_u32(out, static_cast<std::uint32_t>(payload.size()));
  store_u64(out.data() + start, hash64(std::string_view(out).substr(start + 8), seed));
  out.append(payload);
}

Status ManifestWriter::write(std::string_view bytes) {
  LDB_TRY(failed_);
  Status status = file_->append(bytes);
  if (status) status = file_->sync();
  if (!status) {
    failed_ = status.with_context("the manifest failed and takes no changes until the engine is reopened");
    return failed_;
  }
  offset_ += bytes.size();
  return {};
}

Status ManifestWriter::append(const VersionEdit& edit) {
  const std::string payload = edit.encode();
  if (payload.size() > kMaxPayload) return Status(StatusCode::kInternal, "version edit too large");
  std::string record;
  encode(record, payload, offset_);
  LDB_TRY(write(record));
  // A second record and sync, so that damage to the first is told from an interrupted write before any file it replaces is
  // removed.
  std::string mark;
  encode(mark, {}, offset_);
  return write(mark);
}

}  // namespace ldb::storage
