// Random operations against a sorted map, with views, range deletions, iterators in both directions, reads of many keys, flushes,
// compactions, ingestions, checkpoints, reopening, power losses.
#include "base/random.hpp"
#include "ldb/bulk_load.hpp"
#include "storage/engine_fixture.hpp"

using namespace ldb;
using namespace ldb::test;

namespace {

using Model = std::map<std::string, std::string>;

class ModelRun {
 public:
  ModelRun(EngineKind kind, std::uint64_t seed) : engine_(kind, nullptr, seed % 2 == 0), random_(seed) {
    keys_ = 1 + random_.below(random_.one_in(3) ? 20 : 400);
    key_bytes_ = random_.one_in(4) ? 40 : 4;
  }

  void run(int steps) {
    for (int i = 0; i < steps; ++i) {
      CAPTURE(i);
      step();
    }
    check(nullptr, model_);
  }

 private:
  struct View {
    std::unique_ptr<ReadView> view;
    Model model;
  };

  std::string key() {
    const std::uint64_t n = random_.below(keys_);
    std::string key = std::to_string(n * 7919 % 100003);
    if (n % 3 == 0) key = "shared/prefix/" + key;
    if (n % 16 == 5) key += std::string(key_bytes_, static_cast<char>(n));
    return key;
  }
  std::string value() {
    return std::string(random_.below(random_.one_in(20) ? 2000 : 60), static_cast<char>('a' + random_.below(26)));
  }

  void step() {
    const std::uint64_t dice = random_.below(1000);
    if (dice < 600) {
      write();
    } else if (dice < 750) {
      const std::string k = key();
      const auto it = model_.find(k);
      CHECK(get(*engine_, k) == (it == model_.end() ? "<none>" : it->second));
      check_newest(k);
    } else if (dice < 800 && !views_.empty()) {
      View& v = views_[random_.below(views_.size())];
      const std::string k = key();
      const auto it = v.model.find(k);
      CHECK(get(*engine_, k, v.view.get()) == (it == v.model.end() ? "<none>" : it->second));
    } else if (dice < 850) {
      if (views_.empty() || random_.one_in(2)) {
        walk(nullptr, model_);
      } else {
        const View& v = views_[random_.below(views_.size())];
        walk(v.view.get(), v.model);
      }
    } else if (dice < 900) {
      if (views_.size() < 6) views_.push_back({engine_->view(), model_});
    } else if (dice < 950) {
      if (!views_.empty()) {
        const std::size_t i = random_.below(views_.size());
        check(views_[i].view.get(), views_[i].model);
        views_.erase(views_.begin() + static_cast<std::ptrdiff_t>(i));
      }
    } else if (dice < 970) {
      REQUIRE(engine_->flush());
    } else if (dice < 985) {
      REQUIRE(engine_->compact(range()));
    } else if (dice < 990 && engine_.durable()) {
      views_.clear();
      engine_.reopen();
      all_synced();
      check(nullptr, model_);
    } else if (dice < 992) {
      check(nullptr, model_);
    } else if (dice < 994) {
      ingest();
    } else if (dice < 996 && engine_.has_power()) {
      lose_power();
    } else if (dice < 997 && engine_.durable()) {
      checkpoint();
    } else {
      get_many();
    }
  }

  KeyRange range() {
    KeyRange range;
    if (random_.one_in(2)) range.lower = key();
    if (random_.one_in(2)) range.upper = key();
    if (range.lower && range.upper && *range.upper < *range.lower) std::swap(range.lower, range.upper);
    return range;
  }

  static void apply(const WriteBatch& batch, Model& model) {
    batch.for_each([&](const WriteBatch::Operation& op) {
      const std::string key(op.key);
      if (op.kind == WriteBatch::Kind::kPut) model[key] = op.value;
      if (op.kind == WriteBatch::Kind::kDelete) model.erase(key);
      if (op.kind == WriteBatch::Kind::kDeleteRange && op.key < op.value) {
        model.erase(model.lower_bound(key), model.lower_bound(std::string(op.value)));
      }
    });
  }

  void write() {
    WriteBatch batch;
    const std::uint64_t size = random_.one_in(10) ? random_.below(40) : 1 + random_.below(3);
    for (std::uint64_t i = 0; i < size; ++i) {
      const std::uint64_t kind = random_.below(100);
      if (kind < 70) {
        batch.put(key(), value());
      } else if (kind < 95) {
        batch.erase(key());
      } else {
        batch.erase_range(key(), key());
      }
    }
    apply(batch, model_);
    unsynced_.push_back({0, batch});
    const bool synced = random_.one_in(50) || unsynced_.size() > 300;
    const auto sequence =
        engine_->write(std::move(batch), synced ? SyncPolicy::kSync : (random_.one_in(2) ? SyncPolicy::kOs : SyncPolicy::kNone));
    REQUIRE(sequence);
    CHECK(*sequence > last_sequence_);
    last_sequence_ = unsynced_.back().sequence = *sequence;
    if (synced) all_synced();
  }

  void all_synced() {
    synced_model_ = model_;
    unsynced_.clear();
  }

  void ingest() {
    Model run;
    for (std::uint64_t n = random_.below(80); n > 0; --n) run[key()] = value();
    for (const auto& [k, v] : run) model_[k] = v;
    const SortedPairs::Pairs pairs(run.begin(), run.end());
    SortedPairs source(pairs);
    const auto sequence = engine_->ingest(source);
    INFO(sequence.error().to_string());
    REQUIRE(sequence);
    if (pairs.empty()) return;
    CHECK(*sequence > last_sequence_);
    last_sequence_ = *sequence;
    all_synced();
  }

