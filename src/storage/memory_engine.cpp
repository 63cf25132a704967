// The engine without a disk: a sorted map of versions. Simple on purpose, so that it can judge the LSM engine.
#include <algorithm>
#include <deque>
#include <map>
#include <set>

#include "base/rt/rt.hpp"
#include "ldb/storage_engine.hpp"
#include "storage/batch_check.hpp"
#include "storage/sorted_input.hpp"

namespace ldb {
namespace {

using storage::check_batch;
using storage::check_queue;
using storage::operation_count;

constexpr std::uint64_t kMaxLogBytes = 1ULL << 30;

struct Version {
  std::uint64_t sequence = 0;
  bool deleted = false;
  std::string value;
};
using Versions = std::vector<Version>;  // oldest first, never empty

/// Open views by sequence, so that old versions can be dropped.
struct OpenViews {
  rt::Mutex mutex;
  std::multiset<std::uint64_t> sequences LDB_GUARDED_BY(mutex);

  void add(std::uint64_t sequence) LDB_REQUIRES(mutex) { sequences.insert(sequence); }
  void remove(std::uint64_t sequence) {
    rt::MutexLock lock(mutex);
    sequences.erase(sequences.find(sequence));
  }
};

class MemoryView final : public ReadView {
 public:
  MemoryView(OpenViews& views, std::uint64_t sequence) : views_(views), sequence_(sequence) {}
  ~MemoryView() override { views_.remove(sequence_); }
  std::uint64_t sequence() const override { return sequence_; }

 private:
  OpenViews& views_;
  const std::uint64_t sequence_;
};

struct LoggedChange {
  std::uint64_t sequence;
  std::string commit;
};

class MemoryEngine;

struct MemoryWrite final : StorageEngine::PendingWrite {
  WriteBatch batch;
  std::uint64_t first_sequence = 0;
  std::uint64_t last_sequence = 0;
  bool applied = false;  // guarded by the engine's queue mutex
};

/// The queue keeps a share, so that a write that its owner forgot is still applied when a later one is.
struct MemoryPending final : StorageEngine::PendingWrite {
  explicit MemoryPending(std::shared_ptr<MemoryWrite> w) : write(std::move(w)) {}
  std::shared_ptr<MemoryWrite> write;
};

class MemoryEngine final : public StorageEngine {
 public:
  Result<std::unique_ptr<PendingWrite>> submit(WriteBatch batch, SyncPolicy) override {
    LDB_TRY(check_batch(batch));
    auto write = std::make_shared<MemoryWrite>();
    write->batch = std::move(batch);
    rt::MutexLock lock(queue_mutex_);
    if (closed_.load()) return closed();
    LDB_TRY(check_queue(queue_.size()));
    write->first_sequence = next_sequence_;
    next_sequence_ += operation_count(write->batch);
    write->last_sequence = next_sequence_ - 1;
    queue_.push_back(write);
    return std::unique_ptr<PendingWrite>(std::make_unique<MemoryPending>(std::move(write)));
  }

  Result<std::uint64_t> wait(std::unique_ptr<PendingWrite> pending) override {
    const auto write = static_cast<MemoryPending&>(*pending).write;
    bool logged = false;
    {
      rt::WriteLock lock(mutex_);
      for (;;) {
        std::shared_ptr<MemoryWrite> head;
        {
          rt::MutexLock queue_lock(queue_mutex_);
          if (write->applied) break;
          head = queue_.front();
          queue_.pop_front();
          head->applied = true;
        }
        logged |= head->batch.has_commit();
        apply(*head);
      }
    }
    if (logged) notify_listener();
    return write->last_sequence;
  }

  std::unique_ptr<ReadView> view() override {
    rt::ReadLock lock(mutex_);
    return pin(published_);
  }

