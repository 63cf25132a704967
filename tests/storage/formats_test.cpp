// The readers of each format, fed with what the writers wrote and with anything else.
#include "base/hash.hpp"
#include "base/random.hpp"
#include "storage/damage.hpp"
#include "storage/engine_fixture.hpp"
#include "storage/manifest/manifest.hpp"
#include "storage/sstable/bloom_filter.hpp"
#include "storage/sstable/table_builder.hpp"
#include "storage/sstable/table_reader.hpp"
#include "storage/wal/batch_codec.hpp"

using namespace ldb;
using namespace ldb::storage;
using namespace ldb::test;

namespace {

/// Touches everything an iterator shows, so that sanitizers see every byte.
std::uint64_t exercise(InternalIterator& it, Random& random) {
  std::uint64_t sum = 0;
  const auto touch = [&] { sum += hash64(it.key()) + hash64(it.value()) + it.tag(); };
  int steps = 0;
  for (it.seek_to_first(); it.valid() && ++steps < 300; it.next()) touch();
  for (it.seek_to_last(); it.valid() && ++steps < 600; it.prev()) touch();
  for (int i = 0; i < 20; ++i) {
    it.seek(random_bytes(random, 6), random.next() >> 2);
    for (int k = 0; it.valid() && k < 5; ++k) {
      touch();
      if (random.one_in(2)) {
        it.next();
      } else {
        it.prev();
      }
    }
  }
  return sum;
}

std::string build_block(Random& random, int entries) {
  BlockBuilder builder;
  std::map<std::string, std::string> sorted;
  for (int i = 0; i < entries; ++i) sorted[random_bytes(random, 12)] = random_bytes(random, 30);
  std::uint64_t sequence = 1000;
  for (const auto& [key, value] : sorted) builder.add(key, make_tag(--sequence, EntryKind::kPut), value);
  return builder.finish();
}

}  // namespace

TEST_CASE("Blocks give back their entries in both directions") {
  Random random(3);
  for (int round = 0; round < 50; ++round) {
    BlockBuilder builder;
    std::map<std::string, std::string> model;
    const std::string prefix(random.below(20), 'p');
    const std::size_t value_bytes = round % 5 == 0 ? 5000 : 300;  // offsets of more than two bytes, too
    for (std::uint64_t i = 0; i < random.below(100); ++i)
      model[prefix + random_bytes(random, 10)] = random_bytes(random, value_bytes);
    for (const auto& [key, value] : model) builder.add(key, make_tag(5, EntryKind::kPut), value);
    const auto use = static_cast<Block::Use>(round % 3);
    auto block = Block::create(builder.finish(), use);
    REQUIRE(block);
    REQUIRE((*block)->size() == model.size());
    BlockIterator it(*block);
    auto expected = model.begin();
    for (it.seek_to_first(); it.valid(); it.next(), ++expected) {
      REQUIRE(it.key() == expected->first);
      REQUIRE(it.value() == expected->second);
    }
    CHECK(expected == model.end());
    for (it.seek_to_last(); it.valid(); it.prev()) {
      --expected;
      REQUIRE(it.key() == expected->first);
    }
    CHECK(expected == model.begin());
    for (int i = 0; i < 20; ++i) {
      std::string target = random.one_in(4) ? random_bytes(random, 10) : prefix + random_bytes(random, 10);
      if (random.one_in(2) && !model.empty())
        target = std::next(model.begin(), static_cast<int>(random.below(model.size())))->first;
      if (use == Block::Use::kData) {
        const std::uint32_t at = (*block)->find(target, kFirstTag);
        REQUIRE((at != Block::kNone) == model.contains(target));
        if (at != Block::kNone) REQUIRE((*block)->entry(at).value == model[target]);
        REQUIRE((*block)->find(target, make_tag(4, EntryKind::kPut)) == Block::kNone);  // all versions are newer
      }
      it.seek(target, kFirstTag);
      const auto found = model.lower_bound(target);
      REQUIRE(it.valid() == (found != model.end()));
      if (it.valid()) REQUIRE(it.key() == found->first);
    }
  }
}

TEST_CASE("No bytes make a block iterator read out of bounds") {
  Random random(4);
  for (int round = 0; round < 3000; ++round) {
    std::string bytes = round % 2 == 0 ? random_bytes(random, 80) : build_block(random, 20);
    if (round % 2 == 1) mutate(random, bytes);
    auto block = Block::create(bytes, static_cast<Block::Use>(round % 3));
    if (!block) continue;
    if (round % 3 == 0) (void)(*block)->find(random_bytes(random, 12), kFirstTag);
    BlockIterator it(*block);
    exercise(it, random);
  }
  SUCCEED();
}

