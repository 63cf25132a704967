// Writes the output of a flush or a compaction as one or more tables.
#pragma once

#include <functional>
#include <memory>
#include <vector>

#include "storage/range_tombstone.hpp"
#include "storage/sstable/table_builder.hpp"

namespace ldb::storage {

/// Cuts between user keys only, and clips range tombstones at the cuts, so that tables of one output never overlap. One thread.
class TableSetWriter {
 public:
  struct Options {
    FileSystem* file_system = nullptr;
    std::string directory;
    TableOptions table;
    std::uint64_t target_bytes = ~std::uint64_t{0};  ///< a table is cut when it reaches this
    std::function<std::uint64_t()> new_number;
    std::vector<FragmentedTombstones::Fragment> tombstones;
  };
  explicit TableSetWriter(Options options) : options_(std::move(options)) {}
  ~TableSetWriter();
  TableSetWriter(const TableSetWriter&) = delete;
  TableSetWriter& operator=(const TableSetWriter&) = delete;

  Status add(std::string_view key, Tag tag, std::string_view value);
  /// The tables, durable with their names. Without it, or after a failure, the destructor removes the files.
  Result<std::vector<TableMeta>> finish();

 private:
  Status open_table();
  Status close_table(const std::string_view* next_key);

  Options options_;
  std::unique_ptr<TableBuilder> builder_;
  std::string last_key_;
  std::size_t next_tombstone_ = 0;
  std::vector<std::uint64_t> numbers_;
  std::vector<TableMeta> tables_;
  bool finished_ = false;
};

}  // namespace ldb::storage
