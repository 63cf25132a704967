// Opening, reading and everything that only looks.
#include "storage/rocksdb/rocksdb_engine.hpp"

#include <rocksdb/cache.h>
#include <rocksdb/convenience.h>
#include <rocksdb/filter_policy.h>
#include <rocksdb/metadata.h>
#include <rocksdb/table.h>
#include <rocksdb/utilities/checkpoint.h>

#include <algorithm>

#include "base/coding.hpp"
#include "ldb/file_system.hpp"
#include "ldb/rocksdb_engine.hpp"
#include "storage/rocksdb/rocksdb_hooks.hpp"

namespace ldb::storage {
namespace {

class RocksDbView final : public ReadView {
 public:
  RocksDbView(OpenViews& views, std::uint64_t registered, rocksdb::DB* db, const rocksdb::Snapshot* snapshot,
              std::uint64_t sequence)
      : views_(views), registered_(registered), db_(db), snapshot_(snapshot), sequence_(sequence) {}
  ~RocksDbView() override {
    if (snapshot_ != nullptr) db_->ReleaseSnapshot(snapshot_);
    views_.close(registered_);
  }
  std::uint64_t sequence() const override { return sequence_; }
  const rocksdb::Snapshot* snapshot() const { return snapshot_; }

 private:
  OpenViews& views_;
  const std::uint64_t registered_;
  rocksdb::DB* const db_;
  const rocksdb::Snapshot* const snapshot_;
  const std::uint64_t sequence_;
};

const rocksdb::Snapshot* snapshot_of(const ReadView* view) {
  return view != nullptr ? static_cast<const RocksDbView*>(view)->snapshot() : nullptr;
}

/// The value, unless the record is a deletion.
Result<std::optional<std::string>> open_record(std::string_view record, std::string_view key) {
  LDB_ASSIGN_OR_RETURN(const Tag tag, record_tag(record, key));
  if (tag_kind(tag) != EntryKind::kPut) return std::optional<std::string>();
  return std::optional<std::string>(record.substr(kRecordTagBytes));
}

class RocksDbIterator final : public Iterator {
 public:
  RocksDbIterator(rocksdb::DB& db, rocksdb::ColumnFamilyHandle* family, std::unique_ptr<ReadView> own_view, const ReadView* view,
                  KeyRange range)
      : own_view_(std::move(own_view)), range_(std::move(range)) {
    rocksdb::ReadOptions options;
    options.snapshot = snapshot_of(own_view_ ? own_view_.get() : view);
    if (range_.lower) {
      lower_ = to_slice(*range_.lower);
      options.iterate_lower_bound = &lower_;
    }
    if (range_.upper) {
      upper_ = to_slice(*range_.upper);
      options.iterate_upper_bound = &upper_;
    }
    it_.reset(db.NewIterator(options, family));
  }

  bool valid() const override { return valid_; }
  void seek_to_first() override {
    it_->SeekToFirst();
    skip_forward();
  }
  void seek_to_last() override {
    it_->SeekToLast();
    skip_backward();
  }
  void seek(std::string_view key) override {
    if (range_.lower && key < *range_.lower) key = *range_.lower;
    target_.assign(key);  // it may be the one shown, which goes as RocksDB moves
    it_->Seek(target_);
    skip_forward();
  }
  void seek_for_prev(std::string_view key) override {
    if (range_.upper && key >= *range_.upper) return seek_to_last();
    target_.assign(key);
    it_->SeekForPrev(target_);
    skip_backward();
  }
  void next() override {
    it_->Next();
    skip_forward();
  }
  void prev() override {
    it_->Prev();
    skip_backward();
  }
  std::string_view key() const override { return to_view(it_->key()); }
  std::string_view value() const override { return to_view(it_->value()).substr(kRecordTagBytes); }
  Status status() const override { return damage_ ? from_rocksdb(it_->status(), "iterate") : damage_; }

 private:
  /// Is the record here a deletion?
  bool deleted() {
    const auto tag = record_tag(to_view(it_->value()), to_view(it_->key()));
    if (!tag) damage_ = tag.error();
    return tag && tag_kind(*tag) != EntryKind::kPut;
  }
  void skip_forward() {
    damage_ = Status();
    while (it_->Valid() && deleted()) it_->Next();
    valid_ = damage_.is_ok() && it_->Valid();
  }
  void skip_backward() {
    damage_ = Status();
    while (it_->Valid() && deleted()) it_->Prev();
    valid_ = damage_.is_ok() && it_->Valid();
  }

