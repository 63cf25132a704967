// Random operations against a sorted map, with views, range deletions, iterators in both directions, flushes, compactions,
// reopening.
#include "base/random.hpp"
#include "storage/engine_fixture.hpp"

using namespace ldb;
using namespace ldb::test;

namespace {

using Model = std::map<std::string, std::string>;

class ModelRun {
 public:
  ModelRun(EngineKind kind, std::uint64_t seed) : engine_(kind), random_(seed) {
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
      check(nullptr, model_);
    } else if (dice < 995) {
      check(nullptr, model_);
    }
  }

  KeyRange range() {
    KeyRange range;
    if (random_.one_in(2)) range.lower = key();
    if (random_.one_in(2)) range.upper = key();
    if (range.lower && range.upper && *range.upper < *range.lower) std::swap(range.lower, range.upper);
    return range;
  }

  void write() {
    WriteBatch batch;
    const std::uint64_t size = random_.one_in(10) ? random_.below(40) : 1 + random_.below(3);
    for (std::uint64_t i = 0; i < size; ++i) {
      const std::uint64_t kind = random_.below(100);
      const std::string k = key();
      if (kind < 70) {
        const std::string v = value();
        batch.put(k, v);
        model_[k] = v;
      } else if (kind < 95) {
        batch.erase(k);
        model_.erase(k);
      } else {
        std::string upper = key();
        batch.erase_range(k, upper);
        if (k < upper) model_.erase(model_.lower_bound(k), model_.lower_bound(upper));
      }
    }
    const auto sequence = engine_->write(std::move(batch), random_.one_in(2) ? SyncPolicy::kOs : SyncPolicy::kNone);
    REQUIRE(sequence);
    CHECK(*sequence > last_sequence_);
    last_sequence_ = *sequence;
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
  std::vector<View> views_;
  std::uint64_t last_sequence_ = 0;
};

}  // namespace

TEST_CASE("Engines agree with a sorted map under random operations") {
  const EngineKind kind = GENERATE(from_range(engine_kinds()));
  const char* seed_text = std::getenv("LDB_MODEL_SEED");
  const char* steps_text = std::getenv("LDB_MODEL_STEPS");
  const std::uint64_t first = seed_text != nullptr ? std::strtoull(seed_text, nullptr, 10) : 1;
  const int steps = steps_text != nullptr ? std::atoi(steps_text) : 1500;
  for (std::uint64_t seed = first; seed < first + 8; ++seed) {
    CAPTURE(to_string(kind), seed);
    ModelRun(kind, seed).run(steps);
  }
}
