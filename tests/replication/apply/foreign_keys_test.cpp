// Records of kind kForeignKey: on every member, after every step, exactly the live rows whose parent is not alive.
#include "replication/apply/cluster_model.hpp"
#include "replication/apply/local_node.hpp"

namespace ldb::apply_test {
namespace {

const TableId kParent = kTable;
constexpr TableId kChild{2001};
constexpr IndexId kChildIndex{77};
constexpr ConstraintId kConstraint{88};

/// Column 1 of kChild holds the key of a row of kParent; NULL refers to nothing.
class FamilyIndexer final : public RowIndexer {
 public:
  static std::string prefix(std::string_view value) { return std::string(value) + '\0'; }

  Status index_entries(TableId table, std::string_view key, std::string_view image, std::vector<IndexEntry>& out) const override {
    if (table != kChild) return {};
    const std::string values = prefix(parent_of(image).value_or("\x01"));
    out.push_back({kChildIndex, values + std::string(key), values.size(), false});
    return {};
  }
  Status references(TableId table, std::string_view, std::string_view image, std::vector<RowReference>& out) const override {
    if (table != kChild || !known.load()) return {};
    if (const auto parent = parent_of(image)) out.push_back(reference(*parent));
    return {};
  }
  Status referrers(TableId table, std::string_view key, std::string_view, std::vector<RowReference>& out) const override {
    if (table == kParent && known.load()) out.push_back(reference(std::string(key)));
    return {};
  }
  Result<std::string> primary_key_of_entry(IndexId, std::string_view entry) const override {
    return std::string(entry.substr(entry.find('\0') + 1));
  }
  void catalog_changed(std::uint64_t) override {}

  static std::optional<std::string> parent_of(std::string_view image) {
    const std::string text = text_of(image);
    return text == "NULL" ? std::nullopt : std::optional<std::string>(text);
  }

  rt::Atomic<bool> known{true};

 private:
  static RowReference reference(const std::string& parent) {
    return {kConstraint, kChild, kChildIndex, prefix(parent), kParent, parent, {}, {}};
  }
};

/// Writes as a program would that keeps the constraint, and delivers in any causal order.
class Family {
 public:
  Family(std::uint64_t seed, std::size_t size) : rng_(seed), resolver_(new_last_write_wins_resolver()), inbox_(size) {
    for (std::size_t i = 0; i < size; ++i) {
      members_.push_back(std::make_unique<Member>(*resolver_));
      members_[i]->applier->set_indexer(&indexer);
    }
  }

  void step() {
    const std::size_t i = below(rng_, members_.size());
    if (below(rng_, 2) == 0 && !inbox_[i].empty()) {
      deliver(i);
    } else {
      write(*members_[i], i);
    }
    check(*members_[i]);
  }

  void settle() {
    for (std::size_t i = 0; i < members_.size(); ++i)
      while (!inbox_[i].empty()) deliver(i);
    for (const auto& member : members_) {
      check(*member);
      REQUIRE(member->rows() == members_[0]->rows());
      REQUIRE(records(*member) == records(*members_[0]));
    }
  }

  using Records = std::map<std::pair<std::string, WriteId>, std::pair<WriteId, std::optional<std::string>>>;
  static Records records(Member& member) {
    Records found;
    for (const ConflictRecord& record : member.conflicts()) {
      if (record.kind != ConflictKind::kForeignKey) continue;
      REQUIRE(record.table == kChild);
      REQUIRE(record.constraint == kConstraint);
      REQUIRE(found.emplace(std::pair(record.key, record.loser), std::pair(record.winner, record.winner_value)).second);
    }
    return found;
  }
  Member& operator[](std::size_t i) { return *members_[i]; }

  /// What the rows say.
  static void check(Member& member) {
    Records expected;
    for (const auto& [key, bytes] : member.rows()) {
      const RowImage child = decode_row_image(bytes).value();
      const auto parent_key = keys::table_of(key) == kChild && child.alive ? FamilyIndexer::parent_of(bytes) : std::nullopt;
      if (!parent_key) continue;
      std::string parent_bytes;
      const auto parent = member.image(*parent_key, parent_bytes);
      REQUIRE(parent);  // nothing is collected here
      if (!parent->alive) expected[{std::string(keys::primary_key_of(key)), child.birth}] = {parent->tombstone, parent_key};
    }
    REQUIRE(records(member) == expected);
  }

  FamilyIndexer indexer;
  std::size_t refused = 0;

 private:
  std::optional<RowImage> image(Member& member, TableId table, const std::string& key, std::string& bytes) {
    const auto stored = member.engine->get(nullptr, keys::row(table, key)).value();
    if (!stored) return std::nullopt;
    bytes = *stored;
    return decode_row_image(bytes).value();
  }

  void write(Member& member, std::size_t i) {
    std::vector<RowWrite> writes;
    std::vector<CommitRequirement> requirements;
    const bool child = below(rng_, 2) == 0;
    RowWrite write;
    write.table = child ? kChild : kParent;
    write.key = (child ? "c" : "p") + std::to_string(below(rng_, 3));
    std::string bytes;
    const auto existing = image(member, write.table, write.key, bytes);
    write.kind = RowWrite::Kind::kInsert;
    if (existing && existing->alive) {
      write.kind = below(rng_, 2) == 0 ? RowWrite::Kind::kUpdate : RowWrite::Kind::kDelete;
      write.birth = existing->birth;
    }
    if (write.kind != RowWrite::Kind::kDelete) write.cells = text(child ? "p" + std::to_string(below(rng_, 3)) : "x");
    if (child && write.kind != RowWrite::Kind::kDelete) {
      if (below(rng_, 6) == 0) {
        write.cells[0].value.reset();
      } else {
        requirements.push_back({CommitRequirement::Kind::kRowAlive, kParent, *write.cells[0].value, {}, {}, {}});
      }
    }
    if (!child && write.kind == RowWrite::Kind::kDelete) {
      requirements.push_back(
          {CommitRequirement::Kind::kNoEntries, kParent, write.key, kChildIndex, FamilyIndexer::prefix(write.key), {}});
    }
    writes.push_back(std::move(write));
    const auto view = member.engine->view();
    const auto outcome = member.commit_on(*view, std::move(writes), std::move(requirements));
    if (!outcome) {
      REQUIRE(outcome.error().code() == StatusCode::kConstraint);
      ++refused;
      return;
    }
    for (const std::string& payload : member.new_log()) {
      if (decode_commit(payload).value().dot.origin != member.applier->origin()) continue;
      for (std::size_t other = 0; other < members_.size(); ++other)
        if (other != i) inbox_[other].push_back(payload);
    }
  }

