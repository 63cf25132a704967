#include "storage/batch_check.hpp"

namespace ldb::storage {

Status check_batch(const WriteBatch& batch) {
  std::size_t total = batch.commit().size();
  for (const WriteBatch::Operation& op : batch.operations()) {
    if (op.key.size() > kMaxKeyBytes) {
      return Status(StatusCode::kInvalidArgument, "key of " + std::to_string(op.key.size()) + " bytes; at most " +
                                                      std::to_string(kMaxKeyBytes) + " are allowed");
    }
    if (op.kind == WriteBatch::Kind::kDeleteRange && op.value.size() > kMaxKeyBytes) {
      return Status(StatusCode::kInvalidArgument, "upper bound of a range is longer than a key may be");
    }
    if (op.value_in_commit &&
        (op.value_offset > batch.commit().size() || op.value_size > batch.commit().size() - op.value_offset)) {
      return Status(StatusCode::kInvalidArgument, "put_from_commit refers outside the commit payload");
    }
    total += op.key.size() + op.value.size();
    if (total > kMaxBatchBytes) break;
  }
  if (total > kMaxBatchBytes) {
    return Status(StatusCode::kInvalidArgument,
                  "batch of more than " + std::to_string(kMaxBatchBytes >> 20) + " MiB; split it into several");
  }
  return {};
}

}  // namespace ldb::storage
