// How the RocksDB engine lays out its three column families, and how RocksDB's answers become ours.
#pragma once

#include <rocksdb/slice.h>
#include <rocksdb/status.h>

#include <cstdint>
#include <string>
#include <string_view>

#include "ldb/status.hpp"
#include "storage/internal_key.hpp"

namespace ldb::storage {

inline rocksdb::Slice to_slice(std::string_view text) { return {text.data(), text.size()}; }
inline std::string_view to_view(const rocksdb::Slice& slice) { return {slice.data(), slice.size()}; }

/// `what` is put in front of the message.
Status from_rocksdb(const rocksdb::Status& status, std::string_view what);

/// Column family "default": user key -> tag of 8 bytes (sequence and kind), value. Deleted keys stay as records without value
/// until no view is older, because newest_sequence() must know them; a compaction drops them then.
constexpr std::size_t kRecordTagBytes = 8;
std::string encode_record_tag(std::uint64_t sequence, EntryKind kind);
/// kCorruption when it is shorter than its tag.
Result<Tag> record_tag(std::string_view record, std::string_view key);

/// Column family "log": number of the change (8 bytes, big-endian) -> sequence (8 bytes), commit payload.
std::string encode_change_key(std::uint64_t number);
std::uint64_t decode_change_key(std::string_view key);

/// Column family "state": one record, written with every batch, so that a snapshot knows its sequence.
struct RocksDbState {
  std::uint64_t sequence = 0;   ///< last one in use
  std::uint64_t log_begin = 0;  ///< number of the oldest change kept
  std::uint64_t log_next = 0;   ///< number of the next change
  std::uint64_t log_bytes = 0;  ///< payloads kept

  std::string encode() const;
  static Result<RocksDbState> decode(std::string_view bytes);
};
constexpr std::string_view kStateKey = "state";

}  // namespace ldb::storage
