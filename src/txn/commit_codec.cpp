#include "txn/commit_codec.hpp"

#include <algorithm>

#include "base/check.hpp"
#include "base/coding.hpp"
#include "base/hash.hpp"
#include "txn/row_image.hpp"

namespace ldb {
namespace {

constexpr std::uint8_t kVersion = 1;
constexpr std::size_t kHeaderSize = 25;  // version, origin, sequence, stamp
constexpr std::size_t kHashSize = 8;
constexpr std::uint8_t kSameTable = 0x80;
constexpr std::size_t kMaxDependencySize = 8 + 10 + 8;
constexpr std::uint64_t kStampLimit = 1ULL << 63;  // as clocks have it: the rest stays free for provisional ids

Status damaged(const char* what) { return Status(StatusCode::kCorruption, std::string("commit: ") + what); }

void put_id(std::string& out, WriteId id) {
  put_u64(out, id.stamp.value);
  put_u64(out, id.origin.value);
}
bool read_id(ByteReader& reader, WriteId& id) { return reader.u64(id.stamp.value) && reader.u64(id.origin.value); }

Status check_cells(std::string_view cells) {
  RowImageReader reader;
  reader.parse_cells(cells);
  RowCell cell;
  while (reader.next(cell)) {
  }
  return reader.status();
}

Status check_insert(std::string_view image, WriteId id) {
  if (image.size() < kInsertImageHeader) return damaged("insert cut short");
  RowImageReader reader;
  LDB_TRY(reader.parse(image));
  if (reader.id_count() != 1 || reader.birth() != id || !reader.alive()) return damaged("insert with a foreign write id");
  RowCell cell;
  while (reader.next(cell)) {
  }
  return reader.status();
}

Status read_write(ByteReader& reader, const CommitView& commit, WriteView& write) {
  std::uint8_t head = 0;
  reader.u8(head);
  write.kind = static_cast<RowWrite::Kind>(head & ~kSameTable);
  if ((head & kSameTable) == 0)
    reader.u64(write.table.value);
  else if (commit.writes.empty())
    return damaged("no table");
  else
    write.table = commit.writes.back().table;
  if (!reader.bytes(write.key)) return damaged("cut short");
  std::string_view body;
  switch (write.kind) {
    case RowWrite::Kind::kInsert:
      if (!reader.bytes(body)) return damaged("cut short");
      write.image_offset = static_cast<std::size_t>(body.data() - commit.payload.data());
      write.image_size = body.size();
      return check_insert(body, commit.id());
    case RowWrite::Kind::kUpdate:
      if (!read_id(reader, write.birth) || !reader.bytes(write.cells)) return damaged("cut short");
      if (!(write.birth.stamp < commit.stamp) || !write.birth) return damaged("update older than the row");
      return check_cells(write.cells);
    case RowWrite::Kind::kDelete:
      if (!read_id(reader, write.birth)) return damaged("cut short");
      return write.birth.stamp < commit.stamp && write.birth ? Status() : damaged("delete older than the row");
  }
  return damaged("unknown kind of write");
}

Status read_dependencies(ByteReader& reader, CommitView& commit) {
  std::uint64_t count = 0;
  if (!reader.varint(count)) return damaged("cut short");
  OriginId last;
  for (std::uint64_t i = 0; i < count; ++i) {
    OriginId origin;
    OriginProgress progress;
    if (!reader.u64(origin.value) || !reader.varint(progress.sequence) || !reader.u64(progress.stamp.value))
      return damaged("cut short");
    if (origin <= last || origin == commit.dot.origin || progress.sequence == 0) return damaged("bad dependency");
    if (!(progress.stamp < commit.stamp)) return damaged("depends on a later commit");
    commit.dependencies.set(origin, progress);
    last = origin;
  }
  return {};
}

bool writes_a_row_twice(const std::vector<WriteView>& writes) {
  std::vector<const WriteView*> sorted;
  for (const WriteView& write : writes) sorted.push_back(&write);
  const auto less = [](const WriteView* a, const WriteView* b) {
    return std::tie(a->table, a->key) < std::tie(b->table, b->key);
  };
  if (std::is_sorted(sorted.begin(), sorted.end(), [&](auto* a, auto* b) { return !less(b, a); })) return false;
  std::sort(sorted.begin(), sorted.end(), less);
  return std::adjacent_find(sorted.begin(), sorted.end(), [&](auto* a, auto* b) { return !less(a, b); }) != sorted.end();
}

}  // namespace

Result<std::pair<Dot, Stamp>> peek_commit(std::string_view payload) {
  ByteReader reader(payload);
  std::uint8_t version = 0;
  Dot dot;
  Stamp stamp;
  if (!reader.u8(version) || version != kVersion) return damaged("unknown version");
  if (!reader.u64(dot.origin.value) || !reader.u64(dot.sequence) || !reader.u64(stamp.value)) return damaged("cut short");
  if (!dot.origin || dot.sequence == 0 || stamp.value == 0) return damaged("no dot or stamp");
  if (stamp.value >= kStampLimit) return damaged("stamp out of range");
  return std::pair(dot, stamp);
}

Result<CommitView> parse_commit(std::string_view payload) {
  LDB_ASSIGN_OR_RETURN(const auto dot_and_stamp, peek_commit(payload));
  CommitView commit;
  commit.payload = payload;
  std::tie(commit.dot, commit.stamp) = dot_and_stamp;
  ByteReader reader(payload);
  reader.skip(kHeaderSize);
  std::uint64_t count = 0;
  if (!reader.varint(count) || count > reader.remaining()) return damaged("bad number of writes");
  for (std::uint64_t i = 0; i < count; ++i) {
    WriteView write;
    LDB_TRY(read_write(reader, commit, write));
    commit.writes.push_back(write);
  }
  LDB_TRY(read_dependencies(reader, commit));
  if (!reader.u64(commit.previous_hash) || !reader.empty()) return damaged("bad end");
  if (writes_a_row_twice(commit.writes)) return damaged("writes a row twice");
  return commit;
}

Result<Commit> decode_commit(std::string_view payload) {
  LDB_ASSIGN_OR_RETURN(const CommitView view, parse_commit(payload));
  Commit commit{view.dot, view.stamp, view.dependencies, view.previous_hash, {}};
  for (const WriteView& write : view.writes) {
    RowWrite& out = commit.writes.emplace_back(RowWrite{write.kind, write.table, std::string(write.key), write.birth, {}});
    RowImageReader reader;
    if (write.kind == RowWrite::Kind::kInsert)
      LDB_TRY(reader.parse(view.image(write)));
    else
      reader.parse_cells(write.cells);
    RowCell cell;
    while (reader.next(cell))
      out.cells.push_back({cell.column, cell.is_null ? std::nullopt : std::optional<std::string>(cell.bytes)});
  }
  return commit;
}

std::uint64_t chain_hash(std::string_view payload, std::uint64_t previous_hash) {
  return hash64(payload.substr(0, payload.size() - kHashSize), previous_hash);
}

namespace {

std::size_t estimated_size(const std::vector<RowWrite>& writes, const VersionVector& dependencies) {
  std::size_t size = kHeaderSize + 20 + kHashSize + dependencies.entries().size() * kMaxDependencySize;
  for (const RowWrite& write : writes) {
    size += 1 + 8 + 10 + write.key.size() + kInsertImageHeader + 10;
    for (const CellWrite& cell : write.cells) size += 20 + (cell.value ? cell.value->size() : 0);
  }
  return size;
}

}  // namespace

CommitEncoder::CommitEncoder(const std::vector<RowWrite>& writes, VersionVector dependencies, WriteId provisional) {
  const std::size_t capacity = estimated_size(writes, dependencies);
  payload_.reserve(capacity);
  put_u8(payload_, kVersion);
  payload_.resize(kHeaderSize);
  put_varint(payload_, writes.size());
  std::string body;
  body.reserve(capacity / std::max<std::size_t>(writes.size(), 1));
  view_.writes.reserve(writes.size());
  for (const RowWrite& write : writes) {
    WriteView view{write.kind, write.table, {}, write.birth, {}, 0, 0};
    const bool same_table = !view_.writes.empty() && view_.writes.back().table == write.table;
    put_u8(payload_, static_cast<std::uint8_t>(static_cast<std::uint8_t>(write.kind) | (same_table ? kSameTable : 0)));
    if (!same_table) put_u64(payload_, write.table.value);
    put_bytes(payload_, write.key);
    view.key = std::string_view(payload_).substr(payload_.size() - write.key.size());
    body.clear();
    if (write.kind == RowWrite::Kind::kInsert) {
      append_insert_image(body, write.cells, {});
      put_bytes(payload_, body);
      view.image_offset = payload_.size() - body.size();
      view.image_size = body.size();
    } else {
      put_id(payload_, write.birth);
      if (write.kind == RowWrite::Kind::kUpdate) {
        append_cells(body, write.cells);
        put_bytes(payload_, body);
        view.cells = std::string_view(payload_).substr(payload_.size() - body.size());
      }
    }
    view_.writes.push_back(view);
  }
  LDB_CHECK(payload_.capacity() >= capacity && payload_.size() <= capacity);
  view_.payload = payload_;
  view_.dependencies = std::move(dependencies);
  view_.dot.origin = provisional.origin;
  view_.stamp = provisional.stamp;
}

std::string CommitEncoder::finish(Dot dot, Stamp stamp, std::uint64_t previous_hash) {
  store_u64(payload_.data() + 1, dot.origin.value);
  store_u64(payload_.data() + 9, dot.sequence);
  store_u64(payload_.data() + 17, stamp.value);
  for (const WriteView& write : view_.writes)
    if (write.kind == RowWrite::Kind::kInsert) set_insert_image_id(payload_.data() + write.image_offset, {stamp, dot.origin});
  const auto& entries = view_.dependencies.entries();
  const auto foreign = [&](const auto& entry) { return entry.first != dot.origin && entry.second.sequence != 0; };
  put_varint(payload_, static_cast<std::uint64_t>(std::count_if(entries.begin(), entries.end(), foreign)));
  for (const auto& entry : entries) {
    if (!foreign(entry)) continue;
    put_u64(payload_, entry.first.value);
    put_varint(payload_, entry.second.sequence);
    put_u64(payload_, entry.second.stamp.value);
  }
  put_u64(payload_, previous_hash);
  return std::move(payload_);
}

std::string encode_commit(const Commit& commit) {
  CommitEncoder encoder(commit.writes, commit.dependencies);
  return encoder.finish(commit.dot, commit.stamp, commit.previous_hash);
}

}  // namespace ldb