  /// What comes back is what was synced, and of the rest some first part.
  void lose_power() {
    views_.clear();
    engine_.lose_power();
    const std::uint64_t recovered = engine_->view()->sequence();
    model_ = synced_model_;
    bool at_boundary = unsynced_.empty() || recovered < unsynced_.front().sequence;
    for (const Unsynced& write : unsynced_) {
      if (write.sequence > recovered) break;
      apply(write.batch, model_);
      at_boundary = write.sequence == recovered;
    }
    CHECK(at_boundary);
    last_sequence_ = recovered;
    check(nullptr, model_);
    all_synced();
  }

  void checkpoint() {
    const std::string copy = engine_.beside("copy" + std::to_string(++copies_));
    const Status made = engine_->checkpoint(copy);
    INFO(made.to_string());
    REQUIRE(made);
    all_synced();
    {
      auto opened = engine_.open_other(copy);
      INFO(opened.error().to_string());
      REQUIRE(opened);
      CHECK(scan(**opened) == Pairs(model_.begin(), model_.end()));
      REQUIRE((*opened)->close());
    }
    CHECK(engine_.fs().remove_directory(copy));
  }

  void get_many() {
    const View* view = views_.empty() || random_.one_in(2) ? nullptr : &views_[random_.below(views_.size())];
    const Model& model = view != nullptr ? view->model : model_;
    std::vector<std::string> names;
    for (std::uint64_t n = random_.below(30); n > 0; --n) names.push_back(key());
    const std::vector<std::string_view> keys(names.begin(), names.end());
    const auto values = engine_->multi_get(view != nullptr ? view->view.get() : nullptr, keys);
    REQUIRE(values);
    REQUIRE(values->size() == keys.size());
    for (std::size_t i = 0; i < keys.size(); ++i) {
      const auto it = model.find(names[i]);
      CHECK((*values)[i].value_or("<none>") == (it == model.end() ? "<none>" : it->second));
    }
  }

  void check_newest(const std::string& k) {
    const auto newest = engine_->newest_sequence(k);
    REQUIRE(newest);
    CHECK(*newest <= last_sequence_);
  }

  void check(const ReadView* view, const Model& model) {
    const Pairs expected(model.begin(), model.end());
    REQUIRE(scan(*engine_, view) == expected);
    REQUIRE(scan_back(*engine_, view) == expected);
  }

  /// A random walk of one iterator over a random range.
  void walk(const ReadView* view, const Model& model) {
    const KeyRange bounds = range();
    auto made = engine_->iterate(view, bounds);
    REQUIRE(made);
    Iterator& it = **made;
    Model inside;
    for (const auto& [k, v] : model) {
      if ((!bounds.lower || k >= *bounds.lower) && (!bounds.upper || k < *bounds.upper)) inside[k] = v;
    }
    auto expected = inside.end();
    for (int i = 0; i < 20; ++i) {
      const std::uint64_t move = random_.below(8);
      if (expected != inside.end() && move < 3) {
        it.next();
        ++expected;
      } else if (expected != inside.end() && move < 6) {
        it.prev();
        expected = expected == inside.begin() ? inside.end() : std::prev(expected);
      } else if (move == 6) {
        const std::string target = key();
        if (random_.one_in(2)) {
          it.seek(target);
          expected = inside.lower_bound(target);
        } else {
          it.seek_for_prev(target);
          expected = inside.upper_bound(target);
          expected = expected == inside.begin() ? inside.end() : std::prev(expected);
        }
      } else if (random_.one_in(2)) {
        it.seek_to_first();
        expected = inside.begin();
      } else {
        it.seek_to_last();
        expected = inside.empty() ? inside.end() : std::prev(inside.end());
      }
      REQUIRE(it.status());
      REQUIRE(it.valid() == (expected != inside.end()));
      if (!it.valid()) continue;
      REQUIRE(it.key() == expected->first);
      REQUIRE(it.value() == expected->second);
    }
  }

  TestEngine engine_;
  Random random_;
  std::uint64_t keys_;
  std::uint64_t key_bytes_;
  Model model_;
  struct Unsynced {
    std::uint64_t sequence;
    WriteBatch batch;
  };
  Model synced_model_;  // a power loss leaves this and a first part of what follows
  std::vector<Unsynced> unsynced_;
  int copies_ = 0;
  std::vector<View> views_;
  std::uint64_t last_sequence_ = 0;
};

}  // namespace

TEST_CASE("Engines agree with a sorted map under random operations") {
  // scripts/soak sets these.
  const auto number = [](const char* variable, std::uint64_t otherwise) {
    const char* text = std::getenv(variable);
    return text != nullptr ? std::strtoull(text, nullptr, 10) : otherwise;
  };
  const EngineKind kind = GENERATE(from_range(engine_kinds()));
  const char* only = std::getenv("LDB_MODEL_ENGINE");
  if (only != nullptr && to_string(kind) != only) return;
  const std::uint64_t first = number("LDB_MODEL_SEED", 1);
  const std::uint64_t seeds = number("LDB_MODEL_SEEDS", kind == EngineKind::kRocksDb ? 2 : 8);
  const int steps = static_cast<int>(number("LDB_MODEL_STEPS", 1500));
  for (std::uint64_t seed = first; seed < first + seeds; ++seed) {
    CAPTURE(to_string(kind), seed);
    ModelRun(kind, seed).run(steps);
  }
}
