// A scripted load over a file system that crashes or fails, and the judgement of what a reopened engine holds.
#pragma once

#include "base/random.hpp"
#include "ldb/bulk_load.hpp"
#include "ldb/faulty_file_system.hpp"
#include "storage/engine_fixture.hpp"

namespace ldb::test {

// Of the places where something can go wrong. Sanitizers are slow; the ordinary build sees every one.
#if defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define LDB_PLACE_STEP 8
#elif __has_feature(address_sanitizer)
#define LDB_PLACE_STEP 4
#endif
#endif
#ifndef LDB_PLACE_STEP
#define LDB_PLACE_STEP 1
#endif
inline constexpr std::uint64_t kPlaceStep = LDB_PLACE_STEP;

class CrashHarness {
 public:
  /// `mapped`: what is not synced is stored through a mapping of the log; otherwise it is written.
  CrashHarness(std::uint64_t seed, bool mapped) : fs_(seed), random_(seed ^ 0x5eed) { fs_.set_mappings(mapped); }
  explicit CrashHarness(std::uint64_t seed) : CrashHarness(seed, seed % 2 == 0) {}

  FaultyFileSystem& fs() { return fs_; }
  StorageEngine* engine() { return engine_.get(); }
  Random& random() { return random_; }

  /// For open(): the log is longer than what it keeps mapped behind the writer.
  void use_long_segments() { long_segments_ = true; }
  Status open() {
    EngineOptions options = small_options(fs_);
    options.max_log_bytes = 1 << 20;
    if (long_segments_) {
      options.log_segment_bytes = 1 << 20;
      options.max_log_bytes = 64 << 20;
      options.memtable_bytes = 256 << 10;
    }
    auto opened = open_lsm_engine("db", options);
    if (!opened) return opened.error();
    engine_ = std::move(*opened);
    return {};
  }
  void drop_engine() { engine_ = nullptr; }

  /// Writes until `batches` are done or something fails; returns the failure. With `upkeep` the dice also flush, compact, sync
  /// and release, ingest, and make checkpoints.
  Status write_load(int batches, bool upkeep = true) {
    for (int i = 0; i < batches; ++i) {
      LDB_TRY(write_batch(random_batch()));
      if (!upkeep) continue;
      const std::uint64_t dice = random_.below(100);
      if (dice < 2) LDB_TRY(engine_->flush());
      if (dice == 2) LDB_TRY(engine_->compact({}));
      if (dice == 3) LDB_TRY(sync_and_release());
      if (dice == 4) LDB_TRY(ingest());
      if (dice == 5 && random_.one_in(2)) LDB_TRY(checkpoint());
    }
    return {};
  }

  /// Everything once: every kind of write, flush, compaction, log segments that are switched and recycled, ingestion over and
  /// beside what is there, a checkpoint, closing and opening. The same for one seed.
  Status run_script() {
    LDB_TRY(write_load(12, false));
    LDB_TRY(engine_->flush());
    LDB_TRY(write_load(90, false));  // some log segments
    LDB_TRY(sync_and_release(true));
    LDB_TRY(engine_->flush());  // the log is free up to here: its segments are used again
    LDB_TRY(write_load(90, false));
    LDB_TRY(ingest());
    LDB_TRY(write_load(5, false));
    LDB_TRY(checkpoint());
    LDB_TRY(engine_->compact({}));
    LDB_TRY(write_load(10, false));
    const Status closed = engine_->close();
    engine_ = nullptr;
    LDB_TRY(closed);
    LDB_TRY(open());
    LDB_TRY(write_load(10, false));
    LDB_TRY(ingest());
    LDB_TRY(engine_->compact({key(), std::nullopt}));
    return write_load(10, false);
  }

  Status sync_and_release(bool all = false) {
    LDB_TRY(engine_->sync());
    synced_ = handed_over_ = batches_.empty() ? 0 : batches_.back().sequence;
    return release_some(all);
  }

