// A memory engine that lets a test act in the middle of a call.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "ldb/storage_engine.hpp"

namespace ldb::test {

/// Each hook runs once, in the thread of the next call. Set while no other thread uses the engine.
class HookedEngine final : public StorageEngine {
 public:
  std::function<void()> before_view, before_changes, after_wait;
  mutable std::function<void()> before_log_end;

  Result<std::unique_ptr<PendingWrite>> submit(WriteBatch batch, SyncPolicy sync) override {
    return base_->submit(std::move(batch), sync);
  }
  Result<std::uint64_t> wait(std::unique_ptr<PendingWrite> write) override {
    auto sequence = base_->wait(std::move(write));
    run(after_wait);
    return sequence;
  }
  std::unique_ptr<ReadView> view() override {
    run(before_view);
    return base_->view();
  }
  Result<std::optional<std::string>> get(const ReadView* view, std::string_view key) override { return base_->get(view, key); }
  Result<std::uint64_t> newest_sequence(std::string_view key) override { return base_->newest_sequence(key); }
  Result<std::unique_ptr<Iterator>> iterate(const ReadView* view, KeyRange range) override {
    return base_->iterate(view, std::move(range));
  }
  Status sync() override { return base_->sync(); }
  LogPosition log_end() const override {
    run(before_log_end);
    return base_->log_end();
  }
  LogPosition log_begin() const override { return base_->log_begin(); }
  Result<std::unique_ptr<ChangeReader>> changes(LogPosition from) override {
    run(before_changes);
    if (from < base_->log_begin()) return Status(StatusCode::kNotFound, "released");  // at once, as an engine over files
    return base_->changes(from);
  }
  void release_log(LogPosition position) override { base_->release_log(position); }
  void set_log_listener(std::function<void()> listener) override { base_->set_log_listener(std::move(listener)); }
  void set_collection_policy(const CollectionPolicy* policy) override { base_->set_collection_policy(policy); }
  Status flush() override { return base_->flush(); }
  Status compact(const KeyRange& range) override { return base_->compact(range); }
  std::uint64_t approximate_size(const KeyRange& range) override { return base_->approximate_size(range); }
  std::size_t memory_usage() const override { return base_->memory_usage(); }
  std::vector<EngineProperty> properties() override { return base_->properties(); }
  std::string_view name() const override { return "hooked"; }
  Status close() override { return base_->close(); }

 private:
  static void run(std::function<void()>& hook) {
    if (const auto once = std::exchange(hook, nullptr)) once();
  }

  std::unique_ptr<StorageEngine> base_ = new_memory_engine();
};

}  // namespace ldb::test
