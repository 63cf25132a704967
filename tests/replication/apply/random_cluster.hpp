// A random history: members that write, deliver late and out of order, and copy whole states.
#pragma once

#include "replication/apply/cluster_model.hpp"

namespace ldb::apply_test {

/// Members that write at random and hear from each other late, in any order that origins and dependencies allow.
class RandomCluster {
 public:
  RandomCluster(std::uint64_t seed, std::size_t members, bool greatest_value)
      : rng_(seed), resolver_(greatest_value ? new_greatest_value_resolver() : new_last_write_wins_resolver()) {
    for (std::size_t i = 0; i < members; ++i) {
      members_.push_back(std::make_unique<Member>(*resolver_));
      models_.emplace_back(greatest_value);
    }
    inbox_.resize(members);
  }

  void step() {
    const std::size_t i = below(rng_, members_.size());
    if (below(rng_, 3) != 0)
      deliver_one(i);
    else
      write(i);
    if (below(rng_, 40) == 0) check(i);
  }

  /// Member `to` takes a copy of the whole state of `from`, in stretches of a few rows.
  void copy(std::size_t from, std::size_t to) {
    Member& sender = *members_[from];
    Member& receiver = *members_[to];
    const auto view = sender.engine->view();
    const VersionVector vector = sender.applier->applied(view.get()).value();
    const auto rows = sender.engine->iterate(view.get(), keys::all_rows()).value();
    KeyRange range{keys::all_rows().lower, std::nullopt};
    std::vector<std::pair<std::string, std::string>> images;
    for (rows->seek_to_first(); rows->valid(); rows->next()) {
      if (!images.empty() && below(rng_, 3) == 0) {
        range.upper = images.back().first + '\0';
        REQUIRE(receiver.applier->copy_rows(range, images, vector).to_string() == "ok");
        if (below(rng_, 4) == 0) REQUIRE(receiver.applier->copy_rows(range, images, vector).to_string() == "ok");  // repeated
        range.lower = range.upper;
        images.clear();
      }
      images.emplace_back(rows->key(), rows->value());
    }
    range.upper = keys::all_rows().upper;
    REQUIRE(receiver.applier->copy_rows(range, images, vector).to_string() == "ok");
    REQUIRE(receiver.applier->finish_copy(vector, {}).to_string() == "ok");
    REQUIRE(receiver.applier->applied(nullptr)->covers(vector));
    for (const Commit& commit : all_)
      if (vector.covers(commit.dot) && !models_[to].has(commit.dot)) models_[to].add(commit);
    copied_.insert(to);
    check(to);
  }

  void settle() {
    for (std::size_t i = 0; i < members_.size(); ++i)
      while (!inbox_[i].empty()) deliver_one(i);
    for (std::size_t i = 0; i < members_.size(); ++i) {
      INFO("member " << i);
      check(i);
      REQUIRE(members_[i]->rows() == members_[0]->rows());
      REQUIRE(members_[i]->hash() == members_[0]->hash());
    }
  }
  std::map<ConflictKind, std::size_t> conflicts() {
    std::map<ConflictKind, std::size_t> kinds;
    for (const auto& member : members_)
      for (const ConflictRecord& record : member->conflicts()) ++kinds[record.kind];
    return kinds;
  }

  std::uint64_t random(std::uint64_t n) { return below(rng_, n); }
  std::size_t size() const { return members_.size(); }

 private:
  void check(std::size_t i) { models_[i].check(*members_[i], copied_.count(i) == 0); }

  std::vector<CellWrite> cells(bool all) {
    std::vector<CellWrite> out;
    for (std::uint32_t column = 1; column <= 3; ++column)
      if (all || below(rng_, 2) == 0)
        out.push_back(
            {ColumnId{column}, below(rng_, 5) == 0 ? std::nullopt : std::optional<std::string>(std::to_string(rng_() % 50))});
    return out;
  }

  void write(std::size_t i) {
    Member& member = *members_[i];
    std::vector<RowWrite> writes;
    for (std::uint64_t row = 0; row < 3; ++row) {
      if (!writes.empty() && below(rng_, 3) != 0) continue;
      if (writes.empty() && row < 2 && below(rng_, 2) == 0) continue;
      RowWrite write{RowWrite::Kind::kInsert, kTable, "row" + std::to_string(row), {}, {}};
      std::string bytes;
      const auto image = member.image(write.key, bytes);
      if (image && image->alive) {
        write.kind = static_cast<RowWrite::Kind>(below(rng_, 8) == 0 ? 1 : 2 + below(rng_, 2));
        if (write.kind != RowWrite::Kind::kInsert) write.birth = image->birth;
      }
      if (write.kind != RowWrite::Kind::kDelete) write.cells = cells(write.kind == RowWrite::Kind::kInsert);
      writes.push_back(write);
    }
    const auto outcome = member.commit(writes);
    REQUIRE(outcome.status().to_string() == "ok");
    for (const std::string& payload : member.new_log()) {
      const Commit commit = decode_commit(payload).value();
      if (commit.dot.origin != member.applier->origin()) continue;
      models_[i].add(commit);
      all_.push_back(commit);
      for (std::size_t other = 0; other < members_.size(); ++other)
        if (other != i) inbox_[other].push_back(payload);
    }
  }

  void deliver_one(std::size_t i) {
    if (inbox_[i].empty()) return;
    const std::size_t which = below(rng_, inbox_[i].size());
    const auto outcome = members_[i]->applier->apply_remote(inbox_[i][which], SyncPolicy::kNone);
    REQUIRE(outcome.status().to_string() == "ok");
    if (outcome->kind == ApplyOutcome::Kind::kGap) return;
    const Commit commit = decode_commit(inbox_[i][which]).value();
    REQUIRE((outcome->kind == ApplyOutcome::Kind::kDuplicate) == models_[i].has(commit.dot));
    REQUIRE((outcome->kind == ApplyOutcome::Kind::kApplied) == !models_[i].has(commit.dot));
    if (outcome->kind == ApplyOutcome::Kind::kApplied) models_[i].add(commit);
    const auto again = members_[i]->applier->apply_remote(inbox_[i][which], SyncPolicy::kNone);
    REQUIRE(again.is_ok());
    REQUIRE(again->kind == ApplyOutcome::Kind::kDuplicate);
    inbox_[i].erase(inbox_[i].begin() + static_cast<std::ptrdiff_t>(which));
  }

  Rng rng_;
  std::unique_ptr<ConflictResolver> resolver_;
  std::vector<std::unique_ptr<Member>> members_;
  std::vector<NaiveModel> models_;
  std::vector<std::vector<std::string>> inbox_;
  std::vector<Commit> all_;
  std::set<std::size_t> copied_;
};

}  // namespace ldb::apply_test
