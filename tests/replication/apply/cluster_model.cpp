#include "replication/apply/cluster_model.hpp"

namespace ldb::apply_test {

std::map<std::string, std::vector<NaiveModel::Write>> NaiveModel::by_row() const {
  std::map<std::string, std::vector<Write>> rows;
  for (const Commit& commit : commits_)
    for (const RowWrite& write : commit.writes) rows[write.key].push_back({&commit, &write});
  return rows;
}

NaiveModel::RowState NaiveModel::state_of(const std::vector<Write>& writes) const {
  RowState state;
  for (const Write& w : writes)
    if (w.write->kind == RowWrite::Kind::kInsert && less(state.birth, w.id())) state.birth = w.id();
  for (const Write& w : writes) {
    if (w.birth() != state.birth) continue;
    if (w.write->kind == RowWrite::Kind::kDelete) {
      if (less(state.tombstone, w.id())) state.tombstone = w.id();
      continue;
    }
    if (less(state.liveness, w.id())) state.liveness = w.id();
    for (const CellWrite& cell : w.write->cells) {
      CellState& have = state.cells[cell.column.value];
      if (less(have.id, w.id(), 0, 0, have.value, cell.value)) have = {cell.value, w.id()};
    }
  }
  state.alive = state.birth && (!state.tombstone || less(state.tombstone, state.liveness, 0, 1));
  return state;
}

/// Did somebody who had seen this write do away with it?
bool NaiveModel::overwritten(const std::vector<Write>& writes, const Write& x, std::optional<std::uint32_t> column) const {
  for (const Write& y : writes) {
    if (!y.commit->has_seen(x.id())) continue;
    if (y.write->kind == RowWrite::Kind::kInsert) return true;
    if (y.write->birth != x.birth()) continue;
    if (x.write->kind == RowWrite::Kind::kDelete) {
      if (y.write->kind == RowWrite::Kind::kUpdate) return true;
      continue;
    }
    if (y.write->kind == RowWrite::Kind::kDelete) return true;
    for (const CellWrite& cell : y.write->cells)
      if (column == cell.column.value) return true;
  }
  return false;
}

void NaiveModel::check_image(Member& member, const std::string& key, const RowState& state) const {
  std::string bytes;
  const auto image = member.image(key, bytes);
  REQUIRE(image.has_value());
  REQUIRE(image->birth == state.birth);
  REQUIRE(image->liveness == state.liveness);
  REQUIRE(image->tombstone == state.tombstone);
  REQUIRE(image->alive == state.alive);
  REQUIRE(image->cells.size() == state.cells.size());
  for (const RowImage::Cell& cell : image->cells) {
    const CellState& expected = state.cells.at(cell.column.value);
    REQUIRE(cell.id == expected.id);
    REQUIRE(cell.value.has_value() == expected.value.has_value());
    if (cell.value) REQUIRE(*cell.value == *expected.value);
  }
}

void NaiveModel::check_records(const std::string& key, const std::vector<Write>& writes, const RowState& state,
                               const std::vector<ConflictRecord>& records, bool all_records) const {
  std::set<std::pair<std::optional<std::uint32_t>, WriteId>> recorded;
  std::map<WriteId, const Commit*> commits;
  for (const Write& w : writes) commits[w.id()] = w.commit;
  for (const ConflictRecord& record : records) {
    if (record.key != key) continue;
    const auto column = record.column ? std::optional<std::uint32_t>(record.column->value) : std::nullopt;
    recorded.emplace(column, record.loser);
    INFO("kind " << static_cast<int>(record.kind) << " loser " << record.loser.stamp.value << " winner "
                 << record.winner.stamp.value);
    REQUIRE(record.kind != ConflictKind::kGone);
    REQUIRE(record.kind != ConflictKind::kMaskedDelete);
    REQUIRE(commits.count(record.loser) == 1);
    REQUIRE(commits.count(record.winner) == 1);
    REQUIRE_FALSE(commits[record.loser]->has_seen(record.winner));
    REQUIRE_FALSE(commits[record.winner]->has_seen(record.loser));
    // An update of the lower birth loses to the higher birth, whatever its own stamp.
    if (record.kind != ConflictKind::kBirth || !column) REQUIRE(record.loser.stamp <= record.winner.stamp);
    if (column) REQUIRE_FALSE((state.alive && state.cells.count(*column) == 1 && state.cells.at(*column).id == record.loser));
    if (!column && record.kind == ConflictKind::kBirth) REQUIRE(record.loser != state.birth);
  }
  if (!all_records) return;
  for (const Write& x : writes) {
    const bool current = x.birth() == state.birth && state.alive;
    INFO("write " << x.id().stamp.value << " of " << x.id().origin.value << " kind " << static_cast<int>(x.write->kind));
    if (x.write->kind == RowWrite::Kind::kInsert) {
      REQUIRE((current || overwritten(writes, x, std::nullopt) || recorded.count({std::nullopt, x.id()}) == 1));
    } else if (x.write->kind == RowWrite::Kind::kDelete) {
      REQUIRE((!current || overwritten(writes, x, std::nullopt) || recorded.count({std::nullopt, x.id()}) == 1));
    } else {
      for (const CellWrite& cell : x.write->cells) {
        const std::uint32_t column = cell.column.value;
        const bool visible = current && state.cells.at(column).id == x.id();
        REQUIRE((visible || overwritten(writes, x, column) || recorded.count({column, x.id()}) == 1));
      }
    }
  }
}

void NaiveModel::check(Member& member, bool all_records) const {
  const std::vector<ConflictRecord> records = member.conflicts();
  for (const auto& [key, writes] : by_row()) {
    INFO("row " << key);
    const RowState state = state_of(writes);
    check_image(member, key, state);
    check_records(key, writes, state, records, all_records);
  }
}

}  // namespace ldb::apply_test
