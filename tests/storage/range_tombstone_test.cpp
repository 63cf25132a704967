// Range tombstones in memory: what they hide, what of them goes on into tables, and what they take.
#include <algorithm>
#include <catch2/catch.hpp>
#include <map>
#include <set>

#include "base/random.hpp"
#include "storage/compaction/entry_sieve.hpp"
#include "storage/memtable/memtable.hpp"
#include "storage/range_tombstone.hpp"

namespace ldb::storage {
namespace {

std::string key_of(std::uint64_t n) {
  std::string digits = std::to_string(n);
  return std::string(8 - digits.size(), '0') + digits;
}

/// Few different bounds, so that many are equal; now and then an empty range, or all keys.
std::vector<RangeTombstone> random_tombstones(Random& random, std::uint64_t most, std::uint64_t keys, std::uint64_t sequences) {
  std::vector<RangeTombstone> result;
  const std::uint64_t shape = random.below(4);
  for (std::uint64_t i = 0, n = random.below(most + 1); i < n; ++i) {
    std::uint64_t start = random.below(keys);
    std::uint64_t end = random.below(keys);
    if (shape == 1) start = 0;
    if (shape == 2) start = std::min(i, keys / 2), end = keys - start;  // nested
    if (shape == 3) end = start + random.below(3);
    result.push_back({key_of(start), key_of(end), 1 + random.below(sequences)});
  }
  return result;
}

std::uint64_t naive_covering(const std::vector<RangeTombstone>& tombstones, std::string_view key, std::uint64_t visible) {
  std::uint64_t newest = 0;
  for (const RangeTombstone& t : tombstones) {
    if (t.start <= key && key < t.end && t.sequence <= visible) newest = std::max(newest, t.sequence);
  }
  return newest;
}

bool naive_overlaps(const std::vector<RangeTombstone>& tombstones, std::string_view lower, std::string_view upper) {
  return std::any_of(tombstones.begin(), tombstones.end(),
                     [&](const RangeTombstone& t) { return t.start < t.end && t.start <= upper && t.end > lower; });
}

/// At or below each view, and between two of them.
std::vector<std::uint64_t> random_views(Random& random, std::uint64_t sequences) {
  std::set<std::uint64_t> views;
  for (std::uint64_t i = 0, n = random.below(5); i < n; ++i) views.insert(random.below(sequences));
  views.insert(sequences);  // the newest published one
  return {views.begin(), views.end()};
}

std::size_t raw_bytes(std::size_t tombstones) { return tombstones * (sizeof(RangeTombstone) + 2 * key_of(0).size()); }

}  // namespace

TEST_CASE("Fragmented tombstones answer as the raw ones do") {
  Random random(10);
  for (int round = 0; round < 400; ++round) {
    CAPTURE(round);
    const std::uint64_t keys = 2 + random.below(40);
    const std::uint64_t sequences = 1 + random.below(60);
    const std::vector<RangeTombstone> raw = random_tombstones(random, 40, keys, sequences);
    const FragmentedTombstones fragmented(raw);
    REQUIRE(std::is_sorted(fragmented.bounds().begin(), fragmented.bounds().end()));
    for (int i = 0; i < 60; ++i) {
      const std::string key = key_of(random.below(keys + 2));
      const std::string upper = std::max(key, key_of(random.below(keys + 2)));
      const std::uint64_t at = random.below(sequences + 2);
      REQUIRE(fragmented.covering(key, at) == naive_covering(raw, key, at));
      REQUIRE(fragmented.overlaps(key, upper) == naive_overlaps(raw, key, upper));
    }
    std::vector<RangeTombstone> copy;
    fragmented.append_to(copy);
    REQUIRE(copy.size() == fragmented.size());
    for (std::uint64_t n = 0; n < keys + 2; ++n) {
      REQUIRE(naive_covering(copy, key_of(n), kMaxSequence) == naive_covering(raw, key_of(n), kMaxSequence));
    }
  }
}

TEST_CASE("A memtable's tombstones are all seen, however adding and asking take turns") {
  Random random(11);
  for (int round = 0; round < 60; ++round) {
    CAPTURE(round);
    const std::uint64_t keys = 2 + random.below(40);
    Memtable memtable(std::make_shared<BlockPool>(0), {});
    CHECK(memtable.tombstones() == nullptr);
    std::vector<RangeTombstone> raw;
    std::uint64_t sequence = 0;
    std::shared_ptr<const TombstoneLists> before;
    for (std::uint64_t i = 0, n = random.below(100); i < n; ++i) {
      const std::vector<RangeTombstone> some = random_tombstones(random, 1 + random.below(10), keys, 1);
      ++sequence;  // a batch has one, or several
      for (const RangeTombstone& t : some) {
        raw.push_back({t.start, t.end, sequence += random.below(2)});
        memtable.add(t.start, make_tag(sequence, EntryKind::kDeleteRange), t.end);
      }
      if (random.one_in(2)) continue;
      const std::string key = key_of(random.below(keys + 2));
      const std::uint64_t at = random.below(sequence + 2);
      const auto tombstones = memtable.tombstones();
      REQUIRE((tombstones ? tombstones->covering(key, at) : 0) == naive_covering(raw, key, at));
      // What was asked for earlier goes on to answer for its time.
      if (before) REQUIRE(before->covering(key, 1) == naive_covering(raw, key, 1));
      before = tombstones;
    }
  }
}

TEST_CASE("A queue trimmed from its front takes memory by the number of its trims, with reads in between") {
  constexpr std::size_t kTrims = 20'000;
  Memtable memtable(std::make_shared<BlockPool>(0), {});
  const std::size_t empty_bytes = memtable.memory_usage();
  std::size_t lists = 0;
  for (std::uint64_t i = 1; i <= kTrims; ++i) {
    memtable.add("", make_tag(i, EntryKind::kDeleteRange), key_of(i));
    const auto tombstones = memtable.tombstones();
    lists = std::max(lists, tombstones->lists().size());
    REQUIRE(tombstones->covering(key_of(i), kMaxSequence) == 0);
    REQUIRE(tombstones->covering(key_of(i - 1), kMaxSequence) == i);
    if (i < 3) continue;
    REQUIRE(tombstones->covering(key_of(i / 2), i - 1) == i - 1);
    REQUIRE(tombstones->covering(key_of(i / 2), i / 2 + 1) == i / 2 + 1);
  }
  CHECK(lists < 16);
  CHECK(memtable.memory_usage() - empty_bytes < 2 * raw_bytes(kTrims));
}

TEST_CASE("Tombstones that overlap take a small multiple of what they say") {
  constexpr std::size_t kTombstones = 20'000;
  Random random(12);
  for (const bool nested : {false, true}) {
    std::vector<RangeTombstone> raw;
    for (std::uint64_t i = 0; i < kTombstones; ++i) {
      const std::uint64_t start = nested ? i : random.below(10 * kTombstones);
      const std::uint64_t end = nested ? 2 * kTombstones - i : random.below(10 * kTombstones);
      raw.push_back({key_of(std::min(start, end)), key_of(std::max(start, end) + 1), i + 1});
    }
    CHECK(FragmentedTombstones(raw).memory_usage() < 4 * raw_bytes(kTombstones));
  }
}

TEST_CASE("What survives of tombstones hides from every view what they hid") {
  Random random(13);
  for (int round = 0; round < 300; ++round) {
    CAPTURE(round);
    const std::uint64_t keys = 2 + random.below(30);
    const std::uint64_t sequences = 1 + random.below(60);
    const std::vector<RangeTombstone> raw = random_tombstones(random, 40, keys, sequences);
    const FragmentedTombstones fragmented(raw);
    // Nothing stands below keys from here on.
    const std::string deepest = key_of(random.below(keys + 2));
    EntrySieve::Options options;
    options.views = random_views(random, sequences);
    options.tombstones = &fragmented;
    options.nothing_below = [&](std::string_view lower, std::string_view) { return lower >= deepest; };
    EntrySieve sieve(options);
    std::vector<RangeTombstone> kept;
    std::string end;
    std::vector<std::uint64_t> sequences_before;
    for (const auto& fragment : sieve.surviving_tombstones()) {
      REQUIRE(fragment.start < fragment.end);
      REQUIRE(fragment.start >= end);
      REQUIRE((fragment.start > end || fragment.sequences != sequences_before));  // or it would be one fragment
      REQUIRE(fragment.sequences.size() <= options.views.size());
      end = fragment.end;
      sequences_before = fragment.sequences;
      for (const std::uint64_t sequence : fragment.sequences) kept.push_back({fragment.start, fragment.end, sequence});
    }
    for (std::uint64_t n = 0; n < keys + 2; ++n) {
      const std::string key = key_of(n);
      for (const std::uint64_t view : options.views) {
        const std::uint64_t covering = naive_covering(raw, key, view);
        // No view can tell whether a tombstone that all of them see is there when it has nothing to hide.
        const bool needed = covering > options.views.front() || key < deepest;
        if (needed) REQUIRE(naive_covering(kept, key, view) == covering);
        if (!needed) REQUIRE(naive_covering(kept, key, view) <= covering);
      }
    }
  }
}

TEST_CASE("An entry under tombstones stays exactly as long as some view sees it") {
  Random random(14);
  for (int round = 0; round < 300; ++round) {
    CAPTURE(round);
    const std::uint64_t keys = 2 + random.below(20);
    const std::uint64_t sequences = 1 + random.below(40);
    const std::vector<RangeTombstone> raw = random_tombstones(random, 20, keys, sequences);
    const FragmentedTombstones fragmented(raw);
    EntrySieve::Options options;
    options.views = random_views(random, sequences);
    options.tombstones = &fragmented;
    options.nothing_below = [](std::string_view, std::string_view) { return false; };
    EntrySieve sieve(options);
    for (std::uint64_t n = 0; n < keys; ++n) {
      const std::uint64_t sequence = 1 + random.below(sequences);
      const bool seen = std::any_of(options.views.begin(), options.views.end(), [&](std::uint64_t view) {
        return sequence <= view && naive_covering(raw, key_of(n), view) <= sequence;
      });
      REQUIRE(sieve.judge(key_of(n), make_tag(sequence, EntryKind::kPut), "value").keep == seen);
    }
  }
}

}  // namespace ldb::storage