  Result<std::optional<std::string>> get(const ReadView* view, std::string_view key) override {
    rt::ReadLock lock(mutex_);
    if (closed_.load()) return closed();
    const auto entry = data_.find(key);
    if (entry == data_.end()) return std::optional<std::string>();
    const Version* version = visible(entry->second, view ? view->sequence() : published_);
    if (version == nullptr || version->deleted) return std::optional<std::string>();
    return std::optional<std::string>(version->value);
  }

  Result<std::uint64_t> newest_sequence(std::string_view key) override {
    rt::ReadLock lock(mutex_);
    if (closed_.load()) return closed();
    const auto entry = data_.find(key);
    return entry == data_.end() ? std::uint64_t{0} : entry->second.back().sequence;
  }

  Result<std::unique_ptr<Iterator>> iterate(const ReadView* view, KeyRange range) override;

  Status sync() override {
    MemoryPending last(nullptr);
    {
      rt::MutexLock lock(queue_mutex_);
      if (closed_.load()) return closed();
      if (queue_.empty()) return {};
      last.write = queue_.back();
    }
    return wait(std::make_unique<MemoryPending>(last.write)).error();
  }

  LogPosition log_end() const override {
    rt::ReadLock lock(mutex_);
    return {1, log_base_ + log_.size()};
  }
  LogPosition log_begin() const override {
    rt::ReadLock lock(mutex_);
    return {1, log_base_};
  }
  Result<std::unique_ptr<ChangeReader>> changes(LogPosition from) override;
  void release_log(LogPosition position) override {
    rt::WriteLock lock(mutex_);
    while (!log_.empty() && LogPosition{1, log_base_} < position) drop_oldest_change();
  }
  Result<std::uint64_t> ingest(SortedSource& source) override;
  void set_log_listener(std::function<void()> listener) override {
    rt::MutexLock lock(listener_mutex_);
    listener_ = std::move(listener);
  }

  void set_collection_policy(const CollectionPolicy* policy) override {
    rt::WriteLock lock(mutex_);
    policy_ = policy;
  }
  Status flush() override { return closed_.load() ? closed() : Status(); }
  Status compact(const KeyRange& range) override;

  std::uint64_t approximate_size(const KeyRange& range) override {
    rt::ReadLock lock(mutex_);
    std::uint64_t total = 0;
    for (auto it = range.lower ? data_.lower_bound(*range.lower) : data_.begin(); it != data_.end(); ++it) {
      if (range.upper && it->first >= *range.upper) break;
      for (const Version& version : it->second) total += it->first.size() + version.value.size();
    }
    return total;
  }
  std::size_t memory_usage() const override {
    rt::ReadLock lock(mutex_);
    return data_bytes_ + log_bytes_;
  }
  std::vector<EngineProperty> properties() override {
    rt::ReadLock lock(mutex_);
    return {{"engine", "memory"},
            {"keys", std::to_string(data_.size())},
            {"data_bytes", std::to_string(data_bytes_)},
            {"log_bytes", std::to_string(log_bytes_)},
            {"last_sequence", std::to_string(published_)}};
  }
  std::string_view name() const override { return "memory"; }
  Status close() override {
    rt::MutexLock lock(queue_mutex_);
    closed_.store(true);
    return {};
  }

  /// For iterators and readers.
  struct Found {
    bool valid = false;
    std::string key;
    std::string value;
  };
  Found first_from(std::string_view key, bool inclusive, const std::optional<std::string>& upper, std::uint64_t sequence) const;
  Found last_to(const std::string* key, bool inclusive, const std::optional<std::string>& lower, std::uint64_t sequence) const;
  Result<std::optional<ChangeReader::Change>> change_at(LogPosition& position) const;
  static Status closed() { return Status(StatusCode::kAborted, "storage engine is closed"); }

 private:
  using Data = std::map<std::string, Versions, std::less<>>;

