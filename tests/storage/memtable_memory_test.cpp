// Where memtables have their memory from.
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <catch2/catch.hpp>
#include <cstring>
#include <thread>

#include "storage/memtable/arena.hpp"

namespace ldb::storage {
namespace {

void fill_an_arena(const std::shared_ptr<BlockPool>& pool, std::size_t bytes) {
  Arena arena(pool);
  while (arena.memory_usage() < bytes) std::memset(arena.allocate(4000), 'x', 4000);
}

std::ptrdiff_t used_before(const std::vector<PageBlock>& blocks) {
  return std::count_if(blocks.begin(), blocks.end(), [](const PageBlock& block) { return block.data()[100] == 'x'; });
}

std::vector<PageBlock> take(BlockPool& pool, std::size_t count) {
  std::vector<PageBlock> blocks;
  for (std::size_t i = 0; i < count; ++i) blocks.push_back(pool.take());
  return blocks;
}

}  // namespace

TEST_CASE("A memtable's blocks become those of the next one, until the pool is trimmed") {
  const auto pool = std::make_shared<BlockPool>(64 << 20);
  fill_an_arena(pool, 4 << 20);
  std::vector<PageBlock> blocks = take(*pool, 12);
  CHECK(used_before(blocks) == 12);
  std::vector<const char*> places;
  for (const PageBlock& block : blocks) places.push_back(block.data());
  std::sort(places.begin(), places.end());
  CHECK(std::adjacent_find(places.begin(), places.end()) == places.end());
  pool->give_back(std::move(blocks));
  pool->trim();
  blocks = take(*pool, 2);
  CHECK(used_before(blocks) == 0);
  pool->trim();
  pool->give_back(take(*pool, 1));  // whose user goes on
  CHECK(pool->memory_usage() == BlockPool::kBlockBytes);
  pool->trim();
  std::vector<PageBlock> late;
  late.push_back(std::move(blocks.back()));
  blocks.pop_back();
  pool->give_back(std::move(late));
  CHECK(pool->memory_usage() == 0);
  for (const PageBlock& block : blocks)
    CHECK(std::all_of(block.data(), block.data() + BlockPool::kBlockBytes, [](char c) { return c == 0; }));
}

TEST_CASE("The pool keeps no more than it was told, and says what it keeps") {
  const auto pool = std::make_shared<BlockPool>(1 << 20);
  CHECK(pool->memory_usage() == 0);
  fill_an_arena(pool, 4 << 20);
  CHECK(pool->memory_usage() == 1 << 20);
  CHECK(used_before(take(*pool, 8)) == 4);
  CHECK(pool->memory_usage() == 0);
}

TEST_CASE("Large blocks begin at huge pages and are handed on, too") {
  constexpr std::size_t kLarge = BlockPool::kLargeBlockBytes;
  const auto pool = std::make_shared<BlockPool>(8 * kLarge, kLarge);
  fill_an_arena(pool, 6 * kLarge);
  CHECK(pool->memory_usage() >= 4 * kLarge);
  const std::vector<PageBlock> blocks = take(*pool, 4);
  CHECK(used_before(blocks) == 4);
  for (const PageBlock& block : take(*pool, 6)) {
    CHECK(reinterpret_cast<std::uintptr_t>(block.data()) % kLarge == 0);
    std::memset(block.data(), 'y', kLarge);
  }
}

TEST_CASE("Large blocks are prepared once they are wanted, and wanted while there are too few") {
  constexpr std::size_t kLarge = BlockPool::kLargeBlockBytes;
  BlockPool pool(8 * kLarge, kLarge);
  pool.prepare();
  CHECK(pool.memory_usage() == 0);
  CHECK(pool.wants_preparation());
  CHECK_FALSE(pool.wants_preparation());  // somebody was told
  pool.prepare();
  CHECK(pool.memory_usage() == BlockPool::kPreparedBlocks * kLarge);
  CHECK_FALSE(pool.wants_preparation());
  const std::vector<PageBlock> blocks = take(pool, BlockPool::kPreparedBlocks);
  CHECK(pool.memory_usage() == 0);
  const auto page = static_cast<std::size_t>(sysconf(_SC_PAGESIZE));
  for (const PageBlock& block : blocks) {
    std::vector<unsigned char> in_memory(kLarge / page);
    REQUIRE(mincore(block.data(), kLarge, in_memory.data()) == 0);
    CHECK(std::all_of(in_memory.begin(), in_memory.end(), [](unsigned char flags) { return (flags & 1) == 1; }));
    CHECK(std::all_of(block.data(), block.data() + kLarge, [](char c) { return c == 0; }));
  }
  CHECK(pool.wants_preparation());
  pool.prepare();
  CHECK_FALSE(pool.wants_preparation());
  pool.trim();
  CHECK(pool.wants_preparation());
}

TEST_CASE("Pieces that have blocks of their own take the place of free ones") {
  const auto pool = std::make_shared<BlockPool>(64 << 20);
  fill_an_arena(pool, 4 << 20);
  const std::size_t before = pool->memory_usage();
  REQUIRE(before >= 3 << 20);
  Arena arena(pool);
  for (int i = 0; i < 20; ++i) {
    arena.allocate(100'000);
    const std::size_t sum = arena.memory_usage() + pool->memory_usage();
    CHECK(sum >= before);
    CHECK(sum < before + BlockPool::kBlockBytes);
  }
  while (arena.memory_usage() < before) arena.allocate(100'000);
  CHECK(pool->memory_usage() <= BlockPool::kBlockBytes);
}

TEST_CASE("Blocks are wanted once more after trimming, whoever was told before") {
  constexpr std::size_t kLarge = BlockPool::kLargeBlockBytes;
  BlockPool pool(8 * kLarge, kLarge);
  REQUIRE(pool.wants_preparation());
  pool.trim();
  pool.prepare();  // too late
  CHECK(pool.memory_usage() == 0);
  CHECK(pool.wants_preparation());
  pool.prepare();
  CHECK(pool.memory_usage() == BlockPool::kPreparedBlocks * kLarge);
}

TEST_CASE("Preparation that the system has no memory for is tried again after the next block") {
  constexpr std::size_t kHuge = std::size_t{1} << 62;  // more than there are addresses
  BlockPool pool(0, kHuge);
  REQUIRE(pool.wants_preparation());
  pool.prepare();
  CHECK(pool.memory_usage() == 0);
  CHECK_FALSE(pool.wants_preparation());
  CHECK_THROWS_AS(pool.take(), std::bad_alloc);
  CHECK(pool.wants_preparation());
}

TEST_CASE("A pool is prepared, taken from, given back to, made way in and trimmed by several threads at once") {
  constexpr std::size_t kLarge = BlockPool::kLargeBlockBytes;
  constexpr std::size_t kKept = 6;
  BlockPool pool(kKept * kLarge, kLarge);
  std::atomic<bool> done{false};
  std::vector<std::thread> helpers;
  for (int i = 0; i < 2; ++i)
    helpers.emplace_back([&] {
      while (!done) {
        pool.prepare();
        std::this_thread::yield();
      }
    });
  helpers.emplace_back([&] {
    for (int round = 0; !done; ++round) {
      if (round % 8 == 0)
        pool.trim();
      else
        pool.make_way_for(kLarge / 3);
      std::this_thread::yield();
    }
  });
  // Where a preparation that is late would write, and where it would have begun.
  const std::size_t places[] = {0, 4096, 8192, kLarge / 2, kLarge - 4096, kLarge - 1};
  std::atomic<bool> shared{false};
  std::atomic<std::size_t> most{0};
  const auto use_blocks = [&](char mark) {
    for (int round = 0; round < 150; ++round) {
      (void)pool.wants_preparation();
      std::vector<PageBlock> blocks = take(pool, kKept / 2);
      for (const PageBlock& block : blocks)
        for (const std::size_t place : places) block.data()[place] = mark;
      std::this_thread::yield();
      for (const PageBlock& block : blocks)
        for (const std::size_t place : places)
          if (block.data()[place] != mark) shared = true;
      pool.give_back(std::move(blocks));
      const std::size_t kept = pool.memory_usage();
      for (std::size_t before = most; before < kept && !most.compare_exchange_weak(before, kept);) {
      }
    }
  };
  std::thread other([&] { use_blocks('b'); });
  use_blocks('a');
  other.join();
  done = true;
  for (std::thread& helper : helpers) helper.join();
  CHECK_FALSE(shared);
  CHECK(most > 0);
  CHECK(most <= kKept * kLarge);
  pool.trim();
  CHECK(pool.memory_usage() == 0);
}

TEST_CASE("Large values leave the prepared blocks alone") {
  constexpr std::size_t kLarge = BlockPool::kLargeBlockBytes;
  const auto pool = std::make_shared<BlockPool>(8 * kLarge, kLarge);
  fill_an_arena(pool, 8 * kLarge);
  REQUIRE(pool->memory_usage() > BlockPool::kPreparedBlocks * kLarge);
  Arena arena(pool);
  for (int i = 0; i < 10; ++i) arena.allocate(kLarge);
  CHECK(pool->memory_usage() == BlockPool::kPreparedBlocks * kLarge);
  CHECK_FALSE(pool->wants_preparation());
}

TEST_CASE("Small blocks need no preparation") {
  BlockPool pool(1 << 20);
  CHECK_FALSE(pool.wants_preparation());
  pool.prepare();
  CHECK(pool.memory_usage() == 0);
}

TEST_CASE("A small memtable and a piece larger than a block take nothing from the pool") {
  const auto pool = std::make_shared<BlockPool>(64 << 20);
  fill_an_arena(pool, 64 << 10);
  {
    Arena arena(pool);
    std::memset(arena.allocate(1 << 20), 'x', 1 << 20);
    CHECK(arena.memory_usage() == 1 << 20);
  }
  CHECK(used_before(take(*pool, 4)) == 0);
}

}  // namespace ldb::storage
