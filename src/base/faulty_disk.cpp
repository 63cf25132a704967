#include "base/faulty_disk.hpp"

#include <algorithm>
#include <cstring>
#include <utility>

#include "base/path.hpp"

namespace ldb {
namespace {

constexpr std::uint64_t kSectorBytes = FaultyPages::kSectorBytes;

}  // namespace

void FaultyFile::apply(std::string& contents, const Change& change) {
  if (change.is_resize) {
    contents.resize(change.offset);
    return;
  }
  if (contents.size() < change.offset + change.bytes.size()) contents.resize(change.offset + change.bytes.size());
  std::memcpy(contents.data() + change.offset, change.bytes.data(), change.bytes.size());
}

void FaultyFile::harvest() {
  if (!pages_) return;
  std::uint64_t words[kSectorBytes / sizeof(std::uint64_t)];
  const char* const sector = reinterpret_cast<const char*>(words);
  const std::uint64_t end = std::min<std::uint64_t>(pages_->size(), visible_.size());
  for (std::uint64_t at = 0; at < end; at += kSectorBytes) {
    const auto n = static_cast<std::size_t>(std::min(kSectorBytes, end - at));
    pages_->load_sector(at, words);
    if (std::memcmp(sector, visible_.data() + at, n) == 0) continue;
    unsynced_.push_back({false, at, std::string(sector, n)});
    apply(visible_, unsynced_.back());
  }
}

const std::string& FaultyFile::visible() {
  harvest();
  return visible_;
}

void FaultyFile::write(std::uint64_t offset, std::string_view bytes) {
  if (bytes.empty()) return;
  harvest();
  unsynced_.push_back({false, offset, std::string(bytes)});
  apply(visible_, unsynced_.back());
  if (pages_) pages_->store(offset, bytes);
}

void FaultyFile::resize(std::uint64_t size_bytes) {
  if (size_bytes == visible_.size()) return;
  harvest();
  // What grows later has zeros again.
  if (pages_ && size_bytes < visible_.size()) pages_->store(size_bytes, std::string(visible_.size() - size_bytes, '\0'));
  unsynced_.push_back({true, size_bytes, {}});
  apply(visible_, unsynced_.back());
}

void FaultyFile::sync() {
  harvest();
  for (const Change& change : unsynced_) apply(durable_, change);
  unsynced_.clear();
}

void FaultyFile::apply_torn(const Change& change, Random& random) {
  std::uint64_t at = 0;
  while (at < change.bytes.size()) {
    const std::uint64_t to_boundary = kSectorBytes - (change.offset + at) % kSectorBytes;
    const std::uint64_t n = std::min<std::uint64_t>(to_boundary, change.bytes.size() - at);
    if (random.one_in(2)) apply(durable_, {false, change.offset + at, change.bytes.substr(at, n)});
    at += n;
  }
}

void FaultyFile::keep_some(WriteLoss loss, Random& random, const std::function<void(std::string_view)>& report) {
  if (unsynced_.empty()) return;
  // Most crashes in the field lose either everything or little; drawing a rate first makes those extremes as likely as the
  // middle.
  std::uint64_t lost_of_8 = random.below(9);
  if (loss == WriteLoss::kAll) lost_of_8 = 8;
  if (loss == WriteLoss::kNone || loss == WriteLoss::kTorn) lost_of_8 = 0;
  for (const Change& change : unsynced_) {
    const bool lost = random.below(8) < lost_of_8;
    if (change.is_resize) {
      if (lost && change.offset < durable_.size()) {
        report("file_lost_truncation");
        break;
      }
      // Growth without its zeros never shows: later writes that survive grow the file themselves.
      if (!lost) apply(durable_, change);
    } else if (lost) {
      report("file_lost_write");
    } else if (loss == WriteLoss::kTorn || (loss == WriteLoss::kRandom && random.one_in(4))) {
      report("file_torn_write");
      apply_torn(change, random);
    } else {
      report("file_kept_write");
      apply(durable_, change);
    }
  }
  unsynced_.clear();
}

void FaultyFile::fail_sync(Random& random, const std::function<void(std::string_view)>& report) {
  harvest();
  keep_some(WriteLoss::kRandom, random, report);
}

void FaultyFile::crash(WriteLoss loss, Random& random, const std::function<void(std::string_view)>& report) {
  cut_mappings();
  keep_some(loss, random, report);
  visible_ = durable_;
}

void FaultyFile::flip_bit(std::uint64_t bit) {
  harvest();
  const auto mask = static_cast<char>(1U << (bit % 8));
  for (std::string* contents : {&visible_, &durable_})
    if (bit / 8 < contents->size()) (*contents)[bit / 8] = static_cast<char>((*contents)[bit / 8] ^ mask);
  if (pages_ && bit / 8 < visible_.size()) pages_->store(bit / 8, {&visible_[bit / 8], 1});
}

std::shared_ptr<FaultyPages> FaultyFile::map(std::uint64_t size_bytes) {
  if (!pages_) {
    pages_ = std::make_shared<FaultyPages>(size_bytes);
    pages_->store(0, visible_);
  }
  return pages_->size() == size_bytes ? pages_ : nullptr;
}

void FaultyFile::unmap(std::shared_ptr<FaultyPages> pages) {
  if (pages != pages_) return;  // cut off
  harvest();
  pages = nullptr;
  if (pages_.use_count() == 1) pages_ = nullptr;
}

void FaultyFile::cut_mappings() {
  harvest();
  pages_ = nullptr;
}

void FaultyFile::replace(std::string contents) {
  pages_ = nullptr;
  visible_ = durable_ = std::move(contents);
  unsynced_.clear();
}

bool FaultyNames::is_directory(const std::string& name) const {
  if (name == "." || name == "/") return true;
  const auto entry = visible_.find(name);
  return entry != visible_.end() && !entry->second;
}

void FaultyNames::apply(Map& map, const Step& step) {
  for (const Step::Entry& entry : step.entries) {
    if (entry.present) {
      map[entry.name] = entry.file;
    } else {
      map.erase(entry.name);
    }
  }
}

void FaultyNames::record(Step step) {
  apply(visible_, step);
  unsynced_.push_back(std::move(step));
}

void FaultyNames::link(const std::string& name, FaultyFilePtr file, const std::string& unlink) {
  Step step;
  step.entries.push_back({name, true, std::move(file)});
  if (!unlink.empty()) step.entries.push_back({unlink, false, nullptr});
  record(std::move(step));
}

void FaultyNames::unlink(const std::string& name) {
  Step step;
  step.entries.push_back({name, false, nullptr});
  record(std::move(step));
}

void FaultyNames::make_directory(const std::string& name) {
  link(name, nullptr);
  sync_directory(parent_path(name));
}

void FaultyNames::sync_directory(const std::string& directory) {
  std::vector<Step> kept;
  for (Step& step : unsynced_) {
    const bool concerned = std::any_of(step.entries.begin(), step.entries.end(),
                                       [&](const Step::Entry& entry) { return parent_path(entry.name) == directory; });
    if (concerned) {
      apply(durable_, step);
    } else {
      kept.push_back(std::move(step));
    }
  }
  unsynced_ = std::move(kept);
}

void FaultyNames::crash(EntryLoss loss, Random& random, const std::function<void(std::string_view)>& report) {
  std::uint64_t surviving = random.below(unsynced_.size() + 1);
  for (const Step& step : unsynced_) {
    bool kept = loss == EntryLoss::kAny ? random.one_in(2) : surviving > 0;
    if (loss == EntryLoss::kAll) kept = false;
    if (surviving > 0) --surviving;
    report(kept ? "file_kept_entry" : "file_lost_entry");
    if (kept) apply(durable_, step);
  }
  unsynced_.clear();
  visible_.clear();
  // In order of names: a directory comes before what is in it. Names whose directory is gone are gone too.
  for (const auto& [name, file] : durable_)
    if (is_directory(parent_path(name))) visible_[name] = file;
  durable_ = visible_;
}

std::map<std::uint64_t, FaultyFilePtr> FaultyNames::files() const {
  std::map<std::uint64_t, FaultyFilePtr> files;
  for (const Map* map : {&visible_, &durable_})
    for (const auto& [name, file] : *map)
      if (file) files.emplace(file->id(), file);
  for (const Step& step : unsynced_)
    for (const Step::Entry& entry : step.entries)
      if (entry.file) files.emplace(entry.file->id(), entry.file);
  return files;
}

void FaultyNames::erase_tree(const std::string& directory) {
  const auto inside = [&](const auto& entry) { return is_inside(entry.first, directory); };
  std::erase_if(visible_, inside);
  std::erase_if(durable_, inside);
  for (Step& step : unsynced_)
    std::erase_if(step.entries, [&](const Step::Entry& entry) { return is_inside(entry.name, directory); });
}

void FaultyNames::put_durable(const std::string& name, FaultyFilePtr file) {
  visible_[name] = file;
  durable_[name] = std::move(file);
}

}  // namespace ldb
