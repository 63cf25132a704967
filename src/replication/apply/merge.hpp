// How writes and images combine (docs/REPLICATION.md sections 2 and 3). Pure functions: no clock, no disk, no lock.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string_view>
#include <vector>

#include "ldb/conflict_resolver.hpp"
#include "ldb/ids.hpp"
#include "txn/commit_codec.hpp"
#include "txn/row_image.hpp"

namespace ldb {

/// Why a write is in ldb.conflicts. The numbers are stored.
enum class ConflictKind : std::uint8_t {
  kCell = 1,        ///< two writes of one cell
  kBirth = 2,       ///< two inserts of one key; with a column: an update of the birth that lost
  kDeadRow = 3,     ///< an update of a row that was deleted meanwhile
  kDelete = 4,      ///< a delete of a row that was updated meanwhile
  kGone = 5,        ///< a write against a birth that this node does not have (any more)
  kUnique = 6,      ///< two live rows with one unique value; the loser is the later birth
  kForeignKey = 7,  ///< a child whose parent is gone
  /// Internal, never shown: one of two concurrent deletes. Its effect holds, unless a later update revives the row.
  kMaskedDelete = 8,
  kDroppedTable = 9,  ///< a write to a table that was dropped meanwhile
};

/// A write that lost, as the merge sees it; views borrow from what was merged.
struct Loss {
  ConflictKind kind = ConflictKind::kCell;
  std::optional<ColumnId> column;
  WriteId loser;
  std::optional<std::string_view> loser_value;  ///< a cell's value (none: NULL), or the image of a lost birth
  WriteId winner;                               ///< no id: there is none (kGone)
  std::optional<std::string_view> winner_value;
};

/// Which row, and how ties between its writes are decided.
class WriteOrder {
 public:
  WriteOrder(const ConflictResolver& resolver, TableId table, std::string_view key)
      : resolver_(resolver), table_(table), key_(key) {}

  bool cell_less(const RowImage::Cell& a, const RowImage::Cell& b) const;
  bool birth_less(WriteId a, WriteId b) const { return less({a}, {b}); }
  bool delete_less(WriteId a, WriteId b) const { return less({a}, {b}); }
  bool liveness_less(WriteId a, WriteId b) const { return less({a, ColumnId{}}, {b, ColumnId{}}); }
  /// Does a row with this liveness and tombstone live?
  bool survives(WriteId liveness, WriteId tombstone) const { return !tombstone || less({tombstone}, {liveness, ColumnId{}}); }

 private:
  struct Side {
    WriteId id;
    std::optional<ColumnId> column = std::nullopt;
    std::optional<std::string_view> value = std::nullopt;
  };
  bool less(const Side& a, const Side& b) const;

  const ConflictResolver& resolver_;
  TableId table_;
  std::string_view key_;
};

struct MergeResult {
  enum class Effect : std::uint8_t {
    kNone,      ///< the stored image stays
    kInserted,  ///< the insert's own image replaces what there was
    kMerged,    ///< `image` replaces what there was
  };
  Effect effect = Effect::kNone;
  RowImage image;        ///< kMerged only
  bool revived = false;  ///< the row was dead in this birth and lives again: records of its cells must go (ConflictLog::revive)
  std::vector<Loss> losses;
};

/// Applies one write of a commit to the image stored (null: none). `existing_bytes` is where `existing` was decoded from.
MergeResult merge_write(const WriteOrder& order, const RowImage* existing, std::string_view existing_bytes,
                        const CommitView& commit, const WriteView& write);

/// What a write loses whose table has ended: all of it, except that a deleted row stays deleted.
std::vector<Loss> lost_to_drop(const CommitView& commit, const WriteView& write, WriteId drop);
/// What an image loses with its table: what `seen_by_drop` denies. Of a dead row everything was recorded when it died.
std::vector<Loss> lost_to_drop(const RowImage& image, std::string_view bytes, WriteId drop,
                               const std::function<bool(const WriteId&)>& seen_by_drop);

/// Joins two images of one row, of a whole-state copy. A vector tells what its side had applied: a write that the other side's
/// vector does not cover met the other side's writes here for the first time.
MergeResult merge_images(const WriteOrder& order, std::string_view mine, const VersionVector& my_vector, std::string_view theirs,
                         const VersionVector& their_vector, const RowImage& my_image, const RowImage& their_image);

}  // namespace ldb
