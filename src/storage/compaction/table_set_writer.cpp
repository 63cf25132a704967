#include "storage/compaction/table_set_writer.hpp"

#include <algorithm>

#include "storage/file_names.hpp"

namespace ldb::storage {

TableSetWriter::~TableSetWriter() {
  if (finished_) return;
  builder_ = nullptr;
  for (const std::uint64_t number : numbers_) {
    (void)options_.file_system->remove(join_path(options_.directory, table_name(number)));
  }
}

Status TableSetWriter::open_table() {
  const std::uint64_t number = options_.new_number();
  numbers_.push_back(number);
  LDB_ASSIGN_OR_RETURN(
      auto file, options_.file_system->open_writable(join_path(options_.directory, table_name(number)), OpenMode::kTruncate));
  builder_ = std::make_unique<TableBuilder>(std::move(file), number, options_.table);
  return {};
}

Status TableSetWriter::close_table(const std::string_view* next_key) {
  while (next_tombstone_ < options_.tombstones.size()) {
    FragmentedTombstones::Fragment& fragment = options_.tombstones[next_tombstone_];
    if (next_key != nullptr && fragment.start >= *next_key) break;
    const bool goes_on = next_key != nullptr && fragment.end > *next_key;
    const std::string end = goes_on ? std::string(*next_key) : fragment.end;
    for (const std::uint64_t sequence : fragment.sequences) builder_->add_tombstone({fragment.start, end, sequence});
    if (goes_on) {
      fragment.start = end;
      break;
    }
    ++next_tombstone_;
  }
  LDB_ASSIGN_OR_RETURN(TableMeta meta, builder_->finish());
  tables_.push_back(std::move(meta));
  builder_ = nullptr;
  return {};
}

Status TableSetWriter::add(std::string_view key, Tag tag, std::string_view value) {
  if (builder_ && builder_->estimated_size() >= options_.target_bytes && key != last_key_) LDB_TRY(close_table(&key));
  if (!builder_) LDB_TRY(open_table());
  LDB_TRY(builder_->add(key, tag, value));
  last_key_.assign(key);
  return {};
}

Result<std::vector<TableMeta>> TableSetWriter::finish() {
  if (!builder_ && next_tombstone_ < options_.tombstones.size()) LDB_TRY(open_table());
  if (builder_) LDB_TRY(close_table(nullptr));
  if (!tables_.empty()) LDB_TRY(options_.file_system->sync_directory(options_.directory));
  finished_ = true;
  return std::move(tables_);
}

}  // namespace ldb::storage
