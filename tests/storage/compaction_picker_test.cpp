// What is compacted, and when: the policy, without files.
#include <algorithm>
#include <catch2/catch.hpp>

#include "base/random.hpp"
#include "storage/compaction/compaction_picker.hpp"
#include "storage/compaction/compaction_turns.hpp"

namespace ldb::storage {
namespace {

constexpr std::uint64_t kBase = 512 << 20;
constexpr std::uint64_t kMiB = 1 << 20;

/// A tree made of descriptions of tables.
struct Tree {
  Version version;
  std::uint64_t numbers = 0;
  const std::shared_ptr<ObsoleteTables> obsolete = std::make_shared<ObsoleteTables>();

  void add(int level, std::string smallest, std::string largest, std::uint64_t bytes, bool compressed = true) {
    TableMeta meta;
    meta.number = ++numbers;
    meta.file_size = bytes;
    meta.smallest = std::move(smallest);
    meta.largest = std::move(largest);
    meta.compressed = compressed;
    version.levels[static_cast<std::size_t>(level)].push_back(std::make_shared<TableFile>(std::move(meta), obsolete));
    version.arrange();
  }
};

}  // namespace

TEST_CASE("Level 0 is merged at four tables when they are twice as heavy as what they are merged with, else at eight") {
  Tree tree;
  CompactionPicker picker(kBase, true);
  const std::uint64_t base_table = GENERATE(0, 40, 41, 400) * kMiB;
  if (base_table > 0) tree.add(kLevels - 1, "a", "z", base_table);
  const bool light = base_table <= 40 * kMiB;
  std::size_t tables = 0;
  for (; tables < 3; ++tables) tree.add(0, "a", "z", 20 * kMiB);
  CHECK_FALSE(picker.pick(tree.version));
  tree.add(0, "a", "z", 20 * kMiB);
  CHECK(picker.pick(tree.version).has_value() == light);
  if (!light) {
    const bool soon = base_table <= 70 * kMiB;  // a fifth table makes them twice as heavy
    for (++tables; tables < 7; ++tables) tree.add(0, "a", "z", 20 * kMiB);
    CHECK(picker.pick(tree.version).has_value() == soon);
    tree.add(0, "a", "z", 20 * kMiB);
  }
  // However heavy the base level is, eight tables are as urgent as ever.
  if (!light) CHECK(picker.score(tree.version, 0) == 2);
  const auto job = picker.pick(tree.version);
  REQUIRE(job);
  CHECK(job->level == 0);
  CHECK(job->output_level == kLevels - 1);
  CHECK(job->inputs.size() == tree.version.levels[0].size());
  CHECK(job->below.size() == tree.version.levels[kLevels - 1].size());
  CHECK_FALSE(job->move);
}

TEST_CASE("Tables of level 0 that do not overlap are one run, up to four of them") {
  Tree tree;
  CHECK(tree.version.level0_runs() == 0);
  for (int i = 0; i < 3; ++i) {
    tree.add(0, "a", "m", kMiB);
    tree.add(0, "n", "z", kMiB);
    CHECK(tree.version.level0_runs() == static_cast<std::size_t>(i + 1));
  }
  tree.add(0, "m", "n", kMiB);  // bounds are inclusive: there are four at each of them
  CHECK(tree.version.level0_runs() == 4);

  Tree disjoint;
  for (const char key : std::string_view("abcdefghi")) disjoint.add(0, std::string(1, key), std::string(1, key) + "z", kMiB);
  CHECK(disjoint.version.level0_runs() == 3);  // nine tables
  CHECK(disjoint.version.level0_chains.size() == 1);
}

TEST_CASE("Level 0 is taken apart into as few chains of disjoint tables as there can be") {
  Random random(GENERATE(1, 2, 3, 4));
  Tree tree;
  for (int i = 0; i < 60; ++i) {
    const std::uint64_t first = random.below(900);
    tree.add(0, std::to_string(1000 + first), std::to_string(1000 + first + random.below(100)), kMiB);
  }
  std::size_t deepest = 0;
  for (int key = 1000; key < 2000; ++key) {
    std::size_t depth = 0;
    for (const TablePtr& table : tree.version.levels[0]) {
      const std::string text = std::to_string(key);
      depth += !table->meta.starts_after(text) && !table->meta.ends_before(text) ? 1 : 0;
    }
    deepest = std::max(deepest, depth);
  }
  CHECK(tree.version.level0_chains.size() == deepest);
  std::size_t tables = 0;
  for (const auto& chain : tree.version.level0_chains) {
    tables += chain.size();
    for (std::size_t i = 1; i < chain.size(); ++i) CHECK(chain[i - 1]->meta.largest < chain[i]->meta.smallest);
  }
  CHECK(tables == 60);
}

TEST_CASE("A memtable flushed in two halves counts once") {
  Tree tree;
  CompactionPicker picker(kBase, true);
  tree.add(kLevels - 1, "a", "z", 400 * kMiB);
  for (int i = 0; i < 7; ++i) {
    tree.add(0, "a", "m", 10 * kMiB);
    tree.add(0, "n", "z", 10 * kMiB);
  }
  CHECK_FALSE(picker.pick(tree.version));
  tree.add(0, "a", "m", 10 * kMiB);
  tree.add(0, "n", "z", 10 * kMiB);
  const auto job = picker.pick(tree.version);
  REQUIRE(job);
  CHECK(job->inputs.size() == 16);
}

TEST_CASE("Tables that could not sink and do not overlap are merged before there are many") {
  Tree tree;
  CompactionPicker picker(kBase, true);
  tree.add(kLevels - 1, "a", "z", 4000 * kMiB);
  std::size_t tables = 0;
  while (!picker.pick(tree.version)) {
    REQUIRE(++tables < 100);
    tree.add(0, "k" + std::to_string(1000 + 2 * tables), "k" + std::to_string(1001 + 2 * tables), kMiB);
  }
  CHECK(tables == 13);  // more than four times three
  CHECK_FALSE(picker.pick(tree.version)->move);
}

TEST_CASE("A table whose range nothing overlaps sinks as it is, unless it is from a time without compression") {
  Tree tree;
  CompactionPicker picker(kBase, true);
  const bool compressed = GENERATE(true, false);
  tree.add(kLevels - 1, "a", "az", kMiB);
  for (const char key : std::string_view(compressed ? "bcde" : "bcdefghijklmn")) {
    CHECK_FALSE(picker.pick(tree.version));
    tree.add(0, std::string(1, key), std::string(1, key) + "z", kMiB, compressed);
  }
  const auto job = picker.pick(tree.version);
  REQUIRE(job);
  CHECK(job->move == compressed);
  if (compressed) {
    REQUIRE(job->inputs.size() == 1);
    CHECK(job->inputs[0]->meta.smallest == "b");  // the oldest
  } else {
    CHECK(job->inputs.size() == 13);
  }
  CHECK(job->below.empty());
}

TEST_CASE("A range of a level is compacted in jobs of at most twice the base size, one behind the other") {
  Tree tree;
  const CompactionPicker picker(kBase, true);
  const auto key = [](int n) { return "key" + std::to_string(1000 + n); };
  // Each of forty tables lies on two others, and shares both with its neighbours.
  for (int i = 0; i < 40; ++i) tree.add(4, key(10 * i), key(10 * i + 9), 64 * kMiB);
  for (int i = 0; i < 41; ++i) tree.add(5, key(10 * i - 5), key(10 * i + 4), 64 * kMiB);
  tree.add(5, key(500), key(509), 64 * kMiB);
  tree.add(4, key(500), key(509), 5 * kBase);  // one that is too big by itself
  tree.add(4, key(600), key(609), 64 * kMiB);
  KeyRange range{key(15), key(605)};
  std::vector<std::uint64_t> seen;
  int jobs = 0;
  for (; const auto job = picker.pick_range(tree.version, 4, 5, range, UINT64_MAX); ++jobs) {
    REQUIRE_FALSE(job->inputs.empty());
    std::uint64_t bytes = 0;
    for (const TablePtr& table : job->inputs) seen.push_back(table->meta.number), bytes += table->meta.file_size;
    for (const TablePtr& table : job->below) bytes += table->meta.file_size;
    CHECK((bytes <= 2 * kBase || job->inputs.size() == 1));
    for (const TablePtr& table : tree.version.levels[5]) {
      const bool overlaps =
          table->meta.largest >= job->inputs.front()->meta.smallest && table->meta.smallest <= job->inputs.back()->meta.largest;
      CHECK(overlaps == (std::find(job->below.begin(), job->below.end(), table) != job->below.end()));
    }
    range.lower = job->inputs.back()->meta.end();
    REQUIRE(jobs < 100);
  }
  CHECK(jobs == 8);
  std::vector<std::uint64_t> expected;
  for (const TablePtr& table : tree.version.levels[4])
    if (table->meta.largest >= key(15)) expected.push_back(table->meta.number);
  CHECK(seen == expected);
}

TEST_CASE("The end of a table is the least key that it ends before") {
  TableMeta meta;
  meta.largest = "key";
  for (const bool exclusive : {false, true}) {
    meta.largest_exclusive = exclusive;
    CHECK(meta.ends_before(meta.end()));
    CHECK(meta.ends_before("key") == exclusive);
    CHECK(meta.end() == (exclusive ? "key" : std::string("key\0", 4)));
  }
}

TEST_CASE("Nothing is picked whose tables are being compacted") {
  Tree tree;
  CompactionPicker picker(kBase, true);
  for (int i = 0; i < 8; ++i) tree.add(0, "a", "z", kMiB);
  tree.add(kLevels - 1, "a", "m", 2 * kMiB);
  REQUIRE(picker.pick(tree.version));
  const bool input = GENERATE(true, false);
  const TablePtr& busy = input ? tree.version.levels[0][3] : tree.version.levels[kLevels - 1][0];
  busy->being_compacted = true;
  CHECK_FALSE(picker.pick(tree.version));
}

TEST_CASE("The tree grows upwards from its deepest level, a tenth a level, down to the base size") {
  Tree tree;
  CompactionPicker picker(kBase, true);
  CHECK(picker.shape(tree.version).base_level == kLevels - 1);
  tree.add(kLevels - 1, "a", "z", 20 * kBase);
  CHECK(picker.shape(tree.version).base_level == kLevels - 3);
  CHECK(picker.shape(tree.version).target_bytes[kLevels - 2] == 2 * kBase);
  CHECK(picker.shape(tree.version).target_bytes[kLevels - 3] == kBase);
  // A level above its size gives a table to the one below.
  tree.add(kLevels - 2, "a", "m", 2 * kBase);
  tree.add(kLevels - 2, "n", "z", kBase / 2);
  const auto job = picker.pick(tree.version);
  REQUIRE(job);
  CHECK(job->level == kLevels - 2);
  CHECK(job->output_level == kLevels - 1);
  CHECK(job->inputs.size() == 1);
}

TEST_CASE("Callers compact in the order in which they asked, and the background gets a turn after each of them") {
  CompactionTurns turns;
  CHECK(turns.background_may_begin());
  turns.begin_background();
  CHECK_FALSE(turns.background_may_begin());
  const std::uint64_t a = turns.stand_in_line();
  const std::uint64_t b = turns.stand_in_line();
  CHECK_FALSE(turns.may_begin(a));
  turns.end_background();
  CHECK_FALSE(turns.background_may_begin());  // it would never end
  CHECK(turns.may_begin(a));
  CHECK_FALSE(turns.may_begin(b));
  turns.begin(a);
  CHECK_FALSE(turns.may_begin(b));
  CHECK_FALSE(turns.background_may_begin());
  turns.end();
  const std::uint64_t a_again = turns.stand_in_line();
  CHECK_FALSE(turns.may_begin(a_again));
  SECTION("something is due") {
    CHECK(turns.background_may_begin());
    turns.begin_background();
    CHECK_FALSE(turns.may_begin(b));
    turns.end_background();
    CHECK_FALSE(turns.background_may_begin());
  }
  SECTION("nothing is due") {}
  CHECK(turns.may_begin(b));
  SECTION("the next one goes away") {
    turns.leave(b);
    CHECK(turns.may_begin(a_again));
  }
}

}  // namespace ldb::storage
