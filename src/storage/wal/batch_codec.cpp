#include "storage/wal/batch_codec.hpp"

namespace ldb::storage {
namespace {
constexpr std::uint8_t kPutFromCommit = 4;
}

void encode_batch(std::string& out, const WriteBatch& batch) {
  if (batch.has_commit()) put_bytes(out, batch.commit());
  put_varint(out, batch.operations().size());
  for (const WriteBatch::Operation& op : batch.operations()) {
    put_u8(out, op.value_in_commit ? kPutFromCommit : static_cast<std::uint8_t>(op.kind));
    put_bytes(out, op.key);
    if (op.value_in_commit) {
      put_varint(out, op.value_offset);
      put_varint(out, op.value_size);
    } else if (op.kind != WriteBatch::Kind::kDelete) {
      put_bytes(out, op.value);
    }
  }
}

BatchReader::BatchReader(std::string_view body, bool has_commit) : reader_(body) {
  if (has_commit && !reader_.bytes(commit_)) bad();
  if (ok_ && !reader_.varint(count_)) bad();
  if (ok_ && count_ > reader_.remaining()) bad();  // each operation takes at least a byte
  if (!ok_) count_ = 0;
  left_ = count_;
}

bool BatchReader::next(Operation& op) {
  if (!ok_) return false;
  if (left_ == 0) return reader_.empty() ? false : bad();
  --left_;
  std::uint8_t kind = 0;
  if (!reader_.u8(kind) || kind < 1 || kind > kPutFromCommit || !reader_.bytes(op.key)) return bad();
  op.value = {};
  if (kind == kPutFromCommit) {
    std::uint64_t offset = 0;
    std::uint64_t size = 0;
    if (!reader_.varint(offset) || !reader_.varint(size) || offset > commit_.size() || size > commit_.size() - offset)
      return bad();
    op.kind = WriteBatch::Kind::kPut;
    op.value = commit_.substr(static_cast<std::size_t>(offset), static_cast<std::size_t>(size));
    return true;
  }
  op.kind = static_cast<WriteBatch::Kind>(kind);
  if (op.kind != WriteBatch::Kind::kDelete && !reader_.bytes(op.value)) return bad();
  return true;
}

}  // namespace ldb::storage
