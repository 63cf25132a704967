#include "ldb/storage_engine.hpp"

#include "ldb/engine_listener.hpp"

namespace ldb {

Result<std::uint64_t> StorageEngine::write(WriteBatch batch, SyncPolicy sync) {
  LDB_TRY(throttle());
  LDB_ASSIGN_OR_RETURN(auto pending, submit(std::move(batch), sync));
  return wait(std::move(pending));
}

Result<std::vector<std::optional<std::string>>> StorageEngine::multi_get(const ReadView* view,
                                                                         std::span<const std::string_view> keys) {
  std::unique_ptr<ReadView> own;
  if (view == nullptr && keys.size() > 1) {
    own = this->view();
    view = own.get();
  }
  std::vector<std::optional<std::string>> values;
  values.reserve(keys.size());
  for (const std::string_view key : keys) {
    LDB_ASSIGN_OR_RETURN(values.emplace_back(), get(view, key));
  }
  return values;
}

Result<std::uint64_t> StorageEngine::ingest(SortedSource&) {
  return Status(StatusCode::kUnsupported, "the " + std::string(name()) + " engine does not ingest");
}

Status StorageEngine::checkpoint(const std::string&) {
  return Status(StatusCode::kUnsupported, "the " + std::string(name()) + " engine has no files to make a checkpoint of");
}

std::vector<std::uint64_t> StorageEngine::approximate_sizes(std::span<const KeyRange> ranges) {
  std::vector<std::uint64_t> sizes;
  sizes.reserve(ranges.size());
  for (const KeyRange& range : ranges) sizes.push_back(approximate_size(range));
  return sizes;
}

std::string_view to_string(EngineEventKind kind) {
  switch (kind) {
    case EngineEventKind::kFlushBegun:
      return "flush_begun";
    case EngineEventKind::kFlushFinished:
      return "flush_finished";
    case EngineEventKind::kCompactionBegun:
      return "compaction_begun";
    case EngineEventKind::kCompactionFinished:
      return "compaction_finished";
    case EngineEventKind::kStallBegun:
      return "stall_begun";
    case EngineEventKind::kStallEnded:
      return "stall_ended";
    case EngineEventKind::kLogSegmentSwitched:
      return "log_segment_switched";
    case EngineEventKind::kBackgroundError:
      return "background_error";
    case EngineEventKind::kIngested:
      return "ingested";
    case EngineEventKind::kCheckpointed:
      return "checkpointed";
  }
  return "unknown";
}

}  // namespace ldb
