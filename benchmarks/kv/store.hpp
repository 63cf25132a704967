// The engines that bench_kv compares, behind one interface.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace bench {

/// Same for every engine in a run. In runs without sync a put that returned must survive kill -9 (the log is written, not
/// synced).
struct StoreConfig {
  std::string directory;
  std::size_t cache_bytes = 256 << 20;
  std::size_t memtable_bytes = 64 << 20;
};

using Pair = std::pair<std::string_view, std::string_view>;

/// Any number of threads may call put, put_batch, get and scan. Failures end the process.
class Store {
 public:
  virtual ~Store() = default;
  virtual void put(std::string_view key, std::string_view value, bool sync) = 0;
  virtual void put_batch(const std::vector<Pair>& pairs) = 0;
  virtual bool get(std::string_view key, std::string& value) = 0;
  /// Visits `count` entries from `key` on (or downwards); returns how many there were. Keys and values are touched.
  virtual std::size_t scan(std::string_view key, std::size_t count, bool reverse) = 0;
  /// Waits until everything is in tables and compacted as far as the engine does by itself.
  virtual void settle() = 0;
  /// Syncs of the log since it was opened; 0 where the engine does not tell.
  virtual double log_syncs() { return 0; }
};

/// "ldb", "ldb-node", "rocksdb", "rocksdb-tuned", "rocksdb-dictionaries", "leveldb", "lmdb"; null when this build lacks the
/// engine.
std::unique_ptr<Store> open_store(const std::string& engine, const StoreConfig& config);
std::vector<std::string> engines_built();

[[noreturn]] void fail(const std::string& what);

std::unique_ptr<Store> open_ldb(const StoreConfig& config);
std::unique_ptr<Store> open_ldb_node(const StoreConfig& config);
/// As it comes; with the filter, cache and compression that a user who tunes would choose; and with a dictionary for each table
/// besides.
enum class RocksDbSetting : std::uint8_t { kDefault, kTuned, kTunedWithDictionaries };
std::unique_ptr<Store> open_rocksdb(const StoreConfig& config, RocksDbSetting setting);
std::unique_ptr<Store> open_leveldb(const StoreConfig& config);
std::unique_ptr<Store> open_lmdb(const StoreConfig& config);

/// Keeps the compiler from dropping reads whose result nobody uses.
inline void touch(std::string_view bytes) { asm volatile("" : : "r"(bytes.data()), "r"(bytes.size()) : "memory"); }

}  // namespace bench
