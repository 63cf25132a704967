// Every file operation that a read of the user makes fails once: the read says so, shows nothing wrong, and works the next time.
#include <algorithm>
#include <functional>

#include "storage/crash_harness.hpp"
#include "storage/manual_executor.hpp"

using namespace ldb;
using namespace ldb::test;

namespace {

using Model = std::map<std::string, std::string>;

std::string key_of(std::uint64_t n) { return "key" + std::to_string(1000 + n); }

/// A directory with tables in several levels, deleted keys and ranges, a log of several segments and commits.
struct Library {
  FaultyFileSystem::DirectoryImage image;
  Model content;
  std::vector<std::string> commits;
  std::map<std::string, std::uint64_t> sequences;  // the newest of each key when nothing fails
};

EngineOptions library_options(FileSystem& fs) {
  EngineOptions options = small_options(fs);
  options.block_cache_bytes = 8 << 10;  // reads find little of it in memory
  return options;
}

Library make_library() {
  FaultyFileSystem fs(1);
  Random random(21);
  Library library;
  auto engine = open_lsm_engine("db", library_options(fs)).value();
  const auto write = [&](std::uint64_t batches) {
    for (std::uint64_t i = 0; i < batches; ++i) {
      WriteBatch batch;
      for (int k = 0; k < 4; ++k) {
        const std::string key = key_of(random.below(400));
        std::string value(random.below(200), '\0');
        for (char& c : value) c = static_cast<char>(random.below(256));  // does not compress
        batch.put(key, value);
        library.content[key] = value;
      }
      if (random.one_in(8)) {
        const std::string key = key_of(random.below(400));
        batch.erase(key);
        library.content.erase(key);
      }
      if (random.one_in(20)) {
        const std::uint64_t from = random.below(390);
        batch.erase_range(key_of(from), key_of(from + 8));
        library.content.erase(library.content.lower_bound(key_of(from)), library.content.lower_bound(key_of(from + 8)));
      }
      library.commits.push_back("commit " + std::to_string(library.commits.size()));
      batch.set_commit(library.commits.back());
      REQUIRE(engine->write(std::move(batch), SyncPolicy::kOs));
    }
  };
  write(150);
  REQUIRE(engine->compact({}));
  write(60);
  REQUIRE(engine->flush());
  write(20);
  REQUIRE(engine->flush());
  write(5);
  REQUIRE(engine->close());
  engine = nullptr;
  library.image = fs.copy_directory("db");
  return library;
}

/// The library opened with nothing of it in memory, and no work in the background: all that is read is read for the user.
class Reading {
 public:
  explicit Reading(const Library& library) : library_(library), fs_(1), now_(library.content) {
    fs_.restore_directory("db", library.image);
    EngineOptions options = library_options(fs_);
    options.executor = &executor_;
    engine_ = open_lsm_engine("db", options).value();
    view_ = engine_->view();
    // Newer than the view, and in memory.
    for (std::uint64_t n = 0; n < 400; n += 40) {
      put(*engine_, key_of(n), "new");
      now_[key_of(n)] = "new";
    }
    erase_range(*engine_, key_of(100), key_of(120));
    now_.erase(now_.lower_bound(key_of(100)), now_.lower_bound(key_of(120)));
    fs_.set_observer([this](std::string_view event) { struck_ |= event.ends_with("_error"); });
  }
  ~Reading() {
    fs_.fail_at(FileOperation::kRead, 0);
    view_ = nullptr;
    while (executor_.waiting() > 0) executor_.run(0);
    CHECK(engine_->close());
  }
  Reading(const Reading&) = delete;
  Reading& operator=(const Reading&) = delete;

  FaultyFileSystem& fs() { return fs_; }
  bool struck() const { return struck_; }
  StorageEngine& engine() { return *engine_; }
  const ReadView* view() const { return view_.get(); }
  const Model& content(const ReadView* view) const { return view == nullptr ? now_ : library_.content; }
  const Library& library() const { return library_; }

