#include "ldb/storage_engine.hpp"

namespace ldb {

Result<std::uint64_t> StorageEngine::write(WriteBatch batch, SyncPolicy sync) {
  LDB_TRY(throttle());
  LDB_ASSIGN_OR_RETURN(auto pending, submit(std::move(batch), sync));
  return wait(std::move(pending));
}

}  // namespace ldb
