#include "ldb/ldb.hpp"
#include "ldb/storage_engine.hpp"
#include "store.hpp"

namespace bench {
namespace {

void check(const ldb::Status& status) {
  if (!status) fail(status.to_string());
}

ldb::EngineOptions engine_options(const StoreConfig& config) {
  ldb::EngineOptions options;
  options.block_cache_bytes = config.cache_bytes;
  options.memtable_bytes = config.memtable_bytes;
  options.max_log_bytes = 0;  // nobody reads the change log
  return options;
}

class LdbStore final : public Store {
 public:
  explicit LdbStore(const StoreConfig& config) {
    auto engine = ldb::open_lsm_engine(config.directory, engine_options(config));
    check(engine.error());
    engine_ = std::move(engine).value();
  }
  ~LdbStore() override { check(engine_->close()); }

  void put(std::string_view key, std::string_view value, bool sync) override {
    ldb::WriteBatch batch;
    batch.put(key, value);
    write(std::move(batch), sync);
  }
  void put_batch(const std::vector<Pair>& pairs) override {
    ldb::WriteBatch batch;
    for (const auto& [key, value] : pairs) batch.put(key, value);
    write(std::move(batch), false);
  }
  bool get(std::string_view key, std::string& value) override {
    auto found = engine_->get(nullptr, key);
    check(found.error());
    if (!*found) return false;
    value = std::move(**found);
    return true;
  }
  std::size_t scan(std::string_view key, std::size_t count, bool reverse) override {
    auto iterator = engine_->iterate(nullptr, {});
    check(iterator.error());
    ldb::Iterator& it = **iterator;
    reverse ? it.seek_for_prev(key) : it.seek(key);
    std::size_t seen = 0;
    for (; seen < count && it.valid(); reverse ? it.prev() : it.next()) {
      touch(it.key());
      touch(it.value());
      ++seen;
    }
    check(it.status());
    return seen;
  }
  void settle() override {
    check(engine_->flush());
    check(engine_->compact({}));
  }
  double log_syncs() override {
    for (const ldb::EngineProperty& property : engine_->properties())
      if (property.name == "log_syncs") return std::stod(property.value);
    return 0;
  }

 private:
  void write(ldb::WriteBatch batch, bool sync) {
    check(engine_->write(std::move(batch), sync ? ldb::SyncPolicy::kSync : ldb::SyncPolicy::kOs).error());
  }
  std::unique_ptr<ldb::StorageEngine> engine_;
};

/// The same operations through a node: stamps, merging and the replication log included.
class LdbNodeStore final : public Store {
 public:
  explicit LdbNodeStore(const StoreConfig& config) {
    ldb::NodeOptions options;
    options.directory = config.directory;
    options.engine = engine_options(config);
    auto node = ldb::Node::open(std::move(options));
    check(node.error());
    node_ = std::move(node).value();
  }

  void put(std::string_view key, std::string_view value, bool sync) override {
    check(node_->kv().put(key, value, sync ? ldb::SyncPolicy::kSync : ldb::SyncPolicy::kOs));
  }
  void put_batch(const std::vector<Pair>& pairs) override { check(node_->kv().put_all(pairs, ldb::SyncPolicy::kOs)); }
  bool get(std::string_view key, std::string& value) override {
    auto found = node_->kv().get(key);
    check(found.error());
    if (!*found) return false;
    value = std::move(**found);
    return true;
  }
  std::size_t scan(std::string_view key, std::size_t count, bool reverse) override {
    std::size_t seen = 0;
    // The bound behind a key that is there is that key and a zero byte.
    const ldb::KeyRange range =
        reverse ? ldb::KeyRange{std::nullopt, std::string(key) + '\0'} : ldb::KeyRange{std::string(key), std::nullopt};
    check(node_->kv().for_each(range, reverse, [&](std::string_view k, std::string_view v) {
      touch(k);
      touch(v);
      return ++seen < count;
    }));
    return seen;
  }
  void settle() override {
    check(node_->storage().flush());
    check(node_->storage().compact({}));
  }

 private:
  std::unique_ptr<ldb::Node> node_;
};

}  // namespace

std::unique_ptr<Store> open_ldb(const StoreConfig& config) { return std::make_unique<LdbStore>(config); }
std::unique_ptr<Store> open_ldb_node(const StoreConfig& config) { return std::make_unique<LdbNodeStore>(config); }

}  // namespace bench
