#include <lmdb.h>

#include <filesystem>

#include "store.hpp"

namespace bench {
namespace {

void check(int code) {
  if (code != MDB_SUCCESS) fail(mdb_strerror(code));
}

MDB_val view(std::string_view text) {
  return {text.size(), const_cast<char*>(text.data())};
}  // NOLINT: lmdb does not write to it

std::string_view text(const MDB_val& value) { return {static_cast<const char*>(value.mv_data), value.mv_size}; }

/// One of a thread, renewed for each read: cheaper than a new one, as LMDB's manual says.
struct ReadTransaction {
  MDB_txn* txn = nullptr;
  ~ReadTransaction() { end(); }
  void end() {
    if (txn != nullptr) mdb_txn_abort(txn);
    txn = nullptr;
  }
};
thread_local ReadTransaction read_transaction;  // of the one store that there is at a time

/// Copy-on-write B-tree in a map that is written, too; without sync every commit is in the page cache all the same, so it
/// survives kill -9. Its cache is the operating system's.
class LmdbStore final : public Store {
 public:
  explicit LmdbStore(const StoreConfig& config) {
    std::filesystem::create_directories(config.directory);
    check(mdb_env_create(&env_));
    check(mdb_env_set_mapsize(env_, std::size_t{32} << 30));
    check(mdb_env_set_maxreaders(env_, 126));
    check(mdb_env_open(env_, config.directory.c_str(), MDB_WRITEMAP | MDB_NOSYNC | MDB_NORDAHEAD, 0644));
    MDB_txn* txn = nullptr;
    check(mdb_txn_begin(env_, nullptr, 0, &txn));
    check(mdb_dbi_open(txn, nullptr, 0, &dbi_));
    check(mdb_txn_commit(txn));
  }
  ~LmdbStore() override {
    read_transaction.end();  // other readers have ended
    mdb_env_close(env_);
  }

  void put(std::string_view key, std::string_view value, bool sync) override {
    put_batch({{key, value}});
    if (sync) check(mdb_env_sync(env_, 1));
  }
  void put_batch(const std::vector<Pair>& pairs) override {
    MDB_txn* txn = nullptr;
    check(mdb_txn_begin(env_, nullptr, 0, &txn));
    for (const auto& [key, value] : pairs) {
      MDB_val k = view(key);
      MDB_val v = view(value);
      check(mdb_put(txn, dbi_, &k, &v, 0));
    }
    check(mdb_txn_commit(txn));
  }
  bool get(std::string_view key, std::string& value) override {
    MDB_txn* const txn = begin_read();
    MDB_val k = view(key);
    MDB_val v{};
    const int code = mdb_get(txn, dbi_, &k, &v);
    if (code == MDB_SUCCESS) value = text(v);
    mdb_txn_reset(txn);
    if (code == MDB_NOTFOUND) return false;
    check(code);
    return true;
  }
  std::size_t scan(std::string_view key, std::size_t count, bool reverse) override {
    MDB_txn* const txn = begin_read();
    MDB_cursor* cursor = nullptr;
    check(mdb_cursor_open(txn, dbi_, &cursor));
    MDB_val k = view(key);
    MDB_val v{};
    int code = mdb_cursor_get(cursor, &k, &v, MDB_SET_RANGE);
    if (reverse && code == MDB_NOTFOUND) code = mdb_cursor_get(cursor, &k, &v, MDB_LAST);
    if (reverse && code == MDB_SUCCESS && text(k) > key) code = mdb_cursor_get(cursor, &k, &v, MDB_PREV);
    std::size_t seen = 0;
    for (; seen < count && code == MDB_SUCCESS; code = mdb_cursor_get(cursor, &k, &v, reverse ? MDB_PREV : MDB_NEXT)) {
      touch(text(k));
      touch(text(v));
      ++seen;
    }
    if (code != MDB_NOTFOUND) check(code);
    mdb_cursor_close(cursor);
    mdb_txn_reset(txn);
    return seen;
  }
  void settle() override { check(mdb_env_sync(env_, 1)); }

 private:
  MDB_txn* begin_read() {
    if (read_transaction.txn == nullptr)
      check(mdb_txn_begin(env_, nullptr, MDB_RDONLY, &read_transaction.txn));
    else
      check(mdb_txn_renew(read_transaction.txn));
    return read_transaction.txn;
  }

  MDB_env* env_ = nullptr;
  MDB_dbi dbi_ = 0;
};

}  // namespace

std::unique_ptr<Store> open_lmdb(const StoreConfig& config) { return std::make_unique<LmdbStore>(config); }

}  // namespace bench
