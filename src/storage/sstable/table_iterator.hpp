// Walks the entries of one table.
#pragma once

#include <memory>

#include "storage/sstable/table_reader.hpp"

namespace ldb::storage {

/// One thread. Reads ahead once it has moved forward over a few blocks.
class TableIterator final : public InternalIterator {
 public:
  TableIterator(std::shared_ptr<const TableReader> table, bool fill_cache);

  void seek_to_first() override;
  void seek_to_last() override;
  void seek(std::string_view key, Tag tag) override;
  void next() override;
  void prev() override;
  Status status() const override { return status_; }

 private:
  bool enter(std::uint32_t partition);
  bool load(std::uint32_t block);
  bool load_next();
  bool load_previous();
  void settle_forward();
  void settle_backward();
  void publish();
  void leave();
  void expect(bool backward);
  void read_no_further();

  const std::shared_ptr<const TableReader> table_;
  const bool fill_cache_;
  const TableReader::Partition* partition_ = nullptr;  // null: at an end
  std::uint32_t partition_number_ = 0;
  std::uint32_t block_ = 0;
  unsigned steps_ = 0;  // from block to block, in one direction
  TableReader::ReadAhead ahead_;
  BlockIterator data_;
  Status status_;
};

}  // namespace ldb::storage