  static const Version* visible(const Versions& versions, std::uint64_t sequence) {
    for (auto it = versions.rbegin(); it != versions.rend(); ++it) {
      if (it->sequence <= sequence) return &*it;
    }
    return nullptr;
  }
  static std::size_t bytes_of(const std::string& key, const Version& version) {
    return sizeof(Version) + key.size() + version.value.size();
  }

  std::unique_ptr<MemoryView> pin(std::uint64_t sequence) {
    rt::MutexLock lock(views_.mutex);
    views_.add(sequence);
    return std::make_unique<MemoryView>(views_, sequence);
  }
  std::uint64_t horizon() LDB_REQUIRES_SHARED(mutex_) {
    rt::MutexLock lock(views_.mutex);
    return views_.sequences.empty() ? published_ : *views_.sequences.begin();
  }

  void apply(const MemoryWrite& write) LDB_REQUIRES(mutex_);
  void add_version(const std::string& key, Version version, std::uint64_t horizon) LDB_REQUIRES(mutex_);
  /// Drops versions that no view at or above `horizon` can see.
  void prune(const std::string& key, Versions& versions, std::uint64_t horizon) LDB_REQUIRES(mutex_);
  void drop_oldest_change() LDB_REQUIRES(mutex_) {
    log_bytes_ -= log_.front().commit.size() + sizeof(LoggedChange);
    log_.pop_front();
    ++log_base_;
  }
  void notify_listener() {
    rt::MutexLock lock(listener_mutex_);
    if (listener_) listener_();
  }

  rt::Mutex queue_mutex_;
  std::deque<std::shared_ptr<MemoryWrite>> queue_ LDB_GUARDED_BY(queue_mutex_);
  std::uint64_t next_sequence_ LDB_GUARDED_BY(queue_mutex_) = 1;
  rt::Atomic<bool> closed_{false};

  mutable rt::SharedMutex mutex_;  // before queue_mutex_
  Data data_ LDB_GUARDED_BY(mutex_);
  std::size_t data_bytes_ LDB_GUARDED_BY(mutex_) = 0;
  std::uint64_t published_ LDB_GUARDED_BY(mutex_) = 0;
  std::deque<LoggedChange> log_ LDB_GUARDED_BY(mutex_);
  std::uint64_t log_base_ LDB_GUARDED_BY(mutex_) = 0;  // changes released
  std::size_t log_bytes_ LDB_GUARDED_BY(mutex_) = 0;
  const CollectionPolicy* policy_ LDB_GUARDED_BY(mutex_) = nullptr;
  OpenViews views_;

