// The stored form of a row (docs/formats/row.md): values with the write ids that decide merges.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/coding.hpp"
#include "ldb/commit.hpp"
#include "ldb/ids.hpp"
#include "ldb/status.hpp"

namespace ldb {

/// Column ids above this are refused by decoders; no encoder may be given one.
constexpr std::uint32_t kMaxColumnId = 1U << 31;

/// One cell as the reader shows it; `bytes` points into the image.
struct RowCell {
  ColumnId column;
  bool is_null = false;
  std::uint32_t id_index = 0;  ///< RowImageReader::id()
  std::string_view bytes;      ///< empty when null
};

/// Walks the cells of a row image without copying. Value type, cheap; the image must outlive it. One thread.
///
/// parse() checks the header; cells are checked as they are walked: next() returns false at the end and at damage, status() tells
/// which.
class RowImageReader {
 public:
  /// kCorruption when the header is damaged; the reader then shows a dead row without cells.
  Status parse(std::string_view image);

  bool alive() const { return alive_; }
  WriteId birth() const { return birth_; }
  WriteId liveness() const { return liveness_; }
  /// No id when the row was never deleted within this birth.
  WriteId tombstone() const { return tombstone_; }

  /// The next cell in ascending column id.
  bool next(RowCell& cell) {
    if (p_ == end_) return false;
    auto head = static_cast<std::uint64_t>(static_cast<unsigned char>(*p_));
    if (head < 0x80) {
      ++p_;
    } else if (!varint(head)) {
      return false;
    }
    if (++column_ > kMaxColumnId) return fail();
    if ((head & flag_mask_) == 0) {
      cell.id_index = default_id_;
    } else if (!flags(head, cell)) {
      return false;
    }
    const std::uint64_t code = head >> shift_;
    cell.column.value = column_;
    cell.is_null = code == 0;
    const std::uint64_t size = code == 0 ? 0 : code - 1;
    if (size > static_cast<std::uint64_t>(end_ - p_)) return fail();
    cell.bytes = {p_, static_cast<std::size_t>(size)};
    p_ += size;
    return true;
  }
  /// Reads bare cells, as append_cells() wrote them, instead of an image; there are no ids then.
  void parse_cells(std::string_view cells);

  /// Back to the first cell.
  void rewind() {
    p_ = damaged_ ? end_ : cells_;
    column_ = before_first_;
  }
  /// Walks to a column from where the reader stands, so ascending lookups cost one pass. False when the row has no such cell.
  bool seek(ColumnId column, RowCell& cell);
  /// Looks from the start.
  bool find(ColumnId column, RowCell& cell) {
    rewind();
    return seek(column, cell);
  }

  /// The write id of a cell (by cell.id_index) or of any index below id_count().
  WriteId id(std::uint32_t index) const;
  std::uint32_t id_count() const { return id_count_; }

  Status status() const;

 private:
  bool varint(std::uint64_t& v);
  bool flags(std::uint64_t head, RowCell& cell);
  Status parse_general(std::string_view image);
  bool fail() {
    damaged_ = true;
    p_ = end_;
    return false;
  }

  const char* cells_ = nullptr;
  const char* p_ = nullptr;
  const char* end_ = nullptr;
  std::uint32_t column_ = 0;        // of the cell read last
  std::uint32_t before_first_ = 0;  // 0, or -1 when the first column is 0
  std::uint32_t default_id_ = 0;
  std::uint8_t shift_ = 1;
  std::uint8_t flag_mask_ = 1;
  bool alive_ = false;
  bool damaged_ = false;
  std::uint32_t id_count_ = 1;
  std::string_view origins_;  // general form: 8 bytes each
  std::string_view ids_;      // general form: all ids but the birth
  WriteId birth_, liveness_, tombstone_;
};

/// A row image taken apart, for merging. Values borrow from whatever they were decoded from.
struct RowImage {
  struct Cell {
    ColumnId column;
    std::optional<std::string_view> value;  ///< none: NULL
    WriteId id;
    friend bool operator==(const Cell&, const Cell&) = default;
  };
  WriteId birth;
  WriteId liveness;
  WriteId tombstone;  ///< no id: none
  bool alive = true;
  std::vector<Cell> cells;  ///< ascending column id, each once

  friend bool operator==(const RowImage&, const RowImage&) = default;
};

/// kCorruption on anything that encode_row_image cannot have made.
Result<RowImage> decode_row_image(std::string_view bytes);
/// Equal images give equal bytes. Every id must be above the birth or equal to it.
std::string encode_row_image(const RowImage& image);

/// Appends cells in the layout that images and commits share (no ids); read them with RowImageReader::parse_cells(). Ascending
/// column id.
void append_cells(std::string& out, const std::vector<CellWrite>& cells);

/// An insert's image: everything at one write id, which stands at fixed places so that it can be written last.
constexpr std::size_t kInsertImageHeader = 17;
void append_insert_image(std::string& out, const std::vector<CellWrite>& cells, WriteId id);
/// Sets the write id of the insert image that starts at `image`.
void set_insert_image_id(char* image, WriteId id);

/// A well-formed header of the form that an insert writes: such a row lives, without looking further.
inline bool is_uniform_image(std::string_view image) {
  return image.size() >= kInsertImageHeader && (static_cast<unsigned char>(image[0]) & 0xfd) == 0x10;
}

/// Whether the image's row lives; looks at the first two bytes only. kCorruption when they start no image.
Result<bool> image_lives(std::string_view image);
/// The image if its row lives.
Result<std::optional<std::string>> live_image(std::optional<std::string> image);

/// True when every write id in the image is in the past that the vector describes.
Result<bool> covered_by(std::string_view image, const VersionVector& vector);

}  // namespace ldb
