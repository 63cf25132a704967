#include "storage/wal/batch_codec.hpp"

namespace ldb::storage {

std::string encode_batch(WriteBatch batch) {
  if (!batch.has_commit() && batch.size() > 0 && batch.size() < 0x80) {
    batch.encoded()[0] = static_cast<char>(batch.size());
    return std::move(batch.encoded());
  }
  std::string out;
  out.reserve(batch.size_bytes() + 20);
  if (batch.has_commit()) put_bytes(out, batch.commit());
  put_varint(out, batch.size());
  if (batch.size() > 0) out.append(std::string_view(batch.encoded()).substr(WriteBatch::kCountBytes));
  return out;
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
  if (!reader_.u8(kind) || kind < 1 || kind > WriteBatch::kPutFromCommit || !reader_.bytes(op.key)) return bad();
  op.value = {};
  if (kind == WriteBatch::kPutFromCommit) {
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
