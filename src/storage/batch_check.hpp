// What every engine demands of a batch before it takes it.
#pragma once

#include "ldb/status.hpp"
#include "ldb/write_batch.hpp"

namespace ldb::storage {

/// Upper bounds of one batch, all keys and values together, and of one key.
constexpr std::size_t kMaxBatchBytes = 256u << 20;
constexpr std::size_t kMaxKeyBytes = 1u << 20;
/// Upper bound of the batches that are submitted and not applied.
constexpr std::size_t kMaxQueuedWrites = 1u << 16;

/// kInvalidArgument for what exceeds the bounds or refers outside the commit payload.
Status check_batch(const WriteBatch& batch);
/// kResourceExhausted when `queued` batches are as many as there may be.
Status check_queue(std::size_t queued);

/// Sequences that the batch takes: one for each operation, one for a bare commit.
inline std::uint64_t operation_count(const WriteBatch& batch) { return batch.size() == 0 ? 1 : batch.size(); }

}  // namespace ldb::storage