  rt::Mutex listener_mutex_;
  std::function<void()> listener_ LDB_GUARDED_BY(listener_mutex_);
};

/// As a list, so that the locks of who walks over it are seen by the thread-safety analysis.
static std::vector<WriteBatch::Operation> operations_of(const WriteBatch& batch) {
  std::vector<WriteBatch::Operation> operations;
  operations.reserve(batch.size());
  batch.for_each([&](const WriteBatch::Operation& op) { operations.push_back(op); });
  return operations;
}

void MemoryEngine::prune(const std::string& key, Versions& versions, std::uint64_t horizon) {
  std::size_t keep_from = 0;
  for (std::size_t i = 0; i < versions.size() && versions[i].sequence <= horizon; ++i) keep_from = i;
  for (std::size_t i = 0; i < keep_from; ++i) data_bytes_ -= bytes_of(key, versions[i]);
  versions.erase(versions.begin(), versions.begin() + static_cast<std::ptrdiff_t>(keep_from));
}

void MemoryEngine::add_version(const std::string& key, Version version, std::uint64_t horizon) {
  Versions& versions = data_[key];
  data_bytes_ += bytes_of(key, version);
  versions.push_back(std::move(version));
  prune(key, versions, horizon);
}

void MemoryEngine::apply(const MemoryWrite& write) {
  const std::uint64_t horizon = this->horizon();
  std::uint64_t sequence = write.first_sequence;
  for (const WriteBatch::Operation& op : operations_of(write.batch)) {
    switch (op.kind) {
      case WriteBatch::Kind::kPut:
        add_version(std::string(op.key), {sequence, false, std::string(op.value)}, horizon);
        break;
      case WriteBatch::Kind::kDelete:
        add_version(std::string(op.key), {sequence, true, {}}, horizon);
        break;
      case WriteBatch::Kind::kDeleteRange: {
        std::vector<std::string> keys;
        for (auto it = data_.lower_bound(std::string(op.key)); it != data_.end() && it->first < op.value; ++it) {
          if (!it->second.back().deleted) keys.push_back(it->first);
        }
        for (const std::string& key : keys) add_version(key, {sequence, true, {}}, horizon);
        break;
      }
    }
    ++sequence;
  }
  if (write.batch.has_commit()) {
    log_.push_back({write.last_sequence, write.batch.commit()});
    log_bytes_ += write.batch.commit().size() + sizeof(LoggedChange);
    while (log_bytes_ > kMaxLogBytes) drop_oldest_change();
  }
  published_ = write.last_sequence;
}

Result<std::uint64_t> MemoryEngine::ingest(SortedSource& source) {
  // Read before anything is locked: the source may be an iterator of this very engine.
  WriteBatch run;
  storage::SortedInput input(source);
  for (;;) {
    LDB_ASSIGN_OR_RETURN(const bool more, input.next());
    if (!more) break;
    run.put(input.key(), input.value());
  }
  bool logged = false;
  std::uint64_t result = 0;
  {
    rt::WriteLock lock(mutex_);
    rt::MutexLock queue_lock(queue_mutex_);
    if (closed_.load()) return closed();
    for (; !queue_.empty(); queue_.pop_front()) {
      queue_.front()->applied = true;
      logged |= queue_.front()->batch.has_commit();
      apply(*queue_.front());
    }
    if (input.count() > 0) {
      const std::uint64_t sequence = next_sequence_++;
      const std::uint64_t horizon = this->horizon();
      for (const WriteBatch::Operation& op : operations_of(run)) {
        add_version(std::string(op.key), {sequence, false, std::string(op.value)}, horizon);
      }
      published_ = sequence;
    }
    result = published_;
  }
  if (logged) notify_listener();
  return result;
}

Status MemoryEngine::compact(const KeyRange& range) {
  rt::WriteLock lock(mutex_);
  if (closed_.load()) return closed();
  const std::uint64_t horizon = this->horizon();
  auto it = range.lower ? data_.lower_bound(*range.lower) : data_.begin();
  while (it != data_.end() && (!range.upper || it->first < *range.upper)) {
    Versions& versions = it->second;
    prune(it->first, versions, horizon);
    const Version& oldest = versions.front();
    if (oldest.sequence <= horizon && (oldest.deleted || (policy_ && policy_->collectible(it->first, oldest.value)))) {
      data_bytes_ -= bytes_of(it->first, oldest);
      versions.erase(versions.begin());
    }
    it = versions.empty() ? data_.erase(it) : std::next(it);
  }
  return {};
}

MemoryEngine::Found MemoryEngine::first_from(std::string_view key, bool inclusive, const std::optional<std::string>& upper,
                                             std::uint64_t sequence) const {
  rt::ReadLock lock(mutex_);
  for (auto it = inclusive ? data_.lower_bound(key) : data_.upper_bound(key); it != data_.end(); ++it) {
    if (upper && it->first >= *upper) break;
    const Version* version = visible(it->second, sequence);
    if (version != nullptr && !version->deleted) return {true, it->first, version->value};
  }
  return {};
}

MemoryEngine::Found MemoryEngine::last_to(const std::string* key, bool inclusive, const std::optional<std::string>& lower,
                                          std::uint64_t sequence) const {
  rt::ReadLock lock(mutex_);
  auto it = key == nullptr ? data_.end() : (inclusive ? data_.upper_bound(*key) : data_.lower_bound(*key));
  while (it != data_.begin()) {
    --it;
    if (lower && it->first < *lower) break;
    const Version* version = visible(it->second, sequence);
    if (version != nullptr && !version->deleted) return {true, it->first, version->value};
  }
  return {};
}

Result<std::optional<ChangeReader::Change>> MemoryEngine::change_at(LogPosition& position) const {
  rt::ReadLock lock(mutex_);
  if (closed_.load()) return closed();
  if (position < LogPosition{1, 0}) position = {1, 0};
  if (position.offset < log_base_)
    return Status(StatusCode::kNotFound, "change log before " + std::to_string(log_base_) + " was released");
  const std::uint64_t index = position.offset - log_base_;
  if (index >= log_.size()) return std::optional<ChangeReader::Change>();
  const LoggedChange& logged = log_[static_cast<std::size_t>(index)];
  ChangeReader::Change change{position, {1, position.offset + 1}, logged.sequence, logged.commit};
  position = change.next;
  return std::optional<ChangeReader::Change>(std::move(change));
}

class MemoryIterator final : public Iterator {
 public:
  MemoryIterator(const MemoryEngine& engine, std::unique_ptr<ReadView> own_view, std::uint64_t sequence, KeyRange range)
      : engine_(engine), own_view_(std::move(own_view)), sequence_(sequence), range_(std::move(range)) {}

