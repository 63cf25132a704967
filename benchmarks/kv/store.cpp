#include "store.hpp"

#include <cstdlib>
#include <iostream>

namespace bench {

void fail(const std::string& what) {
  std::cerr << "bench_kv: " << what << std::endl;
  std::_Exit(1);
}

std::unique_ptr<Store> open_store(const std::string& engine, const StoreConfig& config) {
  if (engine == "ldb") return open_ldb(config);
  if (engine == "ldb-node") return open_ldb_node(config);
#if defined(BENCH_ROCKSDB)
  if (engine == "rocksdb") return open_rocksdb(config, RocksDbSetting::kDefault);
  if (engine == "rocksdb-tuned") return open_rocksdb(config, RocksDbSetting::kTuned);
  if (engine == "rocksdb-dictionaries") return open_rocksdb(config, RocksDbSetting::kTunedWithDictionaries);
#endif
#if defined(BENCH_LEVELDB)
  if (engine == "leveldb") return open_leveldb(config);
#endif
#if defined(BENCH_LMDB)
  if (engine == "lmdb") return open_lmdb(config);
#endif
  return nullptr;
}

std::vector<std::string> engines_built() {
  std::vector<std::string> engines{"ldb", "ldb-node"};
#if defined(BENCH_ROCKSDB)
  engines.insert(engines.end(), {"rocksdb", "rocksdb-tuned", "rocksdb-dictionaries"});
#endif
#if defined(BENCH_LEVELDB)
  engines.push_back("leveldb");
#endif
#if defined(BENCH_LMDB)
  engines.push_back("lmdb");
#endif
  return engines;
}

}  // namespace bench
