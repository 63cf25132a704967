// The memtable's tree against a sorted map, with readers beside the writer.
#include "storage/memtable/memtable_tree.hpp"

#include <algorithm>
#include <atomic>
#include <catch2/catch.hpp>
#include <deque>
#include <functional>
#include <map>
#include <thread>
#include <vector>

#include "base/random.hpp"
#include "storage/iterator/merging_iterator.hpp"
#include "storage/memtable/memtable.hpp"

namespace ldb::storage {
namespace {

using Model = std::map<std::string, std::vector<std::pair<Tag, std::string>>>;  // versions oldest first

std::string key_of(Random& random, int shape) {
  const std::uint64_t n = random.below(3000);
  switch (shape) {
    case 0:
      return std::to_string(n);
    case 1:  // long shared prefixes, of two kinds
      return std::string(n % 2 == 0 ? "\x02table-one-00000000" : "\x02table-two") + std::to_string(1'000'000 + n * 7);
    case 2: {  // every length, bytes that sort high, and prefixes of each other
      std::string key(random.below(20), static_cast<char>(n % 3 == 0 ? 0xff : 0));
      if (n % 2 == 0) key += static_cast<char>(n);
      return key;
    }
    default:
      return std::string(random.below(4), 'a') + std::string(1, static_cast<char>('a' + n % 26));
  }
}

void check_equal(const Memtable& memtable, const Model& model) {
  const auto it = memtable.iterate();
  it->seek_to_first();
  std::vector<std::pair<std::string, Tag>> walked;
  for (const auto& [key, versions] : model) {
    for (auto v = versions.rbegin(); v != versions.rend(); ++v) {
      REQUIRE(it->valid());
      REQUIRE(it->key() == key);
      REQUIRE(it->tag() == v->first);
      REQUIRE(it->value() == v->second);
      walked.emplace_back(key, v->first);
      it->next();
    }
  }
  REQUIRE(!it->valid());
  it->seek_to_last();
  for (auto w = walked.rbegin(); w != walked.rend(); ++w) {
    REQUIRE(it->valid());
    REQUIRE(it->key() == w->first);
    REQUIRE(it->tag() == w->second);
    it->prev();
  }
  REQUIRE(!it->valid());
}

/// The last entry before (key, tag): an older one of the key's versions above the tag, or the oldest of the key before.
void check_seek_before(InternalIterator& it, const Model& model, const std::string& key, Tag tag) {
  const auto here = model.lower_bound(key);
  const std::pair<Tag, std::string>* expected = nullptr;
  std::string expected_key = key;
  if (here != model.end() && here->first == key) {
    for (auto v = here->second.rbegin(); v != here->second.rend() && v->first > tag; ++v) expected = &*v;
  }
  if (expected == nullptr && here != model.begin()) {
    expected_key = std::prev(here)->first;
    expected = &std::prev(here)->second.front();
  }
  it.seek_before(key, tag);
  REQUIRE(it.valid() == (expected != nullptr));
  if (expected == nullptr) return;
  REQUIRE(it.key() == expected_key);
  REQUIRE(it.tag() == expected->first);
  REQUIRE(it.value() == expected->second);
}

TEST_CASE("The memtable holds what a sorted map holds, for keys of every shape") {
  const bool singly = GENERATE(true, false);
  for (int shape = 0; shape < 4; ++shape) {
    for (const bool in_order : {false, true}) {
      CAPTURE(shape, in_order, singly);
      Random random(static_cast<std::uint64_t>(shape) + 1);
      Memtable memtable(std::make_shared<BlockPool>(1 << 20), {1, 64});
      Model model;
      std::vector<std::string> keys;
      for (int i = 0; i < 6000; ++i) keys.push_back(key_of(random, shape));
      if (in_order) std::sort(keys.begin(), keys.end());
      std::uint64_t sequence = 0;
      std::deque<std::string> values;  // stay where they are
      std::size_t wanted = 1;
      std::vector<Memtable::Addition> additions;
      for (const std::string& key : keys) {
        const Tag tag = make_tag(++sequence, random.one_in(5) ? EntryKind::kDelete : EntryKind::kPut);
        model[key].emplace_back(tag, std::to_string(sequence));
        additions.push_back({key, tag, values.emplace_back(std::to_string(sequence))});
        if (additions.size() < wanted && sequence < keys.size()) continue;
        memtable.add(additions);
        additions.clear();
        values.clear();
        wanted = singly ? 1 : 1 + random.below(100);
      }
      check_equal(memtable, model);
      for (int i = 0; i < 5000; ++i) {
        const std::string key = key_of(random, shape);
        const std::uint64_t at = random.below(sequence + 2);
        // A point read and a seek find the newest version at or below.
        const auto found = model.find(key);
        const std::pair<Tag, std::string>* expected = nullptr;
        if (found != model.end()) {
          for (const auto& v : found->second) {
            if (tag_sequence(v.first) <= at) expected = &v;
          }
        }
        const PointResult result = memtable.get(key, at);
        REQUIRE(result.found == (expected != nullptr));
        if (expected != nullptr) {
          REQUIRE(result.tag == expected->first);
          REQUIRE(result.value == expected->second);
        }
        const auto it = memtable.iterate();
        it->seek(key, seek_tag(at));
        if (expected != nullptr) {
          REQUIRE(it->valid());
          REQUIRE(it->key() == key);
          REQUIRE(it->tag() == expected->first);
        } else {
          const auto next = model.upper_bound(key);
          REQUIRE(it->valid() == (next != model.end()));
          if (it->valid()) REQUIRE(it->key() == next->first);
        }
        check_seek_before(*it, model, key, i % 3 == 0 ? kFirstTag : i % 3 == 1 ? kLastTag : seek_tag(at));
      }
    }
  }
}

TEST_CASE("A sample of a memtable stands at about equal distances") {
  const bool in_order = GENERATE(true, false);
  const std::size_t most = GENERATE(1U, 7U, 64U);
  const std::uint64_t keys = GENERATE(0U, 3U, 100U, 3'000U, 100'000U);
  CAPTURE(in_order, most, keys);
  Memtable memtable(std::make_shared<BlockPool>(std::size_t{1} << 20), LogPosition{});
  for (std::uint64_t i = 0; i < keys; ++i) {
    const std::uint64_t n = in_order ? i : i * 7'919 % keys;  // a prime that none of them shares
    memtable.add(std::to_string(10'000'000 + n), make_tag(i + 1, EntryKind::kPut), "v");
  }
  const std::vector<std::string_view> sample = memtable.sample(most);
  REQUIRE(sample.size() <= most);
  CHECK(std::adjacent_find(sample.begin(), sample.end(), std::greater_equal<>()) == sample.end());
  for (const std::string_view key : sample) CHECK(memtable.get(key, kMaxSequence).found);
  if (keys < 100 * most) return;
  REQUIRE(sample.size() == most);
  // The middle of what the keys on both sides of it leave.
  for (std::size_t i = 0; i < most; ++i) {
    const std::uint64_t at = std::stoull(std::string(sample[i])) - 10'000'000;
    const std::uint64_t wanted = (2 * i + 1) * keys / (2 * most);
    CAPTURE(i, at, wanted);
    CHECK((at > wanted ? at - wanted : wanted - at) < keys / 8);
  }
}

TEST_CASE("An old version is found quickly in a key that was overwritten often") {
  Memtable memtable(std::make_shared<BlockPool>(1 << 20), {1, 64});
  constexpr std::uint64_t kVersions = 200'000;
  for (std::uint64_t s = 1; s <= kVersions; ++s) memtable.add("hot", make_tag(s, EntryKind::kPut), std::to_string(s));
  Random random(7);
  for (int i = 0; i < 20'000; ++i) {  // would take minutes version by version
    const std::uint64_t at = 1 + random.below(kVersions);
    REQUIRE(memtable.get("hot", at).value == std::to_string(at));
  }
  const auto it = memtable.iterate();
  it->seek("hot", seek_tag(5));
  for (std::uint64_t s = 5; s < 5000; ++s, it->prev()) REQUIRE(tag_sequence(it->tag()) == s);
}

TEST_CASE("Readers beside the writer see everything that was there when they started") {
  for (int shape = 0; shape < 3; ++shape) {
    Memtable memtable(std::make_shared<BlockPool>(1 << 20), {1, 64});
    std::atomic<std::uint64_t> published{0};
    std::atomic<bool> failed{false};
    constexpr std::uint64_t kWrites = 60'000;
    const auto key_at = [shape](std::uint64_t n) {
      const std::uint64_t spread = shape == 0 ? n : (n * 0x9e3779b97f4a7c15ULL) >> 20;
      return (shape == 2 ? std::string("a long shared prefix of all keys/") : std::string()) +
             std::to_string(10'000'000 + spread);
    };
    std::vector<std::thread> readers;
    for (int t = 0; t < 2; ++t) {
      readers.emplace_back([&, t] {
        Random random(static_cast<std::uint64_t>(t) + 10);
        while (published.load() < kWrites && !failed) {
          const std::uint64_t newest = published.load(std::memory_order_acquire);
          if (newest == 0) continue;
          for (int i = 0; i < 50; ++i) {
            const std::uint64_t n = 1 + random.below(newest);
            if (memtable.get(key_at(n), newest).value != std::to_string(n)) failed = true;
          }
          if (newest % 64 != 0) continue;
          // All keys at or below the sequence, each once, in order; both ways.
          const auto it = memtable.iterate();
          for (const bool forward : {true, false}) {
            std::uint64_t seen = 0;
            std::string last;
            for (forward ? it->seek_to_first() : it->seek_to_last(); it->valid(); forward ? it->next() : it->prev()) {
              if (tag_sequence(it->tag()) > newest) continue;
              if (!last.empty() && (forward ? it->key() <= last : it->key() >= last)) failed = true;
              last = it->key();
              ++seen;
            }
            if (seen != newest) failed = true;
          }
        }
      });
    }
    for (std::uint64_t n = 1; n <= kWrites && !failed;) {
      // Singly and in groups.
      std::deque<std::string> strings;  // stay where they are
      MemtableFeed feed(memtable);
      for (const std::uint64_t end = std::min(kWrites, n + n % 40); n <= end; ++n) {
        const std::string& key = strings.emplace_back(key_at(n));
        feed.add(key, make_tag(n, EntryKind::kPut), strings.emplace_back(std::to_string(n)));
      }
      feed.flush();
      published.store(n - 1, std::memory_order_release);
    }
    published.store(kWrites);
    for (std::thread& reader : readers) reader.join();
    REQUIRE(!failed);
  }
}

TEST_CASE("What stands before a key is found before it, also while others are added behind it") {
  for (int round = 0; round < 300; ++round) {
    CAPTURE(round);
    Memtable memtable(std::make_shared<BlockPool>(1 << 20), {1, 64});
    const bool alone = round % 2 == 0;  // else there is something before the place
    if (!alone) memtable.add("a", make_tag(1, EntryKind::kPut), "before");
    std::atomic<bool> begun{false};
    std::atomic<bool> done{false};
    std::atomic<bool> failed{false};
    std::thread reader([&] {
      const auto other = std::make_shared<Memtable>(std::make_shared<BlockPool>(1 << 20), LogPosition{1, 64});
      other->add("b", make_tag(2, EntryKind::kPut), "of another memtable");
      std::vector<std::unique_ptr<InternalIterator>> children;
      children.push_back(memtable.iterate());
      children.push_back(other->iterate());
      const auto merged = new_merging_iterator(std::move(children));
      const auto single = memtable.iterate();
      begun = true;
      do {
        single->seek_before("m", kFirstTag);
        if (single->valid() == alone || (single->valid() && single->key() != "a")) failed = true;
        merged->seek_before("m", kFirstTag);
        if (!merged->valid() || merged->key() != "b") failed = true;
      } while (!done);
    });
    while (!begun) std::this_thread::yield();
    Random random(static_cast<std::uint64_t>(round));
    for (std::uint64_t n = 3; n < 300; ++n) {
      // Versions of a few keys, or keys that split their leaves.
      const std::string key = random.one_in(2) ? "m" : "z" + std::to_string(random.below(round % 4 < 2 ? 7 : 1'000'000));
      memtable.add(key, make_tag(n, EntryKind::kPut), "behind");
    }
    done = true;
    reader.join();
    REQUIRE(!failed);
  }
}

TEST_CASE("What is looked for is not found before its place while keys are added in order up to it") {
  const std::string prefix(4000, 'p');  // takes time to compare
  for (int round = 0; round < 20; ++round) {
    Memtable memtable(std::make_shared<BlockPool>(1 << 20), {1, 64});
    std::atomic<bool> begun{false};
    std::atomic<bool> done{false};
    std::atomic<bool> failed{false};
    std::thread reader([&] {
      const std::string wanted = prefix + "m";
      const auto it = memtable.iterate();
      begun = true;
      do {
        it->seek(wanted, kFirstTag);
        if (it->valid()) failed = true;
      } while (!done);
    });
    while (!begun) std::this_thread::yield();
    for (std::uint64_t n = 1; n <= 2000; ++n) {
      memtable.add(prefix + "a" + std::to_string(10'000 + n), make_tag(n, EntryKind::kPut), "before");
    }
    done = true;
    reader.join();
    REQUIRE(!failed);
  }
}

}  // namespace
}  // namespace ldb::storage
