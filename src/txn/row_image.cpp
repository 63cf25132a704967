#include "txn/row_image.hpp"

#include <algorithm>

#include "base/check.hpp"

namespace ldb {
namespace {

// First byte: version 1 in the high half; bit 0: general form; bit 1: the first column's predecessor is "-1" instead of 0.
constexpr std::uint8_t kVersionMask = 0xf0;
constexpr std::uint8_t kVersion = 0x10;
constexpr std::uint8_t kGeneral = 0x01;
constexpr std::uint8_t kColumnZero = 0x02;
// Second byte of the general form: these flags, and the number of origins less one in the high half (15: a varint with the rest
// follows).
constexpr std::uint8_t kTombstone = 0x01;
constexpr std::uint8_t kDead = 0x02;
constexpr std::uint8_t kLiveness = 0x04;   // written out; else it is the last id
constexpr std::uint8_t kDefaultId = 0x08;  // written out; else cells without an own id have the birth's
constexpr std::uint64_t kOriginsInByte = 15;
// Low bits of a cell's head.
constexpr std::uint64_t kSkip = 0x01;
constexpr std::uint64_t kOwnId = 0x02;  // general form only

constexpr std::uint32_t kBeforeZero = ~std::uint32_t{0};

bool known_form(std::uint8_t tag) {
  return (tag & kVersionMask) == kVersion && (tag & ~(kVersionMask | kGeneral | kColumnZero)) == 0;
}

Status damaged(const char* what) { return Status(StatusCode::kCorruption, std::string("row image: ") + what); }

/// The difference of two stamps, as the varints that are shortest for hybrid clocks (milliseconds, counter).
void put_stamp_delta(std::string& out, std::uint64_t delta) {
  put_varint(out, delta >> 16);
  put_varint(out, delta & 0xffff);
}

/// Walks the id list of a general image behind the birth.
class IdWalker {
 public:
  IdWalker(std::string_view ids, std::string_view origins, WriteId birth) : reader_(ids), origins_(origins), last_(birth) {}

  bool next(WriteId& id) {
    const std::uint64_t origin_count = origins_.size() / 8;
    std::uint64_t origin = 0, high = 0, low = 0;
    if (origin_count > 1 && !reader_.varint(origin)) return false;
    if (!reader_.varint(high) || !reader_.varint(low)) return false;
    if (origin >= origin_count || high >> 48 != 0 || low > 0xffff) return false;
    const std::uint64_t delta = high << 16 | low;
    if (delta > ~last_.stamp.value) return false;
    id = {Stamp{last_.stamp.value + delta}, OriginId{load_u64(origins_.data() + origin * 8)}};
    if (!(last_ < id)) return false;
    last_ = id;
    return true;
  }
  std::size_t offset() const { return reader_.offset(); }

