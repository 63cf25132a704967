#include "replication/apply/merge.hpp"

#include <algorithm>

#include "base/planted_bug.hpp"

namespace ldb {

bool WriteOrder::less(const Side& a, const Side& b) const {
  if (a.id.stamp != b.id.stamp) return a.id.stamp < b.id.stamp;
  if (a.id.origin == b.id.origin) return false;
  return resolver_.compare_ties({a.id, table_, key_, a.column, a.value}, {b.id, table_, key_, b.column, b.value}) < 0;
}

bool WriteOrder::cell_less(const RowImage::Cell& a, const RowImage::Cell& b) const {
  return less({a.id, a.column, a.value}, {b.id, b.column, b.value});
}

namespace {

using Cell = RowImage::Cell;
using Effect = MergeResult::Effect;

/// Calls f(const Cell&) for each of the cells as a commit encodes them.
template <class F>
void for_each_cell(std::string_view encoded, WriteId id, F&& f) {
  RowImageReader reader;
  reader.parse_cells(encoded);
  RowCell cell;
  while (reader.next(cell)) f(Cell{cell.column, cell.is_null ? std::nullopt : std::optional<std::string_view>(cell.bytes), id});
}

Loss lost_to_cell(const Cell& loser, const Cell& winner) {
  return {ConflictKind::kCell, loser.column, loser.id, loser.value, winner.id, winner.value};
}
Loss lost_cell(ConflictKind kind, const Cell& loser, WriteId winner) {
  return {kind, loser.column, loser.id, loser.value, winner, std::nullopt};
}
Loss lost_row(ConflictKind kind, WriteId loser, std::optional<std::string_view> image, WriteId winner) {
  return {kind, std::nullopt, loser, image, winner, std::nullopt};
}

/// One write against one image: the state that the steps below share.
class WriteMerge {
 public:
  WriteMerge(const WriteOrder& order, const RowImage* existing, std::string_view existing_bytes, const CommitView& commit,
             const WriteView& write)
      : order_(order), existing_(existing), existing_bytes_(existing_bytes), commit_(commit), write_(write), id_(commit.id()) {}

  MergeResult run() {
    if (write_.kind == RowWrite::Kind::kInsert)
      insert();
    else if (existing_ == nullptr || order_.birth_less(existing_->birth, write_.birth))
      against_nothing();
    else if (existing_->birth != write_.birth)
      against_lower_birth();
    else if (write_.kind == RowWrite::Kind::kUpdate)
      update();
    else
      erase();
    return std::move(result_);
  }

 private:
  void insert() {
    if (existing_ == nullptr) {
      result_.effect = Effect::kInserted;
    } else if (order_.birth_less(existing_->birth, id_)) {
      result_.effect = Effect::kInserted;
      // Of a dead row everything was either recorded when it died, or overwritten by the delete.
      if (existing_->alive) lose_existing_row();
    } else if (existing_->birth != id_) {
      lose(lost_row(ConflictKind::kBirth, id_, commit_.image(write_), existing_->birth));
    }
  }

  void lose_existing_row() {
    if (!commit_.has_seen(existing_->birth)) lose(lost_row(ConflictKind::kBirth, existing_->birth, existing_bytes_, id_));
    for (const Cell& cell : existing_->cells)
      if (cell.id != existing_->birth && !commit_.has_seen(cell.id)) lose(lost_cell(ConflictKind::kBirth, cell, id_));
  }

  void against_nothing() {
    const WriteId winner = existing_ != nullptr ? existing_->birth : WriteId{};
    if (write_.kind == RowWrite::Kind::kDelete) return lose(lost_row(ConflictKind::kGone, id_, std::nullopt, winner));
    for_each_cell(write_.cells, id_, [&](const Cell& cell) { lose(lost_cell(ConflictKind::kGone, cell, winner)); });
  }

  void against_lower_birth() {
    if (write_.kind == RowWrite::Kind::kDelete) return;  // its effect holds
    for_each_cell(write_.cells, id_, [&](const Cell& cell) { lose(lost_cell(ConflictKind::kBirth, cell, existing_->birth)); });
  }

