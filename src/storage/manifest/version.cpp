#include "storage/manifest/version.hpp"

#include <algorithm>

#include "base/coding.hpp"
#include "storage/file_names.hpp"
#include "storage/internal_key.hpp"

namespace ldb::storage {
namespace {

/// Fields of an edit. Numbers are never reused; a reader refuses those it does not know.
enum class Field : std::uint8_t {
  kNextFileNumber = 1,
  kLastSequence = 2,
  kLogFlushed = 3,
  kLogBegin = 4,
  kAddTable = 5,
  kRemoveTable = 6,
};

constexpr std::uint8_t kLargestExclusive = 1;
constexpr std::uint8_t kCompressed = 2;

void put_field(std::string& out, Field field) { put_u8(out, static_cast<std::uint8_t>(field)); }

bool read_table(ByteReader& reader, VersionEdit::Added& added) {
  std::uint8_t level = 0;
  std::uint8_t flags = 0;
  std::string_view smallest;
  std::string_view largest;
  TableMeta& t = added.table;
  if (!reader.u8(level) || level >= kLevels || !reader.varint(t.number) || !reader.varint(t.file_size) || !reader.u8(flags) ||
      (flags & ~(kLargestExclusive | kCompressed)) != 0 || !reader.bytes(smallest) || !reader.bytes(largest) ||
      !reader.varint(t.entries) || !reader.varint(t.deletions) || !reader.varint(t.range_tombstones) ||
      !reader.varint(t.max_sequence)) {
    return false;
  }
  added.level = level;
  t.smallest = smallest;
  t.largest = largest;
  t.largest_exclusive = (flags & kLargestExclusive) != 0;
  t.compressed = (flags & kCompressed) != 0;
  return t.smallest <= t.largest && t.max_sequence <= kMaxSequence;
}

bool read_field(ByteReader& reader, VersionEdit& edit) {
  std::uint8_t field = 0;
  std::uint64_t a = 0;
  std::uint64_t b = 0;
  if (!reader.u8(field)) return false;
  switch (static_cast<Field>(field)) {
    case Field::kNextFileNumber:
      if (!reader.varint(a)) return false;
      edit.next_file_number = a;
      return true;
    case Field::kLastSequence:
      if (!reader.varint(a) || a > kMaxSequence) return false;
      edit.last_sequence = a;
      return true;
    case Field::kLogFlushed:
      if (!reader.varint(a) || !reader.varint(b)) return false;
      edit.log_flushed = LogPosition{a, b};
      return true;
    case Field::kLogBegin:
      if (!reader.varint(a) || !reader.varint(b)) return false;
      edit.log_begin = LogPosition{a, b};
      return true;
    case Field::kAddTable: {
      VersionEdit::Added added{};
      if (!read_table(reader, added)) return false;
      edit.added.push_back(std::move(added));
      return true;
    }
    case Field::kRemoveTable: {
      std::uint8_t level = 0;
      if (!reader.u8(level) || level >= kLevels || !reader.varint(a)) return false;
      edit.removed.push_back({level, a});
      return true;
    }
  }
  return false;
}

/// Ends of two neighbours: does `left` reach into `right`?
bool reaches_into(const TableMeta& left, const TableMeta& right) {
  return left.largest_exclusive ? left.largest > right.smallest : left.largest >= right.smallest;
}

}  // namespace

std::vector<std::vector<TablePtr>> disjoint_chains(std::vector<TablePtr> tables) {
  std::vector<std::vector<TablePtr>> chains;
  std::sort(tables.begin(), tables.end(),
            [](const TablePtr& a, const TablePtr& b) { return a->meta.smallest < b->meta.smallest; });
  for (TablePtr& table : tables) {
    const auto free = std::find_if(chains.begin(), chains.end(),
                                   [&](const auto& chain) { return !reaches_into(chain.back()->meta, table->meta); });
    auto& chain = free != chains.end() ? *free : chains.emplace_back();
    chain.push_back(std::move(table));
  }
  return chains;
}

void Version::arrange() {
  // By what they hold, not by number: an ingested table takes its number before flushes that are older than it.
  std::sort(levels[0].begin(), levels[0].end(), [](const TablePtr& a, const TablePtr& b) {
    return a->meta.max_sequence != b->meta.max_sequence ? a->meta.max_sequence > b->meta.max_sequence
                                                        : a->meta.number > b->meta.number;
  });
  level0_chains = disjoint_chains(levels[0]);
  for (std::size_t level = 1; level < levels.size(); ++level) {
    std::sort(levels[level].begin(), levels[level].end(),
              [](const TablePtr& a, const TablePtr& b) { return a->meta.smallest < b->meta.smallest; });
  }
}

std::uint64_t Version::level_bytes(int level) const {
  std::uint64_t total = 0;
  for (const TablePtr& table : levels[static_cast<std::size_t>(level)]) total += table->meta.file_size;
  return total;
}

std::vector<TablePtr> Version::overlapping(int level, const std::string* lower, const std::string* upper) const {
  std::vector<TablePtr> result;
  for (const TablePtr& table : levels[static_cast<std::size_t>(level)]) {
    if (lower != nullptr && table->meta.ends_before(*lower)) continue;
    if (upper != nullptr && table->meta.starts_after(*upper)) continue;
    result.push_back(table);
  }
  return result;
}

std::size_t Version::find(int level, std::string_view key) const {
  const auto& tables = levels[static_cast<std::size_t>(level)];
  const auto it = std::partition_point(tables.begin(), tables.end(), [&](const TablePtr& t) { return t->meta.ends_before(key); });
  return static_cast<std::size_t>(it - tables.begin());
}

bool Version::overlaps_below(int level, std::string_view lower, std::string_view upper) const {
  for (int l = level + 1; l < kLevels; ++l) {
    const std::size_t index = find(l, lower);
    const auto& tables = levels[static_cast<std::size_t>(l)];
    if (index < tables.size() && !tables[index]->meta.starts_after(upper)) return true;
  }
  return false;
}

std::string Version::check() const {
  for (std::size_t level = 1; level < levels.size(); ++level) {
    for (std::size_t i = 1; i < levels[level].size(); ++i) {
      const TableMeta& left = levels[level][i - 1]->meta;
      const TableMeta& right = levels[level][i]->meta;
      if (reaches_into(left, right)) {
        return "tables " + std::to_string(left.number) + " and " + std::to_string(right.number) + " overlap in level " +
               std::to_string(level);
      }
    }
  }
  return {};
}

std::string VersionEdit::encode() const {
  std::string out;
  const auto put_position = [&](Field field, LogPosition position) {
    put_field(out, field);
    put_varint(out, position.segment);
    put_varint(out, position.offset);
  };
  if (next_file_number) {
    put_field(out, Field::kNextFileNumber);
    put_varint(out, *next_file_number);
  }
  if (last_sequence) {
    put_field(out, Field::kLastSequence);
    put_varint(out, *last_sequence);
  }
  if (log_flushed) put_position(Field::kLogFlushed, *log_flushed);
  if (log_begin) put_position(Field::kLogBegin, *log_begin);
  for (const Removed& r : removed) {
    put_field(out, Field::kRemoveTable);
    put_u8(out, static_cast<std::uint8_t>(r.level));
    put_varint(out, r.number);
  }
  for (const Added& a : added) {
    const TableMeta& t = a.table;
    put_field(out, Field::kAddTable);
    put_u8(out, static_cast<std::uint8_t>(a.level));
    put_varint(out, t.number);
    put_varint(out, t.file_size);
    put_u8(out, static_cast<std::uint8_t>((t.largest_exclusive ? kLargestExclusive : 0) | (t.compressed ? kCompressed : 0)));
    put_bytes(out, t.smallest);
    put_bytes(out, t.largest);
    put_varint(out, t.entries);
    put_varint(out, t.deletions);
    put_varint(out, t.range_tombstones);
    put_varint(out, t.max_sequence);
  }
  return out;
}

Result<VersionEdit> VersionEdit::decode(std::string_view bytes) {
  VersionEdit edit;
  ByteReader reader(bytes);
  while (!reader.empty()) {
    if (!read_field(reader, edit)) {
      return Status(StatusCode::kCorruption, "undecodable version edit at its byte " + std::to_string(reader.offset()));
    }
  }
  return edit;
}

std::vector<std::string> VersionEdit::new_files() const {
  std::vector<std::string> names;
  for (const Added& a : added) {
    const bool moved = std::any_of(removed.begin(), removed.end(), [&](const Removed& r) { return r.number == a.table.number; });
    if (!moved) names.push_back(table_name(a.table.number));
  }
  return names;
}

Result<std::shared_ptr<const Version>> apply_edit(const Version& base, const VersionEdit& edit,
                                                  const std::shared_ptr<ObsoleteTables>& obsolete) {
  auto version = std::make_shared<Version>(base);
  for (const VersionEdit::Removed& removed : edit.removed) {
    auto& tables = version->levels[static_cast<std::size_t>(removed.level)];
    const auto it =
        std::find_if(tables.begin(), tables.end(), [&](const TablePtr& t) { return t->meta.number == removed.number; });
    if (it == tables.end()) {
      return Status(StatusCode::kCorruption, "edit removes table " + std::to_string(removed.number) + ", which is not in level " +
                                                 std::to_string(removed.level));
    }
    tables.erase(it);
  }
  for (const VersionEdit::Added& added : edit.added) {
    for (const auto& tables : version->levels) {
      if (std::any_of(tables.begin(), tables.end(), [&](const TablePtr& t) { return t->meta.number == added.table.number; })) {
        return Status(StatusCode::kCorruption,
                      "edit adds table " + std::to_string(added.table.number) + ", which is in the tree already");
      }
    }
    // A moved table keeps its handle: others may be reading through it.
    TablePtr table;
    for (const auto& tables : base.levels) {
      for (const TablePtr& t : tables) {
        if (t->meta.number == added.table.number) table = t;
      }
    }
    if (!table) table = std::make_shared<TableFile>(added.table, obsolete);
    version->levels[static_cast<std::size_t>(added.level)].push_back(std::move(table));
  }
  version->arrange();
  if (std::string wrong = version->check(); !wrong.empty()) return Status(StatusCode::kCorruption, wrong);
  return std::shared_ptr<const Version>(std::move(version));
}

}  // namespace ldb::storage
