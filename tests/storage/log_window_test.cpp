#include "storage/wal/log_window.hpp"

#include <algorithm>
#include <atomic>
#include <catch2/catch.hpp>
#include <string>
#include <thread>
#include <vector>

namespace ldb::storage {
namespace {

constexpr std::uint64_t kPage = 4096;

/// Keeps, page by page, what it was told, and fails when a store would not be seen.
class TestMapping final : public FileMapping {
 public:
  struct Calls {
    std::uint64_t brought_in = 0;
    std::uint64_t given_back = 0;
    std::uint64_t end_in = 0;     ///< of all that was brought in
    std::uint64_t end_given = 0;  ///< of all that was given back
    std::uint64_t fails_from = ~std::uint64_t{0};
  };
  TestMapping(std::uint64_t size, Calls& calls) : bytes_(size), calls_(calls) {}
  char* data() override { return bytes_.data(); }
  Status will_store(std::uint64_t offset, std::size_t size) override {
    if (offset >= calls_.fails_from) return Status(StatusCode::kIoError, "the disk failed");
    CHECK(offset % kPage == 0);
    REQUIRE(offset + size <= bytes_.size());
    CHECK(offset == calls_.end_in);
    ++calls_.brought_in;
    calls_.end_in = offset + size;
    return {};
  }
  void have_stored(std::uint64_t offset, std::size_t size) override {
    CHECK(offset == calls_.end_given);
    CHECK(size % kPage == 0);
    REQUIRE(offset + size <= bytes_.size());
    ++calls_.given_back;
    calls_.end_given = offset + size;
  }