  void update() {
    result_.effect = Effect::kMerged;
    RowImage& image = result_.image;
    image.birth = existing_->birth;
    image.tombstone = existing_->tombstone;
    image.liveness = order_.liveness_less(existing_->liveness, id_) ? id_ : existing_->liveness;
    image.alive = order_.survives(image.liveness, image.tombstone);
    image.cells.reserve(existing_->cells.size() + 1);
    auto old = existing_->cells.begin();
    const auto end = existing_->cells.end();
    for_each_cell(write_.cells, id_, [&](const Cell& cell) {
      while (old != end && old->column < cell.column) image.cells.push_back(*old++);
      if (old != end && old->column == cell.column)
        image.cells.push_back(winner(*old++, cell));
      else
        image.cells.push_back(cell);
      if (!image.alive && image.cells.back().id == id_) lose(lost_cell(ConflictKind::kDeadRow, cell, image.tombstone));
    });
    image.cells.insert(image.cells.end(), old, end);
    if (image.alive && !existing_->alive) {
      // Had this commit seen the delete, then also the update that undid it, and the row would live already: so they are
      // concurrent.
      lose(lost_row(ConflictKind::kDelete, image.tombstone, std::nullopt, id_));
      result_.revived = true;
    }
  }

  const Cell& winner(const Cell& old, const Cell& written) {
    if (planted(PlantedBug::kApplyLastArrivalWins) || order_.cell_less(old, written)) {
      if (!commit_.has_seen(old.id)) lose(lost_to_cell(old, written));
      return written;
    }
    if (old.id != id_) lose(lost_to_cell(written, old));
    return old;
  }

  void erase() {
    result_.effect = Effect::kMerged;
    result_.image = *existing_;
    RowImage& image = result_.image;
    const WriteId before = image.tombstone;
    if (!before || order_.delete_less(before, id_)) image.tombstone = id_;
    if (!existing_->alive) {
      if (before != id_) lose(masked(before == image.tombstone ? id_ : before, image.tombstone));
      return;
    }
    image.alive = order_.survives(image.liveness, image.tombstone);
    if (image.alive) return lose(lost_row(ConflictKind::kDelete, id_, std::nullopt, image.liveness));
    for (const Cell& cell : image.cells)
      if (!commit_.has_seen(cell.id)) lose(lost_cell(ConflictKind::kDeadRow, cell, id_));
  }

  Loss masked(WriteId loser, WriteId winner) const { return lost_row(ConflictKind::kMaskedDelete, loser, std::nullopt, winner); }

  void lose(const Loss& loss) { result_.losses.push_back(loss); }

  const WriteOrder& order_;
  const RowImage* existing_;
  std::string_view existing_bytes_;
  const CommitView& commit_;
  const WriteView& write_;
  const WriteId id_;
  MergeResult result_;
};

/// One side of a join of images.
struct Side {
  const RowImage& image;
  std::string_view bytes;
  const VersionVector& other_vector;  // what the other side had applied

  bool is_new(WriteId id) const { return !other_vector.covers(id); }
};

class ImageMerge {
 public:
  ImageMerge(const WriteOrder& order, const Side& mine, const Side& theirs) : order_(order), mine_(mine), theirs_(theirs) {}

  MergeResult run() {
    if (order_.birth_less(mine_.image.birth, theirs_.image.birth))
      births_differ(theirs_, mine_);
    else if (mine_.image.birth != theirs_.image.birth)
      births_differ(mine_, theirs_);
    else
      join();
    if (result_.image == mine_.image) result_.effect = Effect::kNone;
    return std::move(result_);
  }

 private:
  void births_differ(const Side& winner, const Side& loser) {
    result_.effect = Effect::kMerged;
    result_.image = winner.image;
    if (!loser.image.alive) return;
    const WriteId winning = winner.image.birth;
    if (loser.is_new(loser.image.birth)) lose(lost_row(ConflictKind::kBirth, loser.image.birth, loser.bytes, winning));
    for (const Cell& cell : loser.image.cells)
      if (cell.id != loser.image.birth && loser.is_new(cell.id)) lose(lost_cell(ConflictKind::kBirth, cell, winning));
  }