  bool valid() const override { return at_.valid; }
  void seek_to_first() override { seek(""); }
  void seek_to_last() override { at_ = engine_.last_to(range_.upper ? &*range_.upper : nullptr, false, range_.lower, sequence_); }
  void seek(std::string_view key) override {
    if (range_.lower && key < *range_.lower) key = *range_.lower;
    at_ = engine_.first_from(key, true, range_.upper, sequence_);
  }
  void seek_for_prev(std::string_view key) override {
    if (range_.upper && key >= *range_.upper) return seek_to_last();
    const std::string copy(key);
    at_ = engine_.last_to(&copy, true, range_.lower, sequence_);
  }
  void next() override { at_ = engine_.first_from(at_.key, false, range_.upper, sequence_); }
  void prev() override {
    const std::string copy = std::move(at_.key);
    at_ = engine_.last_to(&copy, false, range_.lower, sequence_);
  }
  std::string_view key() const override { return at_.key; }
  std::string_view value() const override { return at_.value; }
  Status status() const override { return {}; }

 private:
  const MemoryEngine& engine_;
  const std::unique_ptr<ReadView> own_view_;  // when the caller gave none
  const std::uint64_t sequence_;
  const KeyRange range_;
  MemoryEngine::Found at_;
};

class MemoryChangeReader final : public ChangeReader {
 public:
  MemoryChangeReader(const MemoryEngine& engine, LogPosition from) : engine_(engine), position_(from) {}
  Result<std::optional<Change>> next() override { return engine_.change_at(position_); }

 private:
  const MemoryEngine& engine_;
  LogPosition position_;
};

Result<std::unique_ptr<Iterator>> MemoryEngine::iterate(const ReadView* view, KeyRange range) {
  if (closed_.load()) return closed();
  std::unique_ptr<ReadView> own;
  if (view == nullptr) {
    own = this->view();
    view = own.get();
  }
  const std::uint64_t sequence = view->sequence();
  return std::unique_ptr<Iterator>(std::make_unique<MemoryIterator>(*this, std::move(own), sequence, std::move(range)));
}

Result<std::unique_ptr<ChangeReader>> MemoryEngine::changes(LogPosition from) {
  if (closed_.load()) return closed();
  if (from > log_end()) return Status(StatusCode::kInvalidArgument, "log position is beyond the end of the log");
  return std::unique_ptr<ChangeReader>(std::make_unique<MemoryChangeReader>(*this, from));
}

}  // namespace

std::unique_ptr<StorageEngine> new_memory_engine() { return std::make_unique<MemoryEngine>(); }

}  // namespace ldb
