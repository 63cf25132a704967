#include "storage/rocksdb/rocksdb_records.hpp"

#include "base/coding.hpp"

namespace ldb::storage {

Status from_rocksdb(const rocksdb::Status& status, std::string_view what) {
  if (status.ok()) return {};
  StatusCode code = StatusCode::kIoError;
  if (status.IsNoSpace()) {
    code = StatusCode::kNoSpace;
  } else if (status.IsIOError()) {
    // Its lock file has no code of its own.
    const std::string text = status.ToString();
    if (text.find("lock") != std::string::npos && text.find("LOCK") != std::string::npos) code = StatusCode::kUnavailable;
  } else if (status.IsCorruption()) {
    code = StatusCode::kCorruption;
  } else if (status.IsNotFound()) {
    code = StatusCode::kNotFound;
  } else if (status.IsInvalidArgument()) {
    code = StatusCode::kInvalidArgument;
  } else if (status.IsNotSupported()) {
    code = StatusCode::kUnsupported;
  } else if (status.IsBusy() || status.IsTryAgain() || status.IsMemoryLimit()) {
    code = StatusCode::kResourceExhausted;
  } else if (status.IsTimedOut()) {
    code = StatusCode::kTimeout;
  } else if (status.IsAborted() || status.IsShutdownInProgress()) {
    code = StatusCode::kAborted;
  }
  return Status(code, std::string(what) + ": rocksdb: " + status.ToString());
}

std::string encode_record_tag(std::uint64_t sequence, EntryKind kind) {
  std::string out;
  put_u64(out, make_tag(sequence, kind));
  return out;
}

Result<Tag> record_tag(std::string_view record, std::string_view key) {
  if (record.size() < kRecordTagBytes) {
    return Status(StatusCode::kCorruption, "record of a key of " + std::to_string(key.size()) + " bytes is too short");
  }
  return Tag{load_u64(record.data())};
}

std::string encode_change_key(std::uint64_t number) {
  std::string key(8, '\0');
  for (int i = 0; i < 8; ++i) key[static_cast<std::size_t>(i)] = static_cast<char>(number >> (56 - 8 * i));
  return key;
}

std::uint64_t decode_change_key(std::string_view key) {
  std::uint64_t number = 0;
  for (const char c : key.substr(0, 8)) number = number << 8 | static_cast<unsigned char>(c);
  return number;
}

std::string RocksDbState::encode() const {
  std::string out;
  for (const std::uint64_t number : {sequence, log_begin, log_next, log_bytes}) put_u64(out, number);
  return out;
}

Result<RocksDbState> RocksDbState::decode(std::string_view bytes) {
  RocksDbState state;
  ByteReader reader(bytes);
  if (!reader.u64(state.sequence) || !reader.u64(state.log_begin) || !reader.u64(state.log_next) ||
      !reader.u64(state.log_bytes) || !reader.empty() || state.log_begin > state.log_next || state.sequence > kMaxSequence) {
    return Status(StatusCode::kCorruption, "undecodable state record");
  }
  return state;
}

}  // namespace ldb::storage