 private:
  std::vector<char> bytes_;
  Calls& calls_;
};

struct Fixture {
  explicit Fixture(std::uint64_t size_in) : size(size_in) {
    auto mapping = std::make_unique<TestMapping>(size, calls);
    data = mapping->data();
    window = std::make_unique<LogWindow>(std::move(mapping), size);
  }
  void store(std::uint64_t bytes) {
    REQUIRE(window->store(stored, std::string(bytes, static_cast<char>('a' + stored % 26))));
    CHECK(data[stored] == static_cast<char>('a' + stored % 26));
    stored += bytes;
    // What was stored to was in memory, unless at the very end, and nothing is given back that the writer may still touch.
    CHECK(calls.end_in >= std::min(stored, size / kPage * kPage));
    CHECK(calls.end_given <= stored);
  }
  const std::uint64_t size;
  TestMapping::Calls calls;
  char* data = nullptr;
  std::unique_ptr<LogWindow> window;
  std::uint64_t stored = 0;
};

}  // namespace

TEST_CASE("A writer alone brings memory in ahead and gives it back behind") {
  Fixture log(4 << 20);
  while (log.stored + 1000 <= log.size) {
    log.store(1000);
    CHECK(log.calls.end_in - log.calls.end_given <= 1 << 20);
  }
  CHECK(log.calls.end_in == log.size);
  CHECK(log.calls.brought_in <= 40);
  CHECK(log.calls.given_back >= 10);
}

TEST_CASE("A writer that is followed does no work on the memory") {
  Fixture log(4 << 20);
  log.window->begin();
  while (log.stored + 1000 <= log.size) {
    const auto before = log.calls;
    log.store(1000);
    CHECK(log.calls.brought_in == before.brought_in);
    CHECK(log.calls.given_back == before.given_back);
    if (log.stored / 1000 % 100 == 0) log.window->follow(log.stored);
    CHECK(log.calls.end_in - log.calls.end_given <= 1 << 20);
  }
  CHECK(log.calls.end_in == log.size);
}

TEST_CASE("Nobody follows a writer that does not store through the window") {
  Fixture log(1 << 20);
  log.window->follow(0);
  log.window->follow(600'000);
  CHECK_FALSE(log.window->in_use(0));
  CHECK(log.calls.brought_in == 0);
  log.store(100);
  CHECK(log.window->in_use(log.stored));
  CHECK(log.calls.brought_in == 1);
  log.window->follow(900'000);  // it went on by calls
  CHECK(log.calls.brought_in == 1);
  CHECK(log.calls.given_back == 0);
}

TEST_CASE("A writer that went over to calls is not followed, however slowly it goes on") {
  Fixture log(1 << 20);
  log.store(100);
  for (std::uint64_t stored = 10'000; stored < log.size; stored += 10'000) log.window->follow(stored);
  CHECK(log.calls.brought_in == 1);
  CHECK(log.calls.given_back == 0);
}

TEST_CASE("Nothing is done beyond the end of a small window") {
  Fixture log(64 << 10);
  log.window->begin();
  log.store(1000);
  log.window->follow(300'000);  // the end of a record that was too large for it
  CHECK(log.calls.end_in == log.size);
  CHECK(log.calls.end_given <= log.size);
}

TEST_CASE("A writer is followed by several threads at once") {
  // Pages that were given back and not brought in again hold nothing that the writer still stores to.
  struct Pages final : FileMapping {
    explicit Pages(std::uint64_t size) : bytes(size), given(size / kPage) {}
    char* data() override { return bytes.data(); }
    Status will_store(std::uint64_t offset, std::size_t size) override {
      if (offset + size > bytes.size()) wrong = true;
      return {};
    }
    void have_stored(std::uint64_t offset, std::size_t size) override {
      if (offset + size > bytes.size() || offset + size > stored) wrong = true;
      for (std::uint64_t page = offset / kPage; page < (offset + size) / kPage; ++page) given[page] = true;
    }
    std::vector<char> bytes;
    std::vector<std::atomic<bool>> given;
    std::atomic<std::uint64_t> stored{0};
    std::atomic<bool> wrong{false};
  };
  constexpr std::uint64_t kSize = 16 << 20;
  for (int round = 0; round < 4; ++round) {
    auto owned = std::make_unique<Pages>(kSize);
    Pages& pages = *owned;
    LogWindow window(std::move(owned), kSize);
    window.begin();
    std::atomic<std::uint64_t> told{0};
    std::atomic<bool> done{false};
    std::vector<std::thread> followers;
    for (int i = 0; i < 3; ++i) {
      followers.emplace_back([&] {
        while (!done) window.follow(told);
      });
    }
    std::string expected;
    bool stored_to_given = false;
    while (expected.size() + 3000 <= kSize) {
      const std::string record(1 + expected.size() % 2999, static_cast<char>('a' + expected.size() % 26));
      stored_to_given |= pages.given[expected.size() / kPage];
      if (!window.store(expected.size(), record)) stored_to_given = true;
      expected += record;
      pages.stored = expected.size();
      told = expected.size();
    }
    done = true;
    for (std::thread& follower : followers) follower.join();
    CHECK_FALSE(pages.wrong);
    CHECK_FALSE(stored_to_given);
    CHECK(std::string_view(pages.bytes.data(), expected.size()) == expected);
  }
}

TEST_CASE("Nothing is stored where memory could not be brought in, whoever asked for it, nor behind it") {
  const bool followed = GENERATE(false, true);
  Fixture log(4 << 20);
  log.store(1000);
  log.calls.fails_from = log.calls.end_in;
  if (followed) {
    log.window->follow(log.stored);
    CHECK_FALSE(log.window->store(log.stored, "x"));
  } else {
    while (log.stored + 1000 <= log.calls.end_in) log.store(1000);
    CHECK_FALSE(log.window->store(log.stored, std::string(1000, 'x')));
  }
  log.calls.fails_from = ~std::uint64_t{0};  // the segment goes on by calls
  CHECK_FALSE(log.window->store(log.stored, "x"));
  CHECK(log.data[log.stored] == '\0');
}

TEST_CASE("A window need not end with a page") {
  Fixture log(3 * kPage + 100);
  while (log.stored + 50 <= 3 * kPage) log.store(50);
  CHECK(log.calls.end_in == 3 * kPage);
  // The rest of the page is never brought in, so nothing is stored there.
  CHECK_FALSE(log.window->store(log.stored, std::string(50, 'x')));
  CHECK(log.data[log.stored] == '\0');
  log.store(3 * kPage - log.stored);
}

}  // namespace ldb::storage
