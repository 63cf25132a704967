#include "storage/batch_check.hpp"

namespace ldb::storage {

Status check_batch(const WriteBatch& batch) {
  if (batch.longest_key_bytes() > kMaxKeyBytes) {
    return Status(StatusCode::kInvalidArgument, "key or range bound of " + std::to_string(batch.longest_key_bytes()) +
                                                    " bytes; at most " + std::to_string(kMaxKeyBytes) + " are allowed");
  }
  if (batch.needed_commit_bytes() > batch.commit().size()) {
    return Status(StatusCode::kInvalidArgument, "put_from_commit refers outside the commit payload");
  }
  if (batch.size_bytes() > kMaxBatchBytes) {
    return Status(StatusCode::kInvalidArgument,
                  "batch of more than " + std::to_string(kMaxBatchBytes >> 20) + " MiB; split it into several");
  }
  return {};
}

Status check_queue(std::size_t queued) {
  if (queued < kMaxQueuedWrites) return {};
  return Status(StatusCode::kResourceExhausted,
                std::to_string(queued) + " submitted writes wait for nobody; wait() for them before more are submitted");
}

}  // namespace ldb::storage
