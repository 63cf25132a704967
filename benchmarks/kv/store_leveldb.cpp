#include <leveldb/cache.h>
#include <leveldb/db.h>
#include <leveldb/filter_policy.h>
#include <leveldb/write_batch.h>

#include "store.hpp"

namespace bench {
namespace {

void check(const leveldb::Status& status) {
  if (!status.ok()) fail(status.ToString());
}

leveldb::Slice slice(std::string_view text) { return {text.data(), text.size()}; }

class LevelDbStore final : public Store {
 public:
  explicit LevelDbStore(const StoreConfig& config)
      : cache_(leveldb::NewLRUCache(config.cache_bytes)), filter_(leveldb::NewBloomFilterPolicy(10)) {
    leveldb::Options options;
    options.create_if_missing = true;
    options.write_buffer_size = config.memtable_bytes;
    options.block_cache = cache_.get();
    options.filter_policy = filter_.get();
    leveldb::DB* db = nullptr;
    check(leveldb::DB::Open(options, config.directory, &db));
    db_.reset(db);
  }

  void put(std::string_view key, std::string_view value, bool sync) override {
    leveldb::WriteOptions options;
    options.sync = sync;
    check(db_->Put(options, slice(key), slice(value)));
  }
  void put_batch(const std::vector<Pair>& pairs) override {
    leveldb::WriteBatch batch;
    for (const auto& [key, value] : pairs) batch.Put(slice(key), slice(value));
    check(db_->Write({}, &batch));
  }
  bool get(std::string_view key, std::string& value) override {
    const leveldb::Status status = db_->Get({}, slice(key), &value);
    if (status.IsNotFound()) return false;
    check(status);
    return true;
  }
  std::size_t scan(std::string_view key, std::size_t count, bool reverse) override {
    const std::unique_ptr<leveldb::Iterator> it(db_->NewIterator({}));
    it->Seek(slice(key));
    if (reverse && !it->Valid()) it->SeekToLast();
    if (reverse && it->Valid() && it->key().compare(slice(key)) > 0) it->Prev();
    std::size_t seen = 0;
    for (; seen < count && it->Valid(); reverse ? it->Prev() : it->Next()) {
      touch({it->key().data(), it->key().size()});
      touch({it->value().data(), it->value().size()});
      ++seen;
    }
    check(it->status());
    return seen;
  }
  void settle() override { db_->CompactRange(nullptr, nullptr); }

 private:
  std::unique_ptr<leveldb::Cache> cache_;
  std::unique_ptr<const leveldb::FilterPolicy> filter_;
  std::unique_ptr<leveldb::DB> db_;
};

}  // namespace

std::unique_ptr<Store> open_leveldb(const StoreConfig& config) { return std::make_unique<LevelDbStore>(config); }

}  // namespace bench
