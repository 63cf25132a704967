#include <algorithm>
#include <map>

#include "storage/cache/block_cache.hpp"
#include "storage/inspect/inspect.hpp"
#include "storage/sstable/table_reader.hpp"

namespace ldb::storage {
namespace {

const char* kind_name(EntryKind kind) {
  switch (kind) {
    case EntryKind::kPut:
      return "put";
    case EntryKind::kDelete:
      return "delete";
    case EntryKind::kDeleteRange:
      return "delete range";
  }
  return "unknown kind";
}

/// One walk over a table that notes everything wrong, instead of stopping at the first thing.
class TableCheck {
 public:
  TableCheck(std::string path, const TableMeta* meta) : path_(std::move(path)), meta_(meta) {}

  std::vector<Damage> run(FileSystem& fs) {
    if (meta_ != nullptr) check_size(fs);
    auto opened = TableReader::open(fs, path_, 1, &cache_);
    if (!opened) {
      note_status(0, opened.error());
      return std::move(damage_);
    }
    const TableReader& table = **opened;
    table.visit_blocks([&](const TableReader::BlockInfo& info) { check_block(table, info); });
    check_tombstones(table);
    check_counts(table);
    return std::move(damage_);
  }

 private:
  void note(std::uint64_t offset, std::string what) { damage_.push_back({path_, offset, std::move(what)}); }
  /// A failure whose text may name file and offset itself.
  void note_status(std::uint64_t offset, const Status& status) {
    std::string what(status.message());
    const std::string prefix = path_ + ": offset ";
    if (what.starts_with(prefix)) {
      offset = std::strtoull(what.c_str() + prefix.size(), nullptr, 10);
      what = what.substr(std::min(what.size(), what.find(": ", prefix.size()) + 2));
    }
    note(offset, std::move(what));
    complete_ = false;
  }

  void check_size(FileSystem& fs) {
    const auto size = fs.file_size(path_);
    if (size && *size != meta_->file_size) {
      note(*size, "has " + std::to_string(*size) + " bytes, but the manifest says " + std::to_string(meta_->file_size));
    }
  }

  void check_block(const TableReader& table, const TableReader::BlockInfo& info) {
    if (!info.status) return note_status(info.handle.offset, info.status);
    BlockIterator it(info.block);
    for (it.seek_to_first(); it.valid(); it.next()) {
      check_entry(table, info.handle, it);
      if (compare_entries(it.key(), it.tag(), info.separator, info.separator_tag) > 0)
        note(info.handle.offset, "entry behind the index entry of its block");
    }
  }

  void check_entry(const TableReader& table, BlockHandle handle, const BlockIterator& it) {
    const bool first = entries_++ == 0;
    if (first) {
      smallest_ = it.key();
    } else if (compare_entries(key_, tag_, it.key(), it.tag()) >= 0) {
      note(handle.offset, "entries out of order at key " + show_bytes(it.key()));
    }
    const EntryKind kind = tag_kind(it.tag());
    if (kind != EntryKind::kPut && kind != EntryKind::kDelete)
      note(handle.offset, "entry of unknown kind at key " + show_bytes(it.key()));
    deletions_ += kind == EntryKind::kDelete ? 1 : 0;
    max_sequence_ = std::max(max_sequence_, tag_sequence(it.tag()));
    if (first || it.key() != key_) {
      // The newest version of a key: a lookup must find it, or the filter hides data.
      const auto found = table.get(it.key(), kMaxSequence, false);
      if (!found) return note_status(handle.offset, found.error());
      if (!found->found || found->tag != it.tag()) note(handle.offset, "a lookup does not find key " + show_bytes(it.key()));
    }
    key_ = it.key();
    tag_ = it.tag();
  }

  void check_tombstones(const TableReader& table) {
    largest_ = key_;
    if (!table.tombstones()) return;
    std::vector<RangeTombstone> tombstones;
    table.tombstones()->append_to(tombstones);
    for (const RangeTombstone& tombstone : tombstones) {
      const bool first = entries_ == 0 && tombstones_ == 0;
      if (first || tombstone.start < smallest_) smallest_ = tombstone.start;
      if (first || tombstone.end > largest_) {
        largest_ = tombstone.end;
        largest_exclusive_ = true;
      }
      ++tombstones_;
      max_sequence_ = std::max(max_sequence_, tombstone.sequence);
    }
  }

  void compare(const char* name, std::uint64_t here, std::uint64_t there, const char* who) {
    if (here != there) note(0, std::string(name) + ": " + std::to_string(here) + ", but " + who + " " + std::to_string(there));
  }

