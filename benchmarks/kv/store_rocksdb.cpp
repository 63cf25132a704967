#include <rocksdb/cache.h>
#include <rocksdb/db.h>
#include <rocksdb/filter_policy.h>
#include <rocksdb/options.h>
#include <rocksdb/table.h>

#include "store.hpp"

namespace bench {
namespace {

void check(const rocksdb::Status& status) {
  if (!status.ok()) fail(status.ToString());
}

rocksdb::Slice slice(std::string_view text) { return {text.data(), text.size()}; }

class RocksDbStore final : public Store {
 public:
  RocksDbStore(const StoreConfig& config, RocksDbSetting setting) {
    rocksdb::Options options;
    options.create_if_missing = true;
    options.write_buffer_size = config.memtable_bytes;
    rocksdb::BlockBasedTableOptions table;
    table.block_cache = rocksdb::NewLRUCache(config.cache_bytes);
    if (setting != RocksDbSetting::kDefault) {
      options.max_write_buffer_number = 4;  // ldb, too, has up to four memtables in memory
      table.filter_policy.reset(rocksdb::NewBloomFilterPolicy(10));
      // As ldb: every level.
      options.compression = rocksdb::kZSTD;
      options.compression_opts.level = 1;
      options.bottommost_compression = rocksdb::kZSTD;
      options.bottommost_compression_opts.level = 1;
      options.bottommost_compression_opts.enabled = true;
    }
    if (setting == RocksDbSetting::kTunedWithDictionaries) {
      for (rocksdb::CompressionOptions* compression : {&options.compression_opts, &options.bottommost_compression_opts})
        compression->max_dict_bytes = 8 << 10;  // one a table, as ldb
    }
    options.table_factory.reset(rocksdb::NewBlockBasedTableFactory(table));
    rocksdb::DB* db = nullptr;
    check(rocksdb::DB::Open(options, config.directory, &db));
    db_.reset(db);
  }

  void put(std::string_view key, std::string_view value, bool sync) override {
    rocksdb::WriteOptions options;
    options.sync = sync;
    check(db_->Put(options, slice(key), slice(value)));
  }
  void put_batch(const std::vector<Pair>& pairs) override {
    rocksdb::WriteBatch batch;
    for (const auto& [key, value] : pairs) check(batch.Put(slice(key), slice(value)));
    check(db_->Write({}, &batch));
  }
  bool get(std::string_view key, std::string& value) override {
    rocksdb::PinnableSlice found;
    const rocksdb::Status status = db_->Get({}, db_->DefaultColumnFamily(), slice(key), &found);
    if (status.IsNotFound()) return false;
    check(status);
    value.assign(found.data(), found.size());
    return true;
  }
  std::size_t scan(std::string_view key, std::size_t count, bool reverse) override {
    const std::unique_ptr<rocksdb::Iterator> it(db_->NewIterator({}));
    reverse ? it->SeekForPrev(slice(key)) : it->Seek(slice(key));
    std::size_t seen = 0;
    for (; seen < count && it->Valid(); reverse ? it->Prev() : it->Next()) {
      touch(it->key().ToStringView());
      touch(it->value().ToStringView());
      ++seen;
    }
    check(it->status());
    return seen;
  }
  void settle() override {
    check(db_->Flush({}));
    check(db_->CompactRange({}, nullptr, nullptr));
  }

 private:
  std::unique_ptr<rocksdb::DB> db_;
};

}  // namespace

std::unique_ptr<Store> open_rocksdb(const StoreConfig& config, RocksDbSetting setting) {
  return std::make_unique<RocksDbStore>(config, setting);
}

}  // namespace bench