 private:
  ByteReader reader_;
  std::string_view origins_;
  WriteId last_;
};

}  // namespace

Status RowImageReader::parse(std::string_view image) {
  *this = RowImageReader();
  if (image.empty()) return damaged("empty");
  const auto tag = static_cast<std::uint8_t>(image[0]);
  if (!known_form(tag)) return damaged("unknown version or form");
  before_first_ = (tag & kColumnZero) != 0 ? kBeforeZero : 0;
  if ((tag & kGeneral) != 0) {
    Status status = parse_general(image);
    if (!status) *this = RowImageReader();
    return status;
  }
  if (image.size() < kInsertImageHeader) return damaged("cut short");
  birth_ = {Stamp{load_u64(image.data() + 1)}, OriginId{load_u64(image.data() + 9)}};
  liveness_ = birth_;
  alive_ = true;
  cells_ = image.data() + kInsertImageHeader;
  end_ = image.data() + image.size();
  rewind();
  return {};
}

Status RowImageReader::parse_general(std::string_view image) {
  ByteReader reader(image.substr(1));
  std::uint8_t flags = 0;
  std::uint64_t count = 0, origins = 0, tombstone = 0, liveness = 0, fallback = 0;
  reader.u8(flags);
  origins = flags >> 4;
  if (origins == kOriginsInByte && reader.varint(origins)) origins += std::min(kOriginsInByte, ~std::uint64_t{0} - 1 - origins);
  ++origins;
  reader.varint(count);
  if ((flags & kTombstone) != 0) reader.varint(tombstone);
  if ((flags & kLiveness) != 0) reader.varint(liveness);
  if ((flags & kDefaultId) != 0) reader.varint(fallback);
  if (!reader.ok() || count == 0 || count > image.size() || origins > image.size() / 8) return damaged("bad header");
  if ((flags & kLiveness) == 0) liveness = count - 1;
  if (tombstone >= count || liveness >= count || fallback >= count) return damaged("id out of range");
  if ((flags & kTombstone) != 0 && tombstone == 0) return damaged("deleted by its own birth");
  if ((flags & kDead) != 0 && (flags & kTombstone) == 0) return damaged("dead without a tombstone");
  std::uint64_t birth_stamp = 0;
  if (!reader.raw(origins * 8, origins_) || !reader.u64(birth_stamp)) return damaged("cut short");
  birth_ = {Stamp{birth_stamp}, OriginId{load_u64(origins_.data())}};
  liveness_ = birth_;
  ids_ = reader.rest();
  IdWalker walker(ids_, origins_, birth_);
  WriteId id;
  for (std::uint64_t i = 1; i < count; ++i) {
    if (!walker.next(id)) return damaged("bad write id");
    if (i == liveness) liveness_ = id;
    if (i == tombstone) tombstone_ = id;
  }
  if ((flags & kTombstone) != 0 && !tombstone_) return damaged("tombstone without a stamp");
  cells_ = ids_.data() + walker.offset();
  end_ = image.data() + image.size();
  ids_ = ids_.substr(0, walker.offset());
  id_count_ = static_cast<std::uint32_t>(count);
  default_id_ = static_cast<std::uint32_t>(fallback);
  shift_ = 2;
  flag_mask_ = 3;
  alive_ = (flags & kDead) == 0;
  rewind();
  return {};
}

void RowImageReader::parse_cells(std::string_view cells) {
  *this = RowImageReader();
  before_first_ = kBeforeZero;
  cells_ = cells.data();
  end_ = cells.data() + cells.size();
  rewind();
}

bool RowImageReader::varint(std::uint64_t& v) {
  ByteReader reader({p_, static_cast<std::size_t>(end_ - p_)});
  if (!reader.varint(v)) return fail();
  p_ += reader.offset();
  return true;
}

bool RowImageReader::flags(std::uint64_t head, RowCell& cell) {
  if ((head & kSkip) != 0) {
    std::uint64_t skip = 0;
    if (!varint(skip)) return false;
    if (skip == 0 || skip > kMaxColumnId || column_ + skip > kMaxColumnId) return fail();
    column_ += static_cast<std::uint32_t>(skip);
  }
  cell.id_index = default_id_;
  if ((head & kOwnId & flag_mask_) != 0) {
    std::uint64_t index = 0;
    if (!varint(index)) return false;
    if (index >= id_count_) return fail();
    cell.id_index = static_cast<std::uint32_t>(index);
  }
  return true;
}

bool RowImageReader::seek(ColumnId column, RowCell& cell) {
  while (next(cell))
    if (cell.column >= column) return cell.column == column;
  return false;
}

WriteId RowImageReader::id(std::uint32_t index) const {
  WriteId id = birth_;
  IdWalker walker(ids_, origins_, birth_);
  for (std::uint32_t i = 0; i < index; ++i)
    if (!walker.next(id)) return birth_;  // cannot be: parse() walked them
  return id;
}

Status RowImageReader::status() const { return damaged_ ? damaged("bad cell") : Status(); }

Result<RowImage> decode_row_image(std::string_view bytes) {
  RowImageReader reader;
  LDB_TRY(reader.parse(bytes));
  RowImage image{reader.birth(), reader.liveness(), reader.tombstone(), reader.alive(), {}};
  std::vector<WriteId> ids;
  for (std::uint32_t i = 0; i < reader.id_count(); ++i) ids.push_back(reader.id(i));
  RowCell cell;
  while (reader.next(cell)) {
    image.cells.push_back({cell.column, std::nullopt, ids[cell.id_index]});
    if (!cell.is_null) image.cells.back().value = cell.bytes;
  }
  LDB_TRY(reader.status());
  return image;
}

namespace {

/// Appends cells one after the other; the reader's counterpart.
class CellWriter {
 public:
  CellWriter(std::string& out, unsigned shift, std::uint32_t before_first) : out_(out), shift_(shift), column_(before_first) {}