  void check_counts(const TableReader& table) {
    const auto properties = table.properties();
    if (!properties) return note_status(0, properties.error());
    if (!complete_) return;  // counts of a damaged table mean nothing
    const std::map<std::string_view, std::uint64_t> counted{
        {"entries", entries_}, {"deletions", deletions_}, {"range_tombstones", tombstones_}, {"max_sequence", max_sequence_}};
    for (const auto& [name, value] : *properties) {
      const auto it = counted.find(name);
      if (it != counted.end()) compare(name.c_str(), it->second, std::strtoull(value.c_str(), nullptr, 10), "its properties say");
    }
    if (meta_ == nullptr) return;
    compare("entries", entries_, meta_->entries, "the manifest says");
    compare("deletions", deletions_, meta_->deletions, "the manifest says");
    compare("range tombstones", tombstones_, meta_->range_tombstones, "the manifest says");
    compare("highest sequence", max_sequence_, meta_->max_sequence, "the manifest says");
    if (smallest_ != meta_->smallest)
      note(0, "smallest key " + show_bytes(smallest_) + ", but the manifest says " + show_bytes(meta_->smallest));
    if (largest_ != meta_->largest || largest_exclusive_ != meta_->largest_exclusive) {
      note(0, "largest key " + show_bytes(largest_) + ", but the manifest says " + show_bytes(meta_->largest));
    }
  }

  const std::string path_;
  const TableMeta* const meta_;
  rt::EpochDomain epochs_;
  BlockCache cache_{4 << 20, epochs_};  // a lookup beside the walk reads the same block
  std::vector<Damage> damage_;
  bool complete_ = true;
  std::string key_;
  Tag tag_ = 0;
  std::string smallest_;
  std::string largest_;
  bool largest_exclusive_ = false;
  std::uint64_t entries_ = 0;
  std::uint64_t deletions_ = 0;
  std::uint64_t tombstones_ = 0;
  std::uint64_t max_sequence_ = 0;
};

Status dump_footer(FileSystem& fs, const std::string& path, const LineSink& out) {
  LDB_ASSIGN_OR_RETURN(const auto file, fs.open_readable(path));
  LDB_ASSIGN_OR_RETURN(const std::uint64_t size, file->size());
  if (size < kFooterBytes) return Status(StatusCode::kCorruption, path + ": offset 0: shorter than a table footer");
  char bytes[kFooterBytes];
  LDB_ASSIGN_OR_RETURN(const std::size_t n, file->read(size - kFooterBytes, kFooterBytes, bytes));
  const auto footer = decode_footer({bytes, n}, size);
  if (!footer) return footer.error().with_context(path + ": offset " + std::to_string(size - kFooterBytes));
  out(path + ": table of " + std::to_string(size) + " bytes");
  const std::pair<const char*, BlockHandle> blocks[] = {
      {"range tombstones", footer->tombstones}, {"index", footer->index}, {"properties", footer->properties}};
  for (const auto& [name, handle] : blocks) {
    if (handle.size == 0) continue;
    out("  " + std::string(name) + ": offset " + std::to_string(handle.offset) + ", " + std::to_string(handle.size) + " bytes");
  }
  return {};
}

void show_entry(std::string_view key, Tag tag, std::string_view value, const LineSink& out) {
  out("    " + show_bytes(key) + " @" + std::to_string(tag_sequence(tag)) + " " + kind_name(tag_kind(tag)) +
      (tag_kind(tag) == EntryKind::kDelete ? "" : " -> " + show_bytes(value)));
}

}  // namespace

std::vector<Damage> check_table(FileSystem& fs, const std::string& path, const TableMeta* meta) {
  return TableCheck(path, meta).run(fs);
}

Status dump_table(FileSystem& fs, const std::string& path, bool entries, const LineSink& out) {
  LDB_TRY(dump_footer(fs, path, out));
  LDB_ASSIGN_OR_RETURN(const auto table, TableReader::open(fs, path, 1, nullptr));
  LDB_ASSIGN_OR_RETURN(const auto properties, table->properties());
  for (const auto& [name, value] : properties) out("  " + name + ": " + value);
  if (table->tombstones()) {
    std::vector<RangeTombstone> tombstones;
    table->tombstones()->append_to(tombstones);
    std::sort(tombstones.begin(), tombstones.end(), [](const RangeTombstone& a, const RangeTombstone& b) {
      return compare_entries(a.start, a.sequence, b.start, b.sequence) < 0;
    });
    for (const RangeTombstone& t : tombstones) show_entry(t.start, make_tag(t.sequence, EntryKind::kDeleteRange), t.end, out);
  }
  Status last;
  table->visit_blocks([&](const TableReader::BlockInfo& info) {
    out("  block: offset " + std::to_string(info.handle.offset) + ", " + std::to_string(info.handle.size) + " bytes, up to " +
        show_bytes(info.separator));
    if (!info.status) {
      out("    " + info.status.to_string());
      last = info.status;
    }
    if (!entries || !info.block) return;
    BlockIterator it(info.block);
    for (it.seek_to_first(); it.valid(); it.next()) show_entry(it.key(), it.tag(), it.value(), out);
  });
  return last;
}

}  // namespace ldb::storage