  const std::unique_ptr<ReadView> own_view_;
  const KeyRange range_;
  std::string target_;
  rocksdb::Slice lower_;
  rocksdb::Slice upper_;
  std::unique_ptr<rocksdb::Iterator> it_;
  bool valid_ = false;
  Status damage_;
};

class RocksDbChangeReader final : public ChangeReader {
 public:
  RocksDbChangeReader(const RocksDbEngine& engine, LogPosition from) : engine_(engine), position_(from) {}
  Result<std::optional<Change>> next() override { return engine_.change_at(position_); }

 private:
  const RocksDbEngine& engine_;
  LogPosition position_;
};

rocksdb::Options translate(const EngineOptions& options) {
  rocksdb::Options out;
  out.create_if_missing = options.create_if_missing;
  out.create_missing_column_families = true;
  out.write_buffer_size = options.memtable_bytes;
  out.max_background_jobs = static_cast<int>(options.background_threads);
  out.compression = options.compression_level > 0 ? rocksdb::kZSTD : rocksdb::kNoCompression;
  out.compression_opts.level = options.compression_level;
  rocksdb::BlockBasedTableOptions table;
  table.block_cache = rocksdb::NewLRUCache(options.block_cache_bytes);
  table.block_size = options.block_bytes;
  if (options.bloom_bits_per_key > 0) table.filter_policy.reset(rocksdb::NewBloomFilterPolicy(options.bloom_bits_per_key));
  out.table_factory.reset(rocksdb::NewBlockBasedTableFactory(table));
  return out;
}

}  // namespace

Status RocksDbEngine::usable() const {
  return closed_.load(std::memory_order_acquire) ? Status(StatusCode::kAborted, "storage engine is closed") : Status();
}

Result<std::unique_ptr<StorageEngine>> RocksDbEngine::open(const std::string& directory, const EngineOptions& options) {
  if (options.file_system != nullptr && options.file_system != &posix_file_system()) {
    return Status(StatusCode::kUnsupported, "the rocksdb engine works on the operating system's files only");
  }
  const auto unsupported = [](const char* option) {
    return Status(StatusCode::kUnsupported, std::string("the rocksdb engine does not have EngineOptions: ") + option);
  };
  if (options.executor != nullptr) return unsupported("executor");
  if (options.memory_budget_bytes != 0) return unsupported("memory_budget_bytes");
  if (options.compaction_bytes_per_second != 0) return unsupported("compaction_bytes_per_second");
  auto engine = std::unique_ptr<RocksDbEngine>(new RocksDbEngine(directory, options));
  if (Status status = engine->start(); !status) return status.with_context("open storage " + directory);
  return std::unique_ptr<StorageEngine>(std::move(engine));
}

Status RocksDbEngine::start() {
  if (Status status = open_files(); !status) {
    (void)close();
    return status;
  }
  LDB_ASSIGN_OR_RETURN(state_, read_state(nullptr));
  published_.store(state_.sequence);
  log_begin_.store(state_.log_begin);
  log_synced_.store(state_.log_next);  // recovery has flushed what it found in the log
  rt::MutexLock lock(queue_mutex_);
  next_sequence_ = state_.sequence + 1;
  return {};
}

Status RocksDbEngine::open_files() {
  db_options_ = translate(options_);
  if (options_.listener != nullptr) db_options_.listeners.push_back(new_event_bridge(*options_.listener));
  LDB_TRY(posix_file_system().create_directory(directory_));
  const rocksdb::ColumnFamilyOptions plain(db_options_);
  rocksdb::ColumnFamilyOptions data(db_options_);
  data.compaction_filter_factory = new_collecting_filters(*this);
  const std::vector<rocksdb::ColumnFamilyDescriptor> families{
      {rocksdb::kDefaultColumnFamilyName, data}, {"log", plain}, {"state", plain}};
  std::vector<rocksdb::ColumnFamilyHandle*> handles;
  rocksdb::DB* db = nullptr;
  const rocksdb::Status status = rocksdb::DB::Open(db_options_, directory_, families, &handles, &db);
  if (status.IsInvalidArgument() && !options_.create_if_missing) {
    return Status(StatusCode::kNotFound, directory_ + ": no database here: " + status.ToString());
  }
  LDB_TRY(from_rocksdb(status, directory_));
  db_.reset(db);
  data_ = handles[0];
  log_ = handles[1];
  state_family_ = handles[2];
  return {};
}

RocksDbEngine::~RocksDbEngine() { (void)close(); }

Status RocksDbEngine::close() {
  {
    rt::MutexLock lock(queue_mutex_);
    if (closed_.load()) return {};
    while (leader_active_) progress_.wait(queue_mutex_);
    if (closed_.load()) return {};
    closed_.store(true);
    for (const auto& write : queue_) {
      write->status = Status(StatusCode::kAborted, "storage engine was closed before the write was logged");
      write->done = true;
    }
    queue_.clear();
    progress_.notify_all();
  }
  rt::WriteLock no_readers(files_mutex_);
  if (!db_) return {};
  Status status = from_rocksdb(db_->SyncWAL(), "sync the log");
  for (rocksdb::ColumnFamilyHandle* family : {data_, log_, state_family_}) {
    const Status destroyed = from_rocksdb(db_->DestroyColumnFamilyHandle(family), "close");
    if (status) status = destroyed;
  }
  const Status closed = from_rocksdb(db_->Close(), "close");
  db_ = nullptr;
  return status ? closed : status;
}

Result<RocksDbState> RocksDbEngine::read_state(const rocksdb::Snapshot* snapshot) const {
  rocksdb::ReadOptions options;
  options.snapshot = snapshot;
  std::string bytes;
  const rocksdb::Status status = db_->Get(options, state_family_, to_slice(kStateKey), &bytes);
  if (status.IsNotFound()) return RocksDbState();
  LDB_TRY(from_rocksdb(status, "read the state record"));
  return RocksDbState::decode(bytes);
}

std::unique_ptr<ReadView> RocksDbEngine::view() {
  // Registered first, at or below what the snapshot shows, so that nothing in between can be collected.
  const std::uint64_t registered = views_.open(published_);
  rt::ReadLock open(files_mutex_);
  if (!usable()) return std::make_unique<RocksDbView>(views_, registered, nullptr, nullptr, registered);
  const rocksdb::Snapshot* const snapshot = db_->GetSnapshot();
  // A damaged state record leaves the view readable; its sequence is then a lower bound.
  const auto state = read_state(snapshot);
  return std::make_unique<RocksDbView>(views_, registered, db_.get(), snapshot, state ? state->sequence : registered);
}

Result<std::optional<std::string>> RocksDbEngine::get(const ReadView* view, std::string_view key) {
  rt::ReadLock open(files_mutex_);
  LDB_TRY(usable());
  rocksdb::ReadOptions options;
  options.snapshot = snapshot_of(view);
  rocksdb::PinnableSlice record;
  const rocksdb::Status status = db_->Get(options, data_, to_slice(key), &record);
  if (status.IsNotFound()) return std::optional<std::string>();
  LDB_TRY(from_rocksdb(status, "get"));
  return open_record(to_view(record), key);
}

Result<std::vector<std::optional<std::string>>> RocksDbEngine::multi_get(const ReadView* view,
                                                                         std::span<const std::string_view> keys) {
  rt::ReadLock open(files_mutex_);
  LDB_TRY(usable());
  rocksdb::ReadOptions options;
  options.snapshot = snapshot_of(view);  // without one RocksDB reads all keys of one state, too
  std::vector<rocksdb::Slice> slices;
  slices.reserve(keys.size());
  for (const std::string_view key : keys) slices.push_back(to_slice(key));
  std::vector<rocksdb::PinnableSlice> records(keys.size());
  std::vector<rocksdb::Status> statuses(keys.size());
  db_->MultiGet(options, data_, keys.size(), slices.data(), records.data(), statuses.data());
  std::vector<std::optional<std::string>> values(keys.size());
  for (std::size_t i = 0; i < keys.size(); ++i) {
    if (statuses[i].IsNotFound()) continue;
    LDB_TRY(from_rocksdb(statuses[i], "get"));
    LDB_ASSIGN_OR_RETURN(values[i], open_record(to_view(records[i]), keys[i]));
  }
  return values;
}

Result<std::uint64_t> RocksDbEngine::newest_sequence(std::string_view key) {
  rt::ReadLock open(files_mutex_);
  LDB_TRY(usable());
  const std::uint64_t range = recent_ranges_.covering(key);
  rocksdb::PinnableSlice record;
  const rocksdb::Status status = db_->Get({}, data_, to_slice(key), &record);
  if (status.IsNotFound()) return range;
  LDB_TRY(from_rocksdb(status, "get"));
  LDB_ASSIGN_OR_RETURN(const Tag tag, record_tag(to_view(record), key));
  return std::max(range, tag_sequence(tag));
}

Result<std::unique_ptr<Iterator>> RocksDbEngine::iterate(const ReadView* view, KeyRange range) {
  rt::ReadLock open(files_mutex_);
  LDB_TRY(usable());
  std::unique_ptr<ReadView> own;
  if (view == nullptr) own = this->view();
  return std::unique_ptr<Iterator>(std::make_unique<RocksDbIterator>(*db_, data_, std::move(own), view, std::move(range)));
}

Result<std::optional<ChangeReader::Change>> RocksDbEngine::change_at(LogPosition& position) const {
  rt::ReadLock open(files_mutex_);
  LDB_TRY(usable());
  if (position < LogPosition{1, 0}) position = {1, 0};
  const auto released = [&] {
    return Status(StatusCode::kNotFound, "change log before " + std::to_string(log_begin_.load()) + " was released");
  };
  if (position.offset < log_begin_.load()) return released();
  if (position.offset >= log_synced_.load()) return std::optional<ChangeReader::Change>();
  std::string record;
  const rocksdb::Status status = db_->Get({}, log_, to_slice(encode_change_key(position.offset)), &record);
  if (status.IsNotFound() && position.offset < log_begin_.load()) return released();
  LDB_TRY(from_rocksdb(status, "read the change log"));
  if (record.size() < 8) return Status(StatusCode::kCorruption, "change " + std::to_string(position.offset) + " is too short");
  ChangeReader::Change change{position, {1, position.offset + 1}, load_u64(record.data()), record.substr(8)};
  position = change.next;
  return std::optional<ChangeReader::Change>(std::move(change));
}

Result<std::unique_ptr<ChangeReader>> RocksDbEngine::changes(LogPosition from) {
  LDB_TRY(usable());
  if (from > log_end()) return Status(StatusCode::kInvalidArgument, "log position is beyond the synced end of the log");
  return std::unique_ptr<ChangeReader>(std::make_unique<RocksDbChangeReader>(*this, from));
}

void RocksDbEngine::set_log_listener(std::function<void()> listener) {
  rt::MutexLock lock(listener_mutex_);
  listener_ = std::move(listener);
}

void RocksDbEngine::set_collection_policy(const CollectionPolicy* policy) {
  rt::WriteLock lock(policy_mutex_);
  policy_ = policy;
}

bool RocksDbEngine::collectible(std::string_view key, std::string_view value) const {
  rt::ReadLock lock(policy_mutex_);
  return policy_ != nullptr && policy_->collectible(key, value);
}

Status RocksDbEngine::flush() {
  rt::ReadLock open(files_mutex_);
  LDB_TRY(usable());
  return from_rocksdb(db_->Flush({}, {data_, log_, state_family_}), "flush");
}

Status RocksDbEngine::compact(const KeyRange& range) {
  LDB_TRY(flush());
  rt::ReadLock open(files_mutex_);
  LDB_TRY(usable());
  rocksdb::CompactRangeOptions options;
  options.bottommost_level_compaction = rocksdb::BottommostLevelCompaction::kForce;
  const rocksdb::Slice lower = range.lower ? to_slice(*range.lower) : rocksdb::Slice();
  const rocksdb::Slice upper = range.upper ? to_slice(*range.upper) : rocksdb::Slice();
  return from_rocksdb(db_->CompactRange(options, data_, range.lower ? &lower : nullptr, range.upper ? &upper : nullptr),
                      "compact");
}

Status RocksDbEngine::checkpoint(const std::string& directory) {
  LDB_TRY(sync());
  rt::ReadLock open(files_mutex_);
  LDB_TRY(usable());
  FileSystem& fs = posix_file_system();
  LDB_ASSIGN_OR_RETURN(const bool exists, fs.exists(directory));
  if (exists) {
    LDB_ASSIGN_OR_RETURN(const auto names, fs.list(directory));
    if (!names.empty()) return Status(StatusCode::kAlreadyExists, directory + ": is not empty");
    LDB_TRY(fs.remove_directory(directory));  // RocksDB makes it itself
  }
  rocksdb::Checkpoint* made = nullptr;
  LDB_TRY(from_rocksdb(rocksdb::Checkpoint::Create(db_.get(), &made), "checkpoint"));
  const std::unique_ptr<rocksdb::Checkpoint> checkpoint(made);
  LDB_TRY(from_rocksdb(checkpoint->CreateCheckpoint(directory), "checkpoint"));
  if (options_.listener != nullptr) {
    EngineEvent event;
    event.kind = EngineEventKind::kCheckpointed;
    options_.listener->on_event(event);
  }
  return {};
}

std::uint64_t RocksDbEngine::approximate_size(const KeyRange& range) {
  rt::ReadLock open(files_mutex_);
  if (!usable()) return 0;
  std::string upper = range.upper.value_or("");
  if (!range.upper) {
    const std::unique_ptr<rocksdb::Iterator> it(db_->NewIterator({}, data_));
    it->SeekToLast();
    if (!it->Valid()) return 0;
    upper = it->key().ToString() + '\0';
  }
  const rocksdb::Range asked(range.lower ? to_slice(*range.lower) : rocksdb::Slice(), to_slice(upper));
  rocksdb::SizeApproximationOptions options;
  options.include_memtables = true;
  options.include_files = true;
  std::uint64_t size = 0;
  return db_->GetApproximateSizes(options, data_, &asked, 1, &size).ok() ? size : 0;
}

std::size_t RocksDbEngine::memory_usage() const {
  rt::ReadLock open(files_mutex_);
  if (!usable()) return 0;
  std::size_t total = 0;
  for (const std::string& name : {rocksdb::DB::Properties::kCurSizeAllMemTables,
                                  rocksdb::DB::Properties::kEstimateTableReadersMem, rocksdb::DB::Properties::kBlockCacheUsage}) {
    std::uint64_t value = 0;
    if (db_->GetIntProperty(data_, name, &value)) total += value;
  }
  return total;
}

std::vector<EngineProperty> RocksDbEngine::properties() {
  std::vector<EngineProperty> result{{"engine", "rocksdb"}, {"directory", directory_}};
  rt::ReadLock open(files_mutex_);
  if (!usable()) return result;
  result.push_back({"last_sequence", std::to_string(published_.load())});
  result.push_back({"open_views", std::to_string(views_.count())});
  const std::pair<const char*, std::string> numbers[] = {
      {"memtable_bytes", rocksdb::DB::Properties::kCurSizeAllMemTables},
      {"table_bytes", rocksdb::DB::Properties::kTotalSstFilesSize},
      {"block_cache_bytes", rocksdb::DB::Properties::kBlockCacheUsage},
      {"background_errors", rocksdb::DB::Properties::kBackgroundErrors},
  };
  for (const auto& [name, property] : numbers) {
    std::uint64_t value = 0;
    if (db_->GetIntProperty(data_, property, &value)) result.push_back({name, std::to_string(value)});
  }
  for (int level = 0; level < db_->NumberLevels(data_); ++level) {
    std::string value;
    if (!db_->GetProperty(data_, rocksdb::DB::Properties::kNumFilesAtLevelPrefix + std::to_string(level), &value)) continue;
    result.push_back({"level" + std::to_string(level) + "_tables", value});
  }
  return result;
}

std::vector<EngineTable> RocksDbEngine::tables() {
  std::vector<EngineTable> result;
  rt::ReadLock open(files_mutex_);
  if (!usable()) return result;
  rocksdb::ColumnFamilyMetaData meta;
  db_->GetColumnFamilyMetaData(data_, &meta);
  for (const rocksdb::LevelMetaData& level : meta.levels) {
    for (const rocksdb::SstFileMetaData& file : level.files) {
      EngineTable table;
      table.level = level.level;
      table.number = file.file_number;
      table.size_bytes = file.size;
      table.smallest = file.smallestkey;
      table.largest = file.largestkey;
      table.entries = file.num_entries;
      table.deletions = file.num_deletions;
      table.max_sequence = file.largest_seqno;
      result.push_back(std::move(table));
    }
  }
  return result;
}

}  // namespace ldb::storage

namespace ldb {

Result<std::unique_ptr<StorageEngine>> open_rocksdb_engine(const std::string& directory, const EngineOptions& options) {
  return storage::RocksDbEngine::open(directory, options);
}

}  // namespace ldb