  void append(ColumnId column, std::optional<std::string_view> value, std::optional<std::uint64_t> own_id) {
    LDB_DCHECK(column.value <= kMaxColumnId);
    const std::uint32_t skip = column.value - (column_ + 1);
    const std::uint64_t code = value ? std::uint64_t{value->size()} + 1 : 0;
    put_varint(out_, code << shift_ | (skip != 0 ? kSkip : 0) | (own_id ? kOwnId : 0));
    if (skip != 0) put_varint(out_, skip);
    if (own_id) put_varint(out_, *own_id);
    if (value) out_.append(*value);
    column_ = column.value;
  }

 private:
  std::string& out_;
  const unsigned shift_;
  std::uint32_t column_;
};

bool starts_at_zero(const RowImage& image) { return !image.cells.empty() && image.cells.front().column.value == 0; }

bool is_uniform(const RowImage& image) {
  return image.alive && !image.tombstone && image.liveness == image.birth &&
         std::all_of(image.cells.begin(), image.cells.end(), [&](const RowImage::Cell& c) { return c.id == image.birth; });
}

void put_uniform_header(std::string& out, WriteId id, bool column_zero) {
  put_u8(out, static_cast<std::uint8_t>(kVersion | (column_zero ? kColumnZero : 0)));
  put_u64(out, id.stamp.value);
  put_u64(out, id.origin.value);
}

/// The distinct ids of an image, ascending, and how to name them.
struct IdTable {
  std::vector<WriteId> ids;
  std::vector<OriginId> origins;  // the birth's first, then in order of use
  std::uint64_t default_id = 0;   // the most frequent among cells, the first of equals

