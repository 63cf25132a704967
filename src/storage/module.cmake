# The engine over RocksDB: an object library where librocksdb is installed, for tests and benchmarks; part of the library only with
# LDB_WITH_ROCKSDB. Its library carries no metadata for the thread sanitizer, which would then report what is no race.
find_path(ROCKSDB_INCLUDE_DIR rocksdb/db.h)
find_library(ROCKSDB_LIBRARY rocksdb)
if(ROCKSDB_INCLUDE_DIR AND ROCKSDB_LIBRARY AND NOT LDB_SANITIZE MATCHES "thread")
  file(GLOB LDB_ROCKSDB_SOURCES CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/src/storage/rocksdb/*.cpp)
  ldb_object_library(ldb_rocksdb real ${LDB_ROCKSDB_SOURCES})
  target_link_libraries(ldb_rocksdb PUBLIC ${ROCKSDB_LIBRARY})
elseif(LDB_WITH_ROCKSDB)
  message(FATAL_ERROR "LDB_WITH_ROCKSDB needs librocksdb-dev (and no thread sanitizer)")
endif()