TEST_CASE("No bytes make the batch reader or the edit decoder misbehave") {
  Random random(5);
  for (int round = 0; round < 5000; ++round) {
    WriteBatch batch;
    for (std::uint64_t i = 0; i < random.below(5); ++i) batch.put(random_bytes(random, 10), random_bytes(random, 20));
    batch.erase_range("a", "b");
    batch.set_commit("some commit payload");
    batch.put_from_commit("k", 5, 6);
    std::string body = encode_batch(batch);
    if (round % 4 != 0) mutate(random, body);
    BatchReader reader(body, true);
    BatchReader::Operation op;
    std::uint64_t count = 0;
    std::uint64_t sum = 0;
    while (reader.next(op)) {
      ++count;
      sum += hash64(op.key) + hash64(op.value);
    }
    CAPTURE(sum);
    if (round % 4 == 0) {
      REQUIRE(reader.ok());
      REQUIRE(count == batch.size());
    }
    VersionEdit edit;
    edit.next_file_number = random.next();
    edit.last_sequence = random.below(kMaxSequence);
    edit.log_begin = LogPosition{random.next(), random.next()};
    edit.removed.push_back({3, random.next()});
    TableMeta table;
    table.number = random.next();
    table.smallest = "a";
    table.largest = "b";
    table.largest_exclusive = true;
    edit.added.push_back({2, table});
    std::string bytes = edit.encode();
    if (round % 4 == 0) {
      const auto decoded = VersionEdit::decode(bytes);
      REQUIRE(decoded);
      CHECK(decoded->encode() == bytes);
    } else {
      mutate(random, bytes);
      (void)VersionEdit::decode(bytes);
    }
  }
}

TEST_CASE("A version edit cannot add a table that is in the tree, but can move it") {
  const auto obsolete = std::make_shared<ObsoleteTables>();
  VersionEdit first;
  TableMeta table;
  table.number = 5;
  table.smallest = "a";
  table.largest = "b";
  first.added.push_back({0, table});
  const auto version = apply_edit(Version(), first, obsolete).value();
  CHECK(apply_edit(*version, first, obsolete).error().code() == StatusCode::kCorruption);
  VersionEdit twice;
  table.number = 6;
  twice.added.push_back({0, table});
  twice.added.push_back({0, table});
  CHECK(apply_edit(*version, twice, obsolete).error().code() == StatusCode::kCorruption);
  VersionEdit move;
  table.number = 5;
  move.removed.push_back({0, 5});
  move.added.push_back({1, table});
  const auto moved = apply_edit(*version, move, obsolete);
  REQUIRE(moved);
  CHECK((*moved)->levels[1].at(0) == version->levels[0].at(0));
}

TEST_CASE("The log's beginning stays where the furthest edit put it") {
  const auto fs = new_memory_file_system();
  REQUIRE(fs->create_directory("db"));
  ManifestState state;
  state.version = std::make_shared<Version>();
  {
    auto writer = ManifestWriter::create(*fs, "db", 1, state).value();
    for (const std::uint64_t segment : {2U, 5U, 3U}) {
      VersionEdit edit;
      edit.log_begin = LogPosition{segment, 64};
      state.note(edit);
      REQUIRE(writer->append(edit));
    }
  }
  CHECK(state.log_begin == LogPosition{5, 64});
  const auto read = read_manifest(*fs, "db", nullptr, std::make_shared<ObsoleteTables>());
  REQUIRE(read);
  CHECK(read->log_begin == LogPosition{5, 64});
}

