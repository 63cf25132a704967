// Several appliers that exchange commits in any causal order, and a naive model that says what each of them should hold. The
// model shares no code with the merge: it looks at all writes of a row at once.
#pragma once

#include <catch2/catch.hpp>
#include <algorithm>
#include <map>
#include <memory>
#include <optional>
#include <random>
#include <set>
#include <string>
#include <vector>

#include "ldb/clock.hpp"
#include "replication/apply/applier.hpp"
#include "replication/conflict_log.hpp"
#include "replication/content_hash.hpp"
#include "txn/commit_codec.hpp"
#include "txn/keys.hpp"
#include "txn/row_image.hpp"

namespace ldb::apply_test {

using Rng = std::mt19937_64;
inline std::uint64_t below(Rng& rng, std::uint64_t n) { return rng() % n; }

inline const TableId kTable{2000};

/// One node: engine, clock, applier, and the payloads of commits it has made.
struct Member {
  explicit Member(const ConflictResolver& resolver, ApplierOptions options = {},
                  std::unique_ptr<StorageEngine> own_engine = nullptr)
      : engine(own_engine ? std::move(own_engine) : new_memory_engine()),
        clock(new_lamport_clock([] { return std::int64_t{1}; })) {
    applier = std::make_unique<Applier>(*engine, *clock, resolver, null_log_sink(), options);
    REQUIRE(applier->open().to_string() == "ok");
  }

  std::optional<RowImage> image(std::string_view key, std::string& bytes, const ReadView* view = nullptr) {
    const auto stored = engine->get(view, keys::row(kTable, key));
    REQUIRE(stored.is_ok());
    if (!*stored) return std::nullopt;
    bytes = **stored;
    const auto image = decode_row_image(bytes);
    REQUIRE(image.is_ok());
    return *image;
  }

  /// Commits on a view taken now; remembers the payload.
  Result<CommitOutcome> commit(std::vector<RowWrite> writes) {
    const auto view = engine->view();
    return commit_on(*view, std::move(writes));
  }
  Result<CommitOutcome> commit_on(const ReadView& view, std::vector<RowWrite> writes,
                                  std::vector<CommitRequirement> requirements = {}) {
    CommitRequest request;
    request.writes = std::move(writes);
    request.view_sequence = view.sequence();
    request.dependencies = applier->applied(&view).value();
    request.requirements = std::move(requirements);
    return applier->commit_local(std::move(request));
  }

  /// Payloads of this node's log since the last call, local and remote ones.
  std::vector<std::string> new_log() {
    std::vector<std::string> out;
    if (!reader) {
      auto opened = engine->changes(engine->log_begin());
      REQUIRE(opened.is_ok());
      reader = std::move(opened).value();
    }
    for (;;) {
      auto change = reader->next();
      REQUIRE(change.is_ok());
      if (!*change) return out;
      out.push_back((*change)->commit);
    }
  }

  replication::StateHash hash() {
    const auto view = engine->view();
    const auto hash = replication::content_hash(*engine, *view);
    REQUIRE(hash.is_ok());
    return *hash;
  }
  std::vector<std::pair<std::string, std::string>> rows() {
    std::vector<std::pair<std::string, std::string>> out;
    const auto iterator = engine->iterate(nullptr, keys::all_rows()).value();
    for (iterator->seek_to_first(); iterator->valid(); iterator->next()) out.emplace_back(iterator->key(), iterator->value());
    return out;
  }
  std::vector<ConflictRecord> conflicts() {
    std::vector<ConflictRecord> out;
    const auto view = engine->view();
    auto cursor = ConflictCursor::open(*engine, view.get()).value();
    for (; cursor->valid(); cursor->next()) out.push_back(cursor->record());
    REQUIRE(cursor->status().is_ok());
    return out;
  }

  std::unique_ptr<StorageEngine> engine;
  std::unique_ptr<Clock> clock;
  std::unique_ptr<Applier> applier;
  std::unique_ptr<ChangeReader> reader;
};

/// What a set of commits adds up to.
class NaiveModel {
 public:
  explicit NaiveModel(bool greatest_value) : greatest_value_(greatest_value) {}

  void add(const Commit& commit) { commits_.push_back(commit); }
  std::size_t size() const { return commits_.size(); }

  bool has(Dot dot) const {
    return std::any_of(commits_.begin(), commits_.end(), [&](const Commit& c) { return c.dot == dot; });
  }

  /// Compares every row and every conflict record of a node. What came by a whole-state copy has no records: then only that those
  /// there are tell the truth.
  void check(Member& member, bool all_records = true) const;

 private:
  struct Write {
    const Commit* commit;
    const RowWrite* write;
    WriteId id() const { return commit->id(); }
    WriteId birth() const { return write->kind == RowWrite::Kind::kInsert ? commit->id() : write->birth; }
  };
  struct CellState {
    std::optional<std::string> value;
    WriteId id;
  };
  struct RowState {
    WriteId birth, liveness, tombstone;
    bool alive = false;
    std::map<std::uint32_t, CellState> cells;
  };

  bool less(WriteId a, WriteId b, int rank_a = 0, int rank_b = 0, const std::optional<std::string>& va = std::nullopt,
            const std::optional<std::string>& vb = std::nullopt) const {
    if (a.stamp != b.stamp) return a.stamp < b.stamp;
    if (greatest_value_ && rank_a != rank_b) return rank_a < rank_b;
    if (greatest_value_ && va != vb) return va < vb;
    return a.origin < b.origin;
  }
  std::map<std::string, std::vector<Write>> by_row() const;
  RowState state_of(const std::vector<Write>& writes) const;
  bool overwritten(const std::vector<Write>& writes, const Write& x, std::optional<std::uint32_t> column) const;
  void check_image(Member& member, const std::string& key, const RowState& state) const;
  void check_records(const std::string& key, const std::vector<Write>& writes, const RowState& state,
                     const std::vector<ConflictRecord>& records, bool all_records) const;

  bool greatest_value_;
  std::vector<Commit> commits_;
};

}  // namespace ldb::apply_test
