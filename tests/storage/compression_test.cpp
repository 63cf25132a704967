// Blocks compressed with a table's dictionary.
#include "storage/sstable/compression.hpp"

#include <catch2/catch.hpp>
#include <string>
#include <vector>

#include "base/random.hpp"

namespace ldb::storage {
namespace {

/// Half of it repeats; letters only.
std::string text_block(Random& random, std::size_t bytes) {
  std::string block;
  while (block.size() < bytes) {
    std::string half;
    for (int i = 0; i < 50; ++i) half += static_cast<char>('A' + random.below(40));
    block += half + half;
  }
  return block;
}

std::string binary_block(Random& random, std::size_t bytes) {
  std::string block;
  while (block.size() < bytes) {
    const std::uint64_t run = 1 + random.below(8);
    block.append(run, static_cast<char>(random.below(256)));
  }
  return block;
}

template <class Make>
std::vector<std::string> blocks(Random& random, std::size_t count, std::size_t bytes, const Make& make) {
  std::vector<std::string> result;
  for (std::size_t i = 0; i < count; ++i) result.push_back(make(random, bytes));
  return result;
}

std::size_t compressed_size(const Compressor& compressor, const Decompressor* decompressor,
                            const std::vector<std::string>& contents) {
  std::size_t total = 0;
  for (const std::string& block : contents) {
    std::string stored;
    if (!compressor.compress(block, stored)) {
      total += block.size();
      continue;
    }
    total += stored.size();
    ScratchBuffer scratch;
    const auto back = decompress(stored, decompressor, scratch);
    REQUIRE(back.status().to_string() == "ok");
    REQUIRE(*back == block);
  }
  return total;
}

/// What the literals of a frame's first block come with (RFC 8878 section 3.1.1.3.1.1): 2: a tree of their own, 3: the
/// dictionary's.
int literals_of(const std::string& frame) {
  const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(frame.at(i)); };
  const unsigned descriptor = byte(4);
  const bool single_segment = (descriptor & 0x20) != 0;
  REQUIRE((descriptor & 3) == 0);
  std::size_t block = 5 + (single_segment ? 0 : 1);
  block += descriptor < 0x40 ? (single_segment ? 1 : 0) : std::size_t{1} << (descriptor >> 6);
  return byte(block + 3) & 3;
}

}  // namespace

TEST_CASE("Blocks like those the dictionary was made of carry no code of their own, others do") {
  Random random(3);
  Compressor compressor(1);
  const std::string dictionary = compressor.train(blocks(random, 64, 4096, text_block));
  REQUIRE_FALSE(dictionary.empty());
  const auto decompressor = Decompressor::create(dictionary);
  REQUIRE(decompressor.is_ok());
  for (const std::size_t bytes : {1000, 2048, 4096}) {
    CAPTURE(bytes);
    std::string stored;
    ScratchBuffer scratch;
    const std::string block = text_block(random, bytes);
    REQUIRE(compressor.compress(block, stored));
    CHECK(literals_of(stored) == 3);
    CHECK(*decompress(stored, decompressor->get(), scratch) == block);
  }
  std::string other = text_block(random, 4096);
  for (std::size_t i = 0; i < other.size(); i += 7) other[i] = static_cast<char>(random.below(256));
  std::string stored;
  ScratchBuffer scratch;
  REQUIRE(compressor.compress(other, stored));
  CHECK(literals_of(stored) == 2);
  CHECK(*decompress(stored, decompressor->get(), scratch) == other);
}

TEST_CASE("A dictionary that does not help is not used, and anything comes back whole") {
  Random random(4);
  const auto empty_runs = [](Random& r, std::size_t bytes) { return std::string(bytes, static_cast<char>(r.below(3))); };
  const auto noise = [](Random& r, std::size_t bytes) {
    std::string block(bytes, '\0');
    for (char& c : block) c = static_cast<char>(r.below(256));
    return block;
  };
  for (const int level : {1, 3, 9}) {
    for (int made_of = 0; made_of < 4; ++made_of) {
      CAPTURE(level, made_of);
      const auto make = [&](int kind, std::size_t count) {
        switch (kind) {
          case 0:
            return blocks(random, count, 2048, text_block);
          case 1:
            return blocks(random, count, 2048, binary_block);
          case 2:
            return blocks(random, count, 2048, empty_runs);
          default:
            return blocks(random, count, 2048, noise);
        }
      };
      Compressor with(level);
      const Compressor without(level);
      const std::string dictionary = with.train(make(made_of, 64));
      if (made_of == 0) CHECK_FALSE(dictionary.empty());
      if (made_of == 3) CHECK(dictionary.empty());  // nothing helps with noise
      std::unique_ptr<const Decompressor> decompressor;
      if (!dictionary.empty()) {
        auto created = Decompressor::create(dictionary);
        REQUIRE(created.is_ok());
        decompressor = std::move(created).value();
      }
      for (int kind = 0; kind < 4; ++kind) {
        CAPTURE(kind);
        const auto contents = make(kind, 20);
        const std::size_t plain = compressed_size(without, nullptr, contents);
        const std::size_t packed = compressed_size(with, decompressor.get(), contents);
        if (kind == made_of) CHECK(packed <= plain + plain / 50);
      }
    }
  }
}

TEST_CASE("A few small blocks get no dictionary") {
  Random random(5);
  Compressor compressor(1);
  CHECK(compressor.train(blocks(random, 4, 2048, text_block)).empty());
  CHECK(compressor.train({}).empty());
}

}  // namespace ldb::storage