TEST_CASE("A table gives back entries, versions and range tombstones, whatever the block size") {
  const auto fs = new_memory_file_system();
  Random random(6);
  for (int round = 0; round < 20; ++round) {
    TableOptions options;
    options.block_bytes = 256 << random.below(6);
    options.compression_level = static_cast<int>(random.below(3));
    options.bloom_bits_per_key = static_cast<unsigned>(random.below(3) * 6);
    CAPTURE(round, options.block_bytes, options.compression_level);
    std::map<std::string, std::vector<std::uint64_t>> model;
    for (int i = 0; i < 300; ++i) {
      auto& versions = model["key" + std::to_string(random.below(200))];
      versions.insert(versions.begin(), static_cast<std::uint64_t>(i + 1));
    }
    TableBuilder builder(fs->open_writable("t.sst", OpenMode::kTruncate).value(), 9, options);
    for (const auto& [key, versions] : model) {
      for (const std::uint64_t sequence : versions) {
        REQUIRE(builder.add(key, make_tag(sequence, EntryKind::kPut), key + "@" + std::to_string(sequence)));
      }
    }
    CHECK_FALSE(builder.add("a", make_tag(1, EntryKind::kPut), ""));  // out of order
    builder.add_tombstone({"key1", "key3", 250});
    const TableMeta meta = builder.finish().value();
    CHECK(meta.entries == 300);
    CHECK(meta.smallest == std::min(model.begin()->first, std::string("key1")));
    rt::EpochDomain epochs;
    BlockCache cache(round % 2 == 0 ? 1 << 20 : 16 << 10, epochs);
    const auto table = TableReader::open(*fs, "t.sst", 9, &cache).value();
    CHECK(table->tombstones()->covering("key2", 1000) == 250);
    CHECK(table->tombstones()->covering("key3", 1000) == 0);
    for (int i = 0; i < 300; ++i) {
      const std::string key = "key" + std::to_string(random.below(210));
      const std::uint64_t visible = random.below(320);
      std::uint64_t expected = 0;
      if (const auto it = model.find(key); it != model.end()) {
        for (const std::uint64_t sequence : it->second) {
          if (sequence <= visible) expected = std::max(expected, sequence);
        }
      }
      const PointResult found = table->get(key, visible).value();
      REQUIRE(found.found == (expected != 0));
      if (found.found) REQUIRE(found.value == key + "@" + std::to_string(expected));
    }
    const auto it = table->iterate();
    std::size_t entries = 0;
    for (it->seek_to_first(); it->valid(); it->next()) ++entries;
    CHECK(entries == 300);
    for (it->seek_to_last(); it->valid(); it->prev()) --entries;
    CHECK(entries == 0);
  }
}