  void join() {
    result_.effect = Effect::kMerged;
    RowImage& image = result_.image;
    const RowImage& a = mine_.image;
    const RowImage& b = theirs_.image;
    image.birth = a.birth;
    image.liveness = order_.liveness_less(a.liveness, b.liveness) ? b.liveness : a.liveness;
    image.tombstone = !a.tombstone || (b.tombstone && order_.delete_less(a.tombstone, b.tombstone)) ? b.tombstone : a.tombstone;
    image.alive = order_.survives(image.liveness, image.tombstone);
    auto x = a.cells.begin();
    auto y = b.cells.begin();
    while (x != a.cells.end() || y != b.cells.end()) {
      if (y == b.cells.end() || (x != a.cells.end() && x->column < y->column)) {
        keep(*x++, mine_);
      } else if (x == a.cells.end() || y->column < x->column) {
        keep(*y++, theirs_);
      } else {
        const bool theirs_wins = order_.cell_less(*x, *y);
        const Cell& loser = theirs_wins ? *x : *y;
        const Side& side = theirs_wins ? mine_ : theirs_;
        if (x->id != y->id && side.is_new(loser.id)) lose(lost_to_cell(loser, theirs_wins ? *y : *x));
        keep(theirs_wins ? *y : *x, theirs_wins ? theirs_ : mine_);
        ++x, ++y;
      }
    }
    lose_deletes(mine_);
    lose_deletes(theirs_);
    result_.revived = image.alive && !a.alive;
  }

  void keep(const Cell& cell, const Side& side) {
    result_.image.cells.push_back(cell);
    if (side.image.alive && !result_.image.alive && side.is_new(cell.id))
      lose(lost_cell(ConflictKind::kDeadRow, cell, result_.image.tombstone));
  }

  void lose_deletes(const Side& side) {
    const WriteId tombstone = side.image.tombstone;
    if (!tombstone || !side.is_new(tombstone)) return;
    if (result_.image.alive && !side.image.alive)
      lose(lost_row(ConflictKind::kDelete, tombstone, std::nullopt, result_.image.liveness));
    else if (!result_.image.alive && tombstone != result_.image.tombstone)
      lose(lost_row(ConflictKind::kMaskedDelete, tombstone, std::nullopt, result_.image.tombstone));
  }

  void lose(const Loss& loss) { result_.losses.push_back(loss); }

  const WriteOrder& order_;
  const Side& mine_;
  const Side& theirs_;
  MergeResult result_;
};

}  // namespace

MergeResult merge_write(const WriteOrder& order, const RowImage* existing, std::string_view existing_bytes,
                        const CommitView& commit, const WriteView& write) {
  return WriteMerge(order, existing, existing_bytes, commit, write).run();
}

std::vector<Loss> lost_to_drop(const CommitView& commit, const WriteView& write, WriteId drop) {
  std::vector<Loss> losses;
  if (write.kind == RowWrite::Kind::kInsert)
    losses.push_back(lost_row(ConflictKind::kDroppedTable, commit.id(), commit.image(write), drop));
  if (write.kind == RowWrite::Kind::kUpdate)
    for_each_cell(write.cells, commit.id(),
                  [&](const Cell& cell) { losses.push_back(lost_cell(ConflictKind::kDroppedTable, cell, drop)); });
  return losses;
}

std::vector<Loss> lost_to_drop(const RowImage& image, std::string_view bytes, WriteId drop,
                               const std::function<bool(const WriteId&)>& seen_by_drop) {
  std::vector<Loss> losses;
  if (!image.alive) return losses;
  if (!seen_by_drop(image.birth)) losses.push_back(lost_row(ConflictKind::kDroppedTable, image.birth, bytes, drop));
  for (const Cell& cell : image.cells)
    if (cell.id != image.birth && !seen_by_drop(cell.id)) losses.push_back(lost_cell(ConflictKind::kDroppedTable, cell, drop));
  return losses;
}

MergeResult merge_images(const WriteOrder& order, std::string_view mine, const VersionVector& my_vector, std::string_view theirs,
                         const VersionVector& their_vector, const RowImage& my_image, const RowImage& their_image) {
  const Side a{my_image, mine, their_vector};
  const Side b{their_image, theirs, my_vector};
  return ImageMerge(order, a, b).run();
}

}  // namespace ldb
