// Counts compactions.
#pragma once

#include "base/rt/rt.hpp"
#include "ldb/engine_listener.hpp"

namespace ldb::test {

/// Any thread. Must outlive the engine.
struct CompactionWatch final : EngineListener {
  void on_event(const EngineEvent& event) override {
    if (event.kind == EngineEventKind::kCompactionBegun) begun.fetch_add(1);
    if (event.kind == EngineEventKind::kCompactionFinished) finished.fetch_add(1);
  }
  rt::Atomic<int> begun{0};
  rt::Atomic<int> finished{0};
};

}  // namespace ldb::test