 private:
  const Library& library_;
  FaultyFileSystem fs_;
  ManualExecutor executor_;
  bool struck_ = false;  // this thread is the only one
  Model now_;
  std::unique_ptr<StorageEngine> engine_;
  std::unique_ptr<ReadView> view_;
};

/// One call or one walk: returns its failure, and has checked what it showed.
struct Step {
  std::string name;
  std::function<Status(Reading&)> run;
};

std::optional<std::string> expected_at(const Model& content, const std::string& key) {
  const auto entry = content.find(key);
  return entry == content.end() ? std::nullopt : std::optional(entry->second);
}

Status get_one(Reading& reading, const ReadView* view, const std::string& key) {
  const auto found = reading.engine().get(view, key);
  if (!found) return found.error();
  REQUIRE((*found == expected_at(reading.content(view), key)));
  return {};
}

Status get_many(Reading& reading, const ReadView* view, std::uint64_t first) {
  std::vector<std::string> keys;
  for (std::uint64_t n = 0; n < 40; ++n) keys.push_back(key_of((first + n * 11) % 410));
  const std::vector<std::string_view> wanted(keys.begin(), keys.end());
  const auto found = reading.engine().multi_get(view, wanted);
  if (!found) return found.error();
  REQUIRE(found->size() == keys.size());
  for (std::size_t i = 0; i < keys.size(); ++i) REQUIRE(((*found)[i] == expected_at(reading.content(view), keys[i])));
  return {};
}

using Place = Model::const_iterator;

/// `it` stands at `place`, or failed. The end is where an iterator is not valid, and has no reason to be.
Status stands_at(const Iterator& it, const Model& content, Place place) {
  if (!it.status()) {
    REQUIRE_FALSE(it.valid());
    return it.status();
  }
  REQUIRE(it.valid() == (place != content.end()));
  if (!it.valid()) return {};
  REQUIRE(it.key() == place->first);
  REQUIRE(it.value() == place->second);
  return {};
}

Status walk(Iterator& it, const Model& content, bool forward) {
  if (forward) {
    it.seek_to_first();
    for (Place place = content.begin();; ++place) {
      LDB_TRY(stands_at(it, content, place));
      if (place == content.end()) return {};
      it.next();
    }
  }
  it.seek_to_last();
  for (Place place = content.end(); place != content.begin();) {
    LDB_TRY(stands_at(it, content, --place));
    it.prev();
  }
  return stands_at(it, content, content.end());
}

/// All of it; an iterator that failed either stays so, or goes on with the right pairs.
Status walk_all(Reading& reading, const ReadView* view, bool forward) {
  auto it = reading.engine().iterate(view, {});
  if (!it) return it.error();
  const Status status = walk(**it, reading.content(view), forward);
  if (!status) (void)walk(**it, reading.content(view), forward);
  return status;
}

/// Places found by key from either side, and turning around there.
Status seek_about(Reading& reading, const ReadView* view, std::uint64_t n) {
  const Model& content = reading.content(view);
  auto it = reading.engine().iterate(view, {});
  if (!it) return it.error();
  const std::string key = key_of(n);
  Place place = content.lower_bound(key);
  (*it)->seek(key);
  LDB_TRY(stands_at(**it, content, place));
  for (int i = 0; i < 12 && place != content.end(); ++i) {
    (*it)->next();
    LDB_TRY(stands_at(**it, content, ++place));
  }
  place = content.upper_bound(key);
  (*it)->seek_for_prev(key);
  if (place == content.begin()) return stands_at(**it, content, content.end());
  for (int i = 0; i < 6 && place != content.begin(); ++i) {
    LDB_TRY(stands_at(**it, content, --place));
    if (place == content.begin()) return {};
    (*it)->prev();
  }
  LDB_TRY(stands_at(**it, content, --place));
  for (int i = 0; i < 9 && place != content.end(); ++i) {
    (*it)->next();
    LDB_TRY(stands_at(**it, content, ++place));
  }
  return {};
}

/// The change log: what a reader that failed has shown is right, and one that begins behind it shows the rest.
Status follow_log(Reading& reading) {
  LogPosition from = reading.engine().log_begin();
  std::size_t seen = 0;
  Status failure;
  for (int attempt = 0; attempt < 2; ++attempt) {
    Status status;
    auto reader = reading.engine().changes(from);
    if (!reader) {
      status = reader.error();
    } else {
      for (;;) {
        auto change = (*reader)->next();
        if (!change) {
          status = change.error();
          break;
        }
        if (!*change) break;
        REQUIRE(seen < reading.library().commits.size());
        REQUIRE((*change)->commit == reading.library().commits[seen++]);
        from = (*change)->next;
      }
    }
    if (status) {
      REQUIRE(seen == reading.library().commits.size());
      return failure;
    }
    REQUIRE(failure);  // nothing has a reason to fail twice
    failure = status;
  }
  return failure;
}

Status newest(Reading& reading, const std::string& key) {
  const auto sequence = reading.engine().newest_sequence(key);
  if (!sequence) return sequence.error();
  REQUIRE(*sequence == reading.library().sequences.at(key));
  return {};
}

/// Alternately first and last: what one read brings into memory the next one does not read.
std::vector<std::vector<Step>> scripts() {
  std::vector<std::vector<Step>> result(6);
  for (std::uint64_t n = 3; n < 410; n += 29) {
    result[0].push_back({"get", [n](Reading& r) { return get_one(r, nullptr, key_of(n)); }});
    result[0].push_back({"get in a view", [n](Reading& r) { return get_one(r, r.view(), key_of(409 - n)); }});
    result[0].push_back({"newest_sequence", [n](Reading& r) { return newest(r, key_of(n + 7)); }});
  }
  for (std::uint64_t n = 0; n < 4; ++n) {
    result[1].push_back({"multi_get", [n](Reading& r) { return get_many(r, nullptr, n * 100); }});
    result[1].push_back({"multi_get in a view", [n](Reading& r) { return get_many(r, r.view(), n * 90); }});
  }
  result[2].push_back({"forward", [](Reading& r) { return walk_all(r, nullptr, true); }});
  result[2].push_back({"in reverse, in a view", [](Reading& r) { return walk_all(r, r.view(), false); }});
  result[3].push_back({"in reverse", [](Reading& r) { return walk_all(r, nullptr, false); }});
  result[3].push_back({"forward in a view", [](Reading& r) { return walk_all(r, r.view(), true); }});
  for (std::uint64_t n = 0; n < 410; n += 60) {
    result[4].push_back({"seek", [n](Reading& r) { return seek_about(r, nullptr, n); }});
    result[4].push_back({"seek in a view", [n](Reading& r) { return seek_about(r, r.view(), 400 - n); }});
  }
  result[5].push_back({"changes", follow_log});
  return result;
}

void check_names_file(const Status& status) {
  INFO(status.to_string());
  CHECK(status.code() == StatusCode::kIoError);
  const bool named =
      status.message().find("db/") != std::string_view::npos &&
      (status.message().find(".sst") != std::string_view::npos || status.message().find(".wal") != std::string_view::npos);
  CHECK(named);
  CHECK(status.message().find("injected fault") != std::string_view::npos);
}

/// The n-th such operation of a script fails. False when it has no n-th one.
bool read_run(const Library& library, const std::vector<Step>& script, FileOperation operation, std::uint64_t n) {
  CAPTURE(static_cast<int>(operation), n);
  Reading reading(library);
  reading.fs().fail_at(operation, n);
  bool failed = false;
  for (const Step& step : script) {
    CAPTURE(step.name);
    const bool before = reading.struck();
    const Status status = step.run(reading);
    INFO(status.to_string());
    REQUIRE(status.is_ok() == (reading.struck() == before));  // it struck in this step, which must say so
    if (status) continue;
    failed = true;
    check_names_file(status);
    const Status again = step.run(reading);
    INFO(again.to_string());
    REQUIRE(again);
  }
  reading.fs().fail_at(operation, 0);
  return failed;
}

}  // namespace

TEST_CASE(
    "An I/O error at every operation of every kind of read is reported with its file, shows nothing wrong, and is over then") {
  Library library = make_library();
  {
    Reading healthy(library);
    for (std::uint64_t n = 0; n < 420; ++n) library.sequences[key_of(n)] = healthy.engine().newest_sequence(key_of(n)).value();
  }
  const std::vector<std::vector<Step>> all = scripts();
  for (std::size_t number = 0; number < all.size(); ++number) {
    CAPTURE(number);
    for (const FileOperation operation : {FileOperation::kOpen, FileOperation::kRead, FileOperation::kOther}) {
      std::uint64_t places = 0;
      while (read_run(library, all[number], operation, places + 1)) places += kPlaceStep;
      CAPTURE(static_cast<int>(operation));
      CHECK(places > (operation == FileOperation::kRead ? 15 : 5));
    }
  }
}
