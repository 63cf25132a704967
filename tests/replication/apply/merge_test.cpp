#include "replication/apply/merge.hpp"

#include <catch2/catch.hpp>
#include <random>

namespace ldb {
namespace {

using Rng = std::mt19937_64;
std::uint64_t below(Rng& rng, std::uint64_t n) { return rng() % n; }

constexpr std::string_view kKey = "k";
const TableId kTable{2000};

/// All writes that some history made to one row.
struct History {
  struct Write {
    RowWrite::Kind kind;
    WriteId id, birth;
    std::vector<CellWrite> cells;
  };
  std::vector<Write> writes;

  explicit History(Rng& rng) {
    const auto cells = [&](bool all) {
      std::vector<CellWrite> out;
      for (std::uint32_t column = 0; column < 4; ++column) {
        if (!all && below(rng, 2) == 0) continue;
        out.push_back({ColumnId{column}, std::nullopt});
        if (below(rng, 4) != 0) out.back().value = std::string(1, static_cast<char>('a' + below(rng, 4)));
      }
      return out;
    };
    std::vector<WriteId> births;
    for (std::uint64_t i = 0, n = 1 + below(rng, 3); i < n; ++i) births.push_back({Stamp{1 + below(rng, 3)}, OriginId{i + 1}});
    for (const WriteId birth : births) writes.push_back({RowWrite::Kind::kInsert, birth, birth, cells(true)});
    std::set<WriteId> used;
    for (std::uint64_t i = 0, n = below(rng, 10); i < n; ++i) {
      const WriteId id{Stamp{5 + below(rng, 4)}, OriginId{1 + below(rng, 4)}};
      if (!used.insert(id).second) continue;
      const WriteId birth = births[below(rng, births.size())];
      if (below(rng, 3) == 0)
        writes.push_back({RowWrite::Kind::kDelete, id, birth, {}});
      else
        writes.push_back({RowWrite::Kind::kUpdate, id, birth, cells(false)});
    }
  }

  /// The image of some of the writes: the merge of one after the other.
  std::string image(const ConflictResolver& resolver, std::uint64_t subset, Rng& rng) const {
    std::vector<const Write*> order;
    std::vector<const Write*> rest;
    for (std::size_t i = 0; i < writes.size(); ++i)
      if ((subset >> i & 1) != 0) rest.push_back(&writes[i]);
    while (!rest.empty()) {  // any order in which each birth comes before its writes
      const std::size_t i = below(rng, rest.size());
      const bool ready = rest[i]->kind == RowWrite::Kind::kInsert ||
                         std::any_of(order.begin(), order.end(), [&](const Write* w) { return w->id == rest[i]->birth; }) ||
                         std::none_of(rest.begin(), rest.end(), [&](const Write* w) { return w->id == rest[i]->birth; });
      if (!ready) continue;
      order.push_back(rest[i]);
      rest.erase(rest.begin() + static_cast<std::ptrdiff_t>(i));
    }
    std::string stored;
    for (const Write* write : order) {
      const RowWrite row{write->kind, kTable, std::string(kKey), write->birth, write->cells};
      Commit commit;
      commit.dot = {write->id.origin, 1};
      commit.stamp = write->id.stamp;
      commit.writes = {row};
      const std::string payload = encode_commit(commit);
      const auto view = parse_commit(payload);
      REQUIRE(view.status().to_string() == "ok");
      RowImage existing;
      if (!stored.empty()) existing = decode_row_image(stored).value();
      const MergeResult result =
          merge_write(WriteOrder(resolver, kTable, kKey), stored.empty() ? nullptr : &existing, stored, *view, view->writes[0]);
      if (result.effect == MergeResult::Effect::kInserted) stored = view->image(view->writes[0]);
      if (result.effect == MergeResult::Effect::kMerged) stored = encode_row_image(result.image);
    }
    return stored;
  }
  std::uint64_t random_subset(Rng& rng) const {
    std::uint64_t subset = rng();
    for (std::size_t i = 0; i < writes.size(); ++i)  // nothing without its birth
      if ((subset >> i & 1) != 0)
        for (std::size_t b = 0; b < writes.size(); ++b)
          if (writes[b].id == writes[i].birth) subset |= 1ULL << b;
    return subset & ((1ULL << writes.size()) - 1);
  }
};

std::string join(const ConflictResolver& resolver, const std::string& a, const std::string& b) {
  if (a.empty() || b.empty()) return a.empty() ? b : a;
  const RowImage image_a = decode_row_image(a).value(), image_b = decode_row_image(b).value();
  const MergeResult result = merge_images(WriteOrder(resolver, kTable, kKey), a, {}, b, {}, image_a, image_b);
  return result.effect == MergeResult::Effect::kNone ? a : encode_row_image(result.image);
}

}  // namespace

TEST_CASE("Merging is a join: order, grouping and repetition do not matter") {
  for (const bool greatest_value : {false, true}) {
    const auto resolver = greatest_value ? new_greatest_value_resolver() : new_last_write_wins_resolver();
    const std::uint64_t seed = greatest_value ? 31 : 32;
    CAPTURE(seed);
    Rng rng(seed);
    for (int round = 0; round < 4000; ++round) {
      CAPTURE(round);
      const History history(rng);
      const std::uint64_t s = history.random_subset(rng), t = history.random_subset(rng), u = history.random_subset(rng);
      const std::string a = history.image(*resolver, s, rng), b = history.image(*resolver, t, rng),
                        c = history.image(*resolver, u, rng);
      REQUIRE(a == history.image(*resolver, s, rng));  // in another order
      REQUIRE(join(*resolver, a, a) == a);
      REQUIRE(join(*resolver, a, b) == join(*resolver, b, a));
      REQUIRE(join(*resolver, a, join(*resolver, b, c)) == join(*resolver, join(*resolver, a, b), c));
      REQUIRE(join(*resolver, a, b) == history.image(*resolver, s | t, rng));
    }
  }
}

TEST_CASE("The resolvers order writes of one stamp totally") {
  Rng rng(33);
  for (const bool greatest_value : {false, true}) {
    const auto resolver = greatest_value ? new_greatest_value_resolver() : new_last_write_wins_resolver();
    const std::string values[] = {"", "a", "b"};
    std::vector<Contender> all;
    for (std::uint64_t origin = 1; origin <= 8; ++origin) {
      Contender contender{{Stamp{9}, OriginId{origin}}, kTable, kKey, std::nullopt, std::nullopt};
      if (origin % 2 == 0) contender.column = ColumnId{1};
      if (origin % 2 == 0 && origin % 3 != 0) contender.value = values[origin % 3];
      all.push_back(contender);
    }
    for (const Contender& a : all) {
      for (const Contender& b : all) {
        if (&a == &b) continue;
        const auto less = [&](const Contender& x, const Contender& y) { return resolver->compare_ties(x, y) < 0; };
        REQUIRE(less(a, b) != less(b, a));
        for (const Contender& c : all)
          if (&c != &a && &c != &b && less(a, b) && less(b, c)) REQUIRE(less(a, c));
      }
    }
  }
}

}  // namespace ldb