  Status ingest() {
    Batch batch;
    batch.sync = SyncPolicy::kSync;
    std::map<std::string, std::string> run;
    const std::string prefix = random_.one_in(2) ? "key" : "run" + std::to_string(random_.below(3)) + "/";
    for (std::uint64_t n = 1 + random_.below(60); n > 0; --n) {
      run[prefix + std::to_string(random_.below(200))] = std::string(random_.below(200), 'i');
    }
    for (const auto& [k, v] : run) batch.operations.push_back({WriteBatch::Kind::kPut, k, v});
    const SortedPairs::Pairs pairs(run.begin(), run.end());
    SortedPairs source(pairs);
    const auto sequence = engine_->ingest(source);
    return note_outcome(std::move(batch), sequence);
  }

  Status checkpoint() {
    copies_.push_back({"copy" + std::to_string(++copy_number_), {}});
    LDB_TRY(engine_->checkpoint(copies_.back().directory));
    synced_ = handed_over_ = batches_.empty() ? 0 : batches_.back().sequence;
    copies_.back().sequence = synced_;
    return {};
  }

  /// The reopened engine must hold exactly the batches up to some point at or behind what was acknowledged as durable.
  void check(bool power_loss) {
    const std::uint64_t recovered = engine_->view()->sequence();
    CAPTURE(recovered, synced_, handed_over_, batches_.size());
    REQUIRE(recovered >= (power_loss ? synced_ : handed_over_));
    settle_uncertain(recovered);
    Model model;
    std::vector<std::string> commits;
    bool at_boundary = recovered == 0;
    while (!batches_.empty() && batches_.back().sequence > recovered) batches_.pop_back();
    for (const Batch& batch : batches_) {
      apply(batch, model);
      if (!batch.commit.empty()) commits.push_back(batch.commit);
      at_boundary |= batch.sequence == recovered;
    }
    REQUIRE(at_boundary);  // no batch in part
    const Pairs expected(model.begin(), model.end());
    REQUIRE(scan(*engine_) == expected);
    REQUIRE(scan_back(*engine_) == expected);
    // The change log ends with the last commit that is visible, and has no hole.
    const auto logged = read_changes(*engine_, engine_->log_begin());
    REQUIRE(logged.size() <= commits.size());
    const std::vector<std::string> tail(commits.end() - static_cast<std::ptrdiff_t>(logged.size()), commits.end());
    CAPTURE(names(logged), names(tail));
    REQUIRE((logged == tail));
    REQUIRE(commits.size() - logged.size() <= released_);
    synced_ = handed_over_ = recovered;
    check_copies();
  }

  void check_live() {
    Model model;
    for (const Batch& batch : batches_) apply(batch, model);
    REQUIRE(scan(*engine_) == Pairs(model.begin(), model.end()));
  }

  std::size_t commits_released() const { return released_; }

 private:
  using Model = std::map<std::string, std::string>;
  struct Change {
    WriteBatch::Kind kind;
    std::string key;
    std::string value;
  };
  struct Batch {
    std::vector<Change> operations;
    std::string commit;
    SyncPolicy sync = SyncPolicy::kOs;
    std::uint64_t sequence = 0;  // of the last operation
  };

  struct Copy {
    std::string directory;
    std::optional<std::uint64_t> sequence;  // of the state it holds; none: it was interrupted
  };

  Status write_batch(Batch batch) {
    const auto sequence = engine_->write(to_write_batch(batch), batch.sync);
    return note_outcome(std::move(batch), sequence);
  }

  Status note_outcome(Batch batch, const Result<std::uint64_t>& sequence) {
    if (!sequence) {
      if (sequence.error().code() == StatusCode::kOutcomeUnknown) uncertain_ = std::move(batch);
      return sequence.error();
    }
    batch.sequence = *sequence;
    if (batch.sync == SyncPolicy::kSync) synced_ = *sequence;
    if (batch.sync != SyncPolicy::kNone) handed_over_ = *sequence;
    batches_.push_back(std::move(batch));
    return {};
  }