  void deliver(std::size_t i) {
    const std::size_t which = below(rng_, inbox_[i].size());
    const auto outcome = members_[i]->applier->apply_remote(inbox_[i][which], SyncPolicy::kNone);
    REQUIRE(outcome.status().to_string() == "ok");
    if (outcome->kind == ApplyOutcome::Kind::kGap) return;
    inbox_[i].erase(inbox_[i].begin() + static_cast<std::ptrdiff_t>(which));
  }

  Rng rng_;
  std::unique_ptr<ConflictResolver> resolver_;
  std::vector<std::unique_ptr<Member>> members_;
  std::vector<std::vector<std::string>> inbox_;
};

}  // namespace

TEST_CASE("After any commits in any order the foreign key records are the children without a parent") {
  std::size_t recorded = 0, refused = 0;
  for (std::uint64_t seed = 1; seed <= 400; ++seed) {
    CAPTURE(seed);
    Family family(seed, 2 + seed % 2);
    for (int i = 0; i < 80; ++i) {
      family.step();
      recorded += Family::records(family[0]).size();
    }
    family.settle();
    refused += family.refused;
  }
  CHECK(recorded > 200);
  CHECK(refused > 1000);
}

TEST_CASE("The record names the parent that the child refers to now") {
  Family family(1, 2);
  const auto change = [&](std::size_t member, RowWrite::Kind kind, TableId table, const std::string& key, const char* value) {
    RowWrite write{kind, table, key, {}, {}};
    if (value != nullptr) write.cells = text(value);
    if (kind != RowWrite::Kind::kInsert) {
      const auto stored = family[member].engine->get(nullptr, keys::row(table, key)).value();
      write.birth = decode_row_image(*stored).value().birth;
    }
    REQUIRE(family[member].commit({write}));
  };
  const auto exchange = [&](std::size_t from, std::size_t to) {
    for (const std::string& payload : family[from].new_log())
      REQUIRE(family[to].applier->apply_remote(payload, SyncPolicy::kNone).is_ok());
  };
  for (const char* parent : {"p0", "p1"}) change(0, RowWrite::Kind::kInsert, kParent, parent, "x");
  exchange(0, 1);
  family[1].new_log();
  // The one it refers to in the end was deleted earlier than the other.
  for (const char* parent : {"p1", "p0"}) change(0, RowWrite::Kind::kDelete, kParent, parent, nullptr);
  change(1, RowWrite::Kind::kInsert, kChild, "c", "p0");
  exchange(1, 0);
  REQUIRE(Family::records(family[0]).size() == 1);
  CHECK(Family::records(family[0]).begin()->second.second == "p0");
  change(1, RowWrite::Kind::kUpdate, kChild, "c", "p1");
  exchange(1, 0);
  Family::check(family[0]);
  REQUIRE(Family::records(family[0]).size() == 1);
  CHECK(Family::records(family[0]).begin()->second.second == "p1");
}

TEST_CASE("A look through the table finds children that came before their constraint, and takes stale records away") {
  Family family(7, 2);
  family.indexer.known.store(false);
  for (int i = 0; i < 300; ++i) {
    const auto write = [](RowWrite::Kind kind, TableId table, const std::string& key, WriteId birth, std::string value) {
      return RowWrite{kind, table, key, birth, text(std::move(value))};
    };
    const std::string key = std::to_string(i);
    REQUIRE(family[0].commit({write(RowWrite::Kind::kInsert, kParent, "p" + key, {}, "x")}));
    REQUIRE(family[0].commit({write(RowWrite::Kind::kInsert, kChild, "c" + key, {}, "p" + key)}));
    if (i % 3 != 0) continue;
    std::string bytes;
    const WriteId birth = family[0].image("p" + key, bytes)->birth;
    REQUIRE(family[0].commit({RowWrite{RowWrite::Kind::kDelete, kParent, "p" + key, birth, {}}}));
  }
  CHECK(Family::records(family[0]).empty());
  family.indexer.known.store(true);
  REQUIRE(family[0].applier->check_foreign_keys(kChild, 1).is_ok());
  CHECK(Family::records(family[0]).empty());  // not before the index is built that commits find children by
  CHECK_FALSE(family[0].engine->get(nullptr, keys::foreign_keys_checked(kChild)).value());
  REQUIRE(family[0].applier->build_index(kChild, kChildIndex).is_ok());
  REQUIRE(family[0].applier->check_foreign_keys(kChild, 1).is_ok());
  CHECK(Family::records(family[0]).size() == 100);
  Family::check(family[0]);
  family.indexer.known.store(false);  // the constraint was dropped
  REQUIRE(family[0].applier->check_foreign_keys(kChild, 0).is_ok());
  CHECK(Family::records(family[0]).empty());
}

}  // namespace ldb::apply_test