  explicit IdTable(const RowImage& image) {
    ids.reserve(3 + image.cells.size());
    ids.push_back(image.birth);
    ids.push_back(image.liveness);
    if (image.tombstone) ids.push_back(image.tombstone);
    for (const RowImage::Cell& cell : image.cells) ids.push_back(cell.id);
    std::sort(ids.begin(), ids.end());
    ids.erase(std::unique(ids.begin(), ids.end()), ids.end());
    LDB_CHECK(ids.front() == image.birth);
    for (const WriteId& id : ids)
      if (std::find(origins.begin(), origins.end(), id.origin) == origins.end()) origins.push_back(id.origin);
    std::vector<std::size_t> uses(ids.size());
    for (const RowImage::Cell& cell : image.cells) ++uses[index(cell.id)];
    default_id = static_cast<std::uint64_t>(std::max_element(uses.begin(), uses.end()) - uses.begin());
  }
  std::size_t index(const WriteId& id) const {
    return static_cast<std::size_t>(std::lower_bound(ids.begin(), ids.end(), id) - ids.begin());
  }
  std::size_t index(OriginId origin) const {
    return static_cast<std::size_t>(std::find(origins.begin(), origins.end(), origin) - origins.begin());
  }
};

void put_general_header(std::string& out, const RowImage& image, const IdTable& table) {
  const std::uint64_t liveness = table.index(image.liveness);
  const bool plain_liveness = liveness == table.ids.size() - 1;
  const std::uint64_t more_origins = table.origins.size() - 1;
  put_u8(out, static_cast<std::uint8_t>(kVersion | kGeneral | (starts_at_zero(image) ? kColumnZero : 0)));
  put_u8(out, static_cast<std::uint8_t>((image.tombstone ? kTombstone : 0) | (image.alive ? 0 : kDead) |
                                        (plain_liveness ? 0 : kLiveness) | (table.default_id != 0 ? kDefaultId : 0) |
                                        std::min(more_origins, kOriginsInByte) << 4));
  if (more_origins >= kOriginsInByte) put_varint(out, more_origins - kOriginsInByte);
  put_varint(out, table.ids.size());
  if (image.tombstone) put_varint(out, table.index(image.tombstone));
  if (!plain_liveness) put_varint(out, liveness);
  if (table.default_id != 0) put_varint(out, table.default_id);
  for (const OriginId origin : table.origins) put_u64(out, origin.value);
  put_u64(out, image.birth.stamp.value);
  for (std::size_t i = 1; i < table.ids.size(); ++i) {
    if (table.origins.size() > 1) put_varint(out, table.index(table.ids[i].origin));
    put_stamp_delta(out, table.ids[i].stamp.value - table.ids[i - 1].stamp.value);
  }
}

}  // namespace

std::string encode_row_image(const RowImage& image) {
  constexpr std::size_t kUsualHeader = 64;
  constexpr std::size_t kUsualCellHead = 6;
  std::size_t capacity = kUsualHeader;
  for (const RowImage::Cell& cell : image.cells) capacity += kUsualCellHead + (cell.value ? cell.value->size() : 0);
  std::string out;
  out.reserve(capacity);
  const std::uint32_t before_first = starts_at_zero(image) ? kBeforeZero : 0;
  if (is_uniform(image)) {
    put_uniform_header(out, image.birth, starts_at_zero(image));
    CellWriter writer(out, 1, before_first);
    for (const RowImage::Cell& cell : image.cells) writer.append(cell.column, cell.value, std::nullopt);
    return out;
  }
  const IdTable table(image);
  put_general_header(out, image, table);
  CellWriter writer(out, 2, before_first);
  for (const RowImage::Cell& cell : image.cells) {
    const std::size_t index = table.index(cell.id);
    writer.append(cell.column, cell.value, index == table.default_id ? std::nullopt : std::optional<std::uint64_t>(index));
  }
  return out;
}

namespace {
void append_cells(std::string& out, const std::vector<CellWrite>& cells, std::uint32_t before_first) {
  CellWriter writer(out, 1, before_first);
  for (const CellWrite& cell : cells)
    writer.append(cell.column, cell.value ? std::optional<std::string_view>(*cell.value) : std::nullopt, std::nullopt);
}
}  // namespace

void append_cells(std::string& out, const std::vector<CellWrite>& cells) { append_cells(out, cells, kBeforeZero); }

void append_insert_image(std::string& out, const std::vector<CellWrite>& cells, WriteId id) {
  const bool column_zero = !cells.empty() && cells.front().column.value == 0;
  put_uniform_header(out, id, column_zero);
  append_cells(out, cells, column_zero ? kBeforeZero : 0);
}

void set_insert_image_id(char* image, WriteId id) {
  store_u64(image + 1, id.stamp.value);
  store_u64(image + 9, id.origin.value);
}

Result<bool> image_lives(std::string_view image) {
  if (is_uniform_image(image)) return true;
  if (image.size() < 2) return damaged("cut short");
  const auto tag = static_cast<std::uint8_t>(image[0]);
  if (!known_form(tag) || (tag & kGeneral) == 0) return damaged("unknown version or form");
  return (static_cast<std::uint8_t>(image[1]) & kDead) == 0;
}

Result<std::optional<std::string>> live_image(std::optional<std::string> image) {
  if (!image) return image;
  LDB_ASSIGN_OR_RETURN(const bool lives, image_lives(*image));
  if (!lives) image.reset();
  return image;
}

Result<bool> covered_by(std::string_view image, const VersionVector& vector) {
  RowImageReader reader;
  LDB_TRY(reader.parse(image));
  for (std::uint32_t i = 0; i < reader.id_count(); ++i)
    if (!vector.covers(reader.id(i))) return false;
  return true;
}

}  // namespace ldb
