// Readers under guards, threads that unlink and retire, and threads that collect, all at once.
#include "base/rt/epoch.hpp"

#include <catch2/catch.hpp>
#include <deque>
#include <vector>

#include "base/rt/rt.hpp"

using namespace ldb;

namespace {

/// Never freed before the end, so that a reader may look whether it was released.
struct Node {
  rt::Atomic<bool> released{false};
};

}  // namespace

TEST_CASE("Nothing is released that a guard protects, whoever retires and collects meanwhile") {
  constexpr int kReplacements = 150'000;
  constexpr int kWriters = 2;
  rt::EpochDomain domain;
  std::vector<std::deque<Node>> nodes(kWriters);
  Node first;
  rt::Atomic<Node*> current{&first};
  rt::Atomic<bool> stop{false};
  rt::Atomic<std::uint64_t> released_too_early{0};
  const auto release = [](void* p) { static_cast<Node*>(p)->released.store(true); };
  std::vector<rt::Thread> helpers;
  for (int i = 0; i < 3; ++i) {
    helpers.emplace_back("reader", [&] {
      while (!stop.load(std::memory_order_relaxed)) {
        const rt::EpochDomain::Guard guard(domain);
        const Node* const node = current.load(std::memory_order_seq_cst);
        for (int look = 0; look < 20; ++look) {
          if (!node->released.load(std::memory_order_relaxed)) continue;
          released_too_early.fetch_add(1);
          break;
        }
      }
    });
  }
  helpers.emplace_back("collector", [&] {
    while (!stop.load(std::memory_order_relaxed)) domain.collect();
  });
  {
    std::vector<rt::Thread> writers;
    for (int w = 0; w < kWriters; ++w) {
      writers.emplace_back("writer", [&, w] {
        for (int i = 0; i < kReplacements; ++i) {
          Node* const next = &nodes[static_cast<std::size_t>(w)].emplace_back();
          Node* before = current.load(std::memory_order_seq_cst);
          while (!current.compare_exchange_strong(before, next, std::memory_order_seq_cst)) {
          }
          domain.retire(before, release);
        }
      });
    }
    for (rt::Thread& writer : writers) writer.join();
  }
  stop.store(true);
  for (rt::Thread& helper : helpers) helper.join();
  CHECK(released_too_early.load() == 0);
  domain.drain();
  std::size_t released = first.released.load() ? 1 : 0;
  for (const auto& list : nodes)
    for (const Node& node : list) released += node.released.load() ? 1 : 0;
  CHECK(released == std::size_t{kWriters} * kReplacements);  // all but the current one
}