  /// Finished copies hold what they should; interrupted ones are refused, or whole. Then they go.
  void check_copies() {
    for (const Copy& copy : copies_) {
      CAPTURE(copy.directory);
      EngineOptions options = small_options(fs_);
      options.create_if_missing = false;
      auto opened = open_lsm_engine(copy.directory, options);
      INFO(opened.error().to_string());
      if (copy.sequence) REQUIRE(opened);
      if (opened) {
        const std::uint64_t sequence = (*opened)->view()->sequence();
        if (copy.sequence) CHECK(sequence == *copy.sequence);
        Model model;
        for (const Batch& batch : batches_) {
          if (batch.sequence <= sequence) apply(batch, model);
        }
        CHECK(scan(**opened) == Pairs(model.begin(), model.end()));
      } else {
        CHECK((opened.error().code() == StatusCode::kCorruption || opened.error().code() == StatusCode::kNotFound));
      }
      if (opened) REQUIRE((*opened)->close());
      opened = Status(StatusCode::kAborted, "closed");
      CHECK(fs_.remove_directory(copy.directory));
    }
    copies_.clear();
  }

  static std::string names(const std::vector<std::string>& commits) {
    std::string result;
    for (const std::string& commit : commits) result += commit.substr(7, commit.find('c', 7) - 7) + " ";
    return result;
  }

  std::string key() { return "key" + std::to_string(random_.below(200)); }

  Batch random_batch() {
    Batch batch;
    const std::uint64_t size = 1 + random_.below(4);
    for (std::uint64_t i = 0; i < size; ++i) {
      const std::uint64_t dice = random_.below(20);
      if (dice < 16) {
        batch.operations.push_back(
            {WriteBatch::Kind::kPut, key(), std::string(random_.below(300), static_cast<char>('a' + dice))});
      } else if (dice < 19) {
        batch.operations.push_back({WriteBatch::Kind::kDelete, key(), {}});
      } else {
        batch.operations.push_back({WriteBatch::Kind::kDeleteRange, key(), key()});
      }
    }
    if (random_.one_in(3)) batch.commit = "commit " + std::to_string(++commit_number_) + std::string(random_.below(500), 'c');
    const std::uint64_t sync = random_.below(10);
    batch.sync = sync < 2 ? SyncPolicy::kSync : (sync < 8 ? SyncPolicy::kOs : SyncPolicy::kNone);
    return batch;
  }

  static WriteBatch to_write_batch(const Batch& batch) {
    WriteBatch result;
    for (const auto& op : batch.operations) {
      if (op.kind == WriteBatch::Kind::kPut) result.put(op.key, op.value);
      if (op.kind == WriteBatch::Kind::kDelete) result.erase(op.key);
      if (op.kind == WriteBatch::Kind::kDeleteRange) result.erase_range(op.key, op.value);
    }
    if (!batch.commit.empty()) result.set_commit(batch.commit);
    return result;
  }

  static void apply(const Batch& batch, Model& model) {
    for (const auto& op : batch.operations) {
      if (op.kind == WriteBatch::Kind::kPut) model[op.key] = op.value;
      if (op.kind == WriteBatch::Kind::kDelete) model.erase(op.key);
      if (op.kind == WriteBatch::Kind::kDeleteRange && op.key < op.value) {
        model.erase(model.lower_bound(op.key), model.lower_bound(op.value));
      }
    }
  }

  void settle_uncertain(std::uint64_t recovered) {
    if (!uncertain_) return;
    const std::uint64_t last = batches_.empty() ? 0 : batches_.back().sequence;
    if (recovered > last) {
      uncertain_->sequence = recovered;
      batches_.push_back(*uncertain_);
    }
    uncertain_.reset();
  }

  Status release_some(bool all) {
    LogPosition position = engine_->log_begin();
    LDB_ASSIGN_OR_RETURN(const auto reader, engine_->changes(position));
    for (std::uint64_t n = all ? UINT64_MAX : random_.below(40); n > 0; --n) {
      LDB_ASSIGN_OR_RETURN(const auto change, reader->next());
      if (!change) break;
      position = change->next;
      ++released_;
    }
    engine_->release_log(position);
    return {};
  }

  FaultyFileSystem fs_;
  Random random_;
  std::unique_ptr<StorageEngine> engine_;
  std::vector<Batch> batches_;
  std::optional<Batch> uncertain_;
  std::vector<Copy> copies_;
  int copy_number_ = 0;
  bool long_segments_ = false;
  std::uint64_t synced_ = 0;
  std::uint64_t handed_over_ = 0;
  std::uint64_t commit_number_ = 0;
  std::size_t released_ = 0;
};

}  // namespace ldb::test