TEST_CASE("The anchors of a table stand close, in order, and share out all of its bytes") {
  const std::uint64_t entries = GENERATE(1U, 100U, 20'000U, 200'000U);
  CAPTURE(entries);
  const auto fs = new_memory_file_system();
  TableOptions options;
  options.block_bytes = 4096;
  options.compression_level = 0;
  TableBuilder builder(fs->open_writable("t.sst", OpenMode::kTruncate).value(), 9, options);
  const auto key_at = [](std::uint64_t i) { return std::to_string(10'000'000 + i); };
  for (std::uint64_t i = 0; i < entries; ++i) {
    REQUIRE(builder.add(key_at(i), make_tag(i + 1, EntryKind::kPut), std::string(100, 'v')));
  }
  REQUIRE(builder.finish());
  rt::EpochDomain epochs;
  BlockCache cache(1 << 20, epochs);
  const auto table = TableReader::open(*fs, "t.sst", 9, &cache).value();
  std::vector<KeyAnchor> anchors;
  table->append_anchors(anchors);
  REQUIRE(!anchors.empty());
  CHECK(anchors.back().key >= key_at(entries - 1));
  std::uint64_t before = 0;
  for (std::size_t i = 0; i < anchors.size(); ++i) {
    CAPTURE(i, anchors[i].key, anchors[i].bytes, before);
    if (i > 0) CHECK(anchors[i - 1].key <= anchors[i].key);
    CHECK(anchors[i].bytes <= (entries <= 20'000 ? 1 << 17 : 5 << 18));
    before += anchors[i].bytes;
    if (i + 1 < anchors.size()) {  // about as many entries as bytes
      const std::uint64_t number = std::stoull(anchors[i].key) - 10'000'000;
      CHECK(before > number * 100);
      CHECK(before < number * 140 + 8192);
    }
  }
  CHECK(before >= entries * 100);
  CHECK(before <= fs->file_size("t.sst").value());
}

TEST_CASE("No bytes make a table reader misbehave") {
  const auto fs = new_memory_file_system();
  Random random(7);
  TableBuilder builder(fs->open_writable("t.sst", OpenMode::kTruncate).value(), 1, {256, 1, 10});
  for (int i = 100; i < 200; ++i)
    REQUIRE(builder.add("key" + std::to_string(i), make_tag(5, EntryKind::kPut), std::string(20, 'v')));
  REQUIRE(builder.finish());
  const std::string good = fs->read_file("t.sst").value();
  for (int round = 0; round < 2000; ++round) {
    std::string bytes = good;
    if (round % 10 == 0) {
      bytes = random_bytes(random, 300);
    } else {
      mutate(random, bytes);
    }
    auto file = fs->open_writable("bad.sst", OpenMode::kTruncate).value();
    REQUIRE(file->append(bytes));
    const auto table = TableReader::open(*fs, "bad.sst", 1, nullptr);
    if (!table) {
      CHECK(table.error().message().find("bad.sst: offset ") != std::string::npos);
      continue;
    }
    const auto it = (*table)->iterate();
    exercise(*it, random);
    for (int i = 100; i < 200; i += 7) (void)(*table)->get("key" + std::to_string(i), 10);
    (void)(*table)->approximate_offset("key150");
    (void)(*table)->properties();
  }
}

TEST_CASE("A table of several partitions is read through a small cache by threads at once") {
  const auto fs = new_memory_file_system();
  const auto key_of = [](int i) { return "key" + std::to_string(1'000'000 + 2 * i); };
  constexpr int kEntries = 6000;
  TableBuilder builder(fs->open_writable("t.sst", OpenMode::kTruncate).value(), 1, {256, 1, 10});
  for (int i = 0; i < kEntries; ++i) REQUIRE(builder.add(key_of(i), make_tag(5, EntryKind::kPut), "value " + std::to_string(i)));
  const TableMeta meta = builder.finish().value();
  rt::EpochDomain epochs;
  BlockCache cache(64 << 10, epochs);
  std::atomic<int> wrong{0};
  {
    const auto table = TableReader::open(*fs, "t.sst", 1, &cache).value();
    std::vector<std::thread> threads;
    for (std::uint64_t t = 0; t < 3; ++t) {
      threads.emplace_back([&, t] {
        Random random(t);
        for (int n = 0; n < 20'000; ++n) {
          const int i = static_cast<int>(random.below(kEntries));
          const auto found = table->get(key_of(i), 10);
          if (!found || !found->found || found->value != "value " + std::to_string(i)) ++wrong;
          if (table->get(key_of(i) + "x", 10).value().found) ++wrong;
          if (n % 1000 != 0) continue;
          const auto it = table->iterate();
          int seen = 0;
          for (it->seek(key_of(i), kFirstTag); it->valid(); it->next()) seen += it->key() == key_of(i + seen) ? 1 : 0;
          if (seen != kEntries - i) ++wrong;
          for (it->seek(key_of(i), kFirstTag); it->valid(); it->prev()) --seen;
          if (seen != kEntries - i - (i + 1)) ++wrong;
        }
      });
    }
    for (std::thread& thread : threads) thread.join();
    CHECK(wrong == 0);
    CHECK(cache.memory_usage() <= cache.capacity());
    CHECK(cache.evictions() > 0);
    std::uint64_t last = 0;
    for (int i = 0; i < kEntries; i += 100) {
      const std::uint64_t offset = table->approximate_offset(key_of(i));
      CHECK(offset >= last);
      last = offset;
    }
    CHECK(last > meta.file_size / 2);
  }
  CHECK(cache.memory_usage() == 0);  // a closed table takes its blocks along
}

TEST_CASE("The block cache keeps what is read again and again while a scan passes") {
  rt::EpochDomain epochs;
  BlockCache cache(16 * 40'000, epochs);
  std::vector<BlockCache::Slot> slots(4000);
  const auto block_of = [] {
    BlockBuilder builder;
    builder.add("k", make_tag(1, EntryKind::kPut), std::string(1000, 'v'));
    return Block::create(builder.finish(), Block::Use::kData).value();
  };
  constexpr std::size_t kHot = 160;  // about a quarter of the cache
  for (std::size_t round = 0; round < 4; ++round) {
    for (std::size_t i = 0; i < kHot; ++i) {
      if (BlockCache::find(slots[i]) == nullptr) cache.insert(slots[i], i, block_of());
    }
  }
  std::size_t lost = 0;
  for (std::size_t i = kHot; i < slots.size(); ++i) {
    if (BlockCache::find(slots[i]) == nullptr) cache.insert(slots[i], i, block_of());
    const std::size_t again = i % kHot;
    if (BlockCache::find(slots[again]) == nullptr) {
      ++lost;
      cache.insert(slots[again], again, block_of());
    }
  }
  CHECK(lost < 20);
  CHECK(cache.evictions() > 1000);
  CHECK(cache.memory_usage() <= cache.capacity());
  for (std::size_t i = 0; i < slots.size(); ++i) cache.remove(slots[i], i);
  CHECK(cache.memory_usage() == 0);
}

TEST_CASE("A Bloom filter has no false negatives and few false positives") {
  BloomFilterBuilder builder(10);
  for (int i = 0; i < 5000; ++i) builder.add("present" + std::to_string(i));
  const std::string bytes = builder.finish();
  const BloomFilter filter(bytes);
  int wrong = 0;
  for (int i = 0; i < 5000; ++i) {
    REQUIRE(filter.may_contain("present" + std::to_string(i)));
    wrong += filter.may_contain("absent" + std::to_string(i)) ? 1 : 0;
  }
  CHECK(wrong < 100);  // about 1.2 % are expected
  CHECK(BloomFilter("short").may_contain("x"));
  CHECK(BloomFilter().may_contain("x"));
}
