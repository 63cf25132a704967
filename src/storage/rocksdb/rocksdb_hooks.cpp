#include "storage/rocksdb/rocksdb_hooks.hpp"

namespace ldb::storage {
namespace {

/// Records that every view sees alike go when they are deletions or the policy calls them garbage. RocksDB puts a deletion of its
/// own in the place, so that what stands below does not come back.
class CollectingFilter final : public rocksdb::CompactionFilter {
 public:
  explicit CollectingFilter(const RocksDbEngine& engine) : engine_(engine), horizon_(engine.horizon()) {}
  const char* Name() const override { return "ldb.collect"; }
  Decision FilterV2(int, const rocksdb::Slice& key, ValueType type, const rocksdb::Slice& record, std::string*,
                    std::string*) const override {
    if (type != ValueType::kValue) return Decision::kKeep;
    const auto tag = record_tag(to_view(record), to_view(key));
    if (!tag || tag_sequence(*tag) > horizon_) return Decision::kKeep;
    const bool garbage =
        tag_kind(*tag) == EntryKind::kDelete || engine_.collectible(to_view(key), to_view(record).substr(kRecordTagBytes));
    return garbage ? Decision::kRemove : Decision::kKeep;
  }

 private:
  const RocksDbEngine& engine_;
  const std::uint64_t horizon_;
};

class CollectingFilters final : public rocksdb::CompactionFilterFactory {
 public:
  explicit CollectingFilters(const RocksDbEngine& engine) : engine_(engine) {}
  const char* Name() const override { return "ldb.collect"; }
  std::unique_ptr<rocksdb::CompactionFilter> CreateCompactionFilter(const rocksdb::CompactionFilter::Context&) override {
    return std::make_unique<CollectingFilter>(engine_);
  }

 private:
  const RocksDbEngine& engine_;
};

class EventBridge final : public rocksdb::EventListener {
 public:
  explicit EventBridge(EngineListener& listener) : listener_(listener) {}

  void OnFlushBegin(rocksdb::DB*, const rocksdb::FlushJobInfo&) override { tell(EngineEventKind::kFlushBegun); }
  void OnFlushCompleted(rocksdb::DB*, const rocksdb::FlushJobInfo& info) override {
    EngineEvent event;
    event.kind = EngineEventKind::kFlushFinished;
    event.output_level = 0;
    event.tables_out = 1;
    event.bytes_out = info.table_properties.data_size;
    listener_.on_event(event);
  }
  void OnCompactionBegin(rocksdb::DB*, const rocksdb::CompactionJobInfo& info) override {
    listener_.on_event(describe(EngineEventKind::kCompactionBegun, info));
  }
  void OnCompactionCompleted(rocksdb::DB*, const rocksdb::CompactionJobInfo& info) override {
    listener_.on_event(describe(EngineEventKind::kCompactionFinished, info));
  }
  void OnBackgroundError(rocksdb::BackgroundErrorReason, rocksdb::Status* status) override {
    EngineEvent event;
    event.kind = EngineEventKind::kBackgroundError;
    event.status = from_rocksdb(*status, "background work");
    listener_.on_event(event);
  }
  void OnStallConditionsChanged(const rocksdb::WriteStallInfo& info) override {
    const bool was = info.condition.prev != rocksdb::WriteStallCondition::kNormal;
    const bool is = info.condition.cur != rocksdb::WriteStallCondition::kNormal;
    if (was != is) tell(is ? EngineEventKind::kStallBegun : EngineEventKind::kStallEnded);
  }

 private:
  void tell(EngineEventKind kind) {
    EngineEvent event;
    event.kind = kind;
    listener_.on_event(event);
  }
  static EngineEvent describe(EngineEventKind kind, const rocksdb::CompactionJobInfo& info) {
    EngineEvent event;
    event.kind = kind;
    event.level = info.base_input_level;
    event.output_level = info.output_level;
    event.tables_in = info.input_files.size();
    event.tables_out = info.output_files.size();
    event.bytes_in = info.stats.total_input_bytes;
    event.bytes_out = info.stats.total_output_bytes;
    event.duration_ns = static_cast<std::int64_t>(info.stats.elapsed_micros) * 1000;
    event.status = from_rocksdb(info.status, "compaction");
    return event;
  }

  EngineListener& listener_;
};

}  // namespace

std::shared_ptr<rocksdb::CompactionFilterFactory> new_collecting_filters(const RocksDbEngine& engine) {
  return std::make_shared<CollectingFilters>(engine);
}

std::shared_ptr<rocksdb::EventListener> new_event_bridge(EngineListener& listener) {
  return std::make_shared<EventBridge>(listener);
}

}  // namespace ldb::storage
