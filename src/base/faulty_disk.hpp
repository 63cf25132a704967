// What FaultyFileSystem remembers: for every file what is visible and what is durable, and what lies between.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/faulty_pages.hpp"
#include "base/random.hpp"
#include "ldb/faulty_file_system.hpp"

namespace ldb {

/// One file. Names and handles share it.
class FaultyFile {
 public:
  explicit FaultyFile(std::uint64_t id) : id_(id) {}
  std::uint64_t id() const { return id_; }
  /// With all that was stored through mappings until now, as all below.
  const std::string& visible();
  std::uint64_t size() const { return visible_.size(); }
  void write(std::uint64_t offset, std::string_view bytes);
  /// Grows with zeros, or cuts.
  void resize(std::uint64_t size_bytes);
  void sync();
  /// Some unsynced changes reach the disk, the others never will.
  void fail_sync(Random& random, const std::function<void(std::string_view)>& report);
  /// Visible becomes durable, plus what chance kept of the unsynced changes.
  void crash(WriteLoss loss, Random& random, const std::function<void(std::string_view)>& report);
  void flip_bit(std::uint64_t bit);
  /// Replaces everything, durably.
  void replace(std::string contents);

  /// The pages of the first `size_bytes`, one copy for all who map the file; null when other ones are in use.
  std::shared_ptr<FaultyPages> map(std::uint64_t size_bytes);
  void unmap(std::shared_ptr<FaultyPages> pages);
  /// What was stored until now was written; what is stored from now on goes nowhere.
  void cut_mappings();

 private:
  struct Change {
    bool is_resize = false;
    std::uint64_t offset = 0;  ///< for a resize: the new size
    std::string bytes;
  };
  static void apply(std::string& contents, const Change& change);
  /// Makes unsynced writes, a sector each, of what was stored to the pages.
  void harvest();
  void apply_torn(const Change& change, Random& random);
  void keep_some(WriteLoss loss, Random& random, const std::function<void(std::string_view)>& report);

  const std::uint64_t id_;
  std::string visible_;
  std::string durable_;
  std::vector<Change> unsynced_;
  std::shared_ptr<FaultyPages> pages_;  // the visible contents, while mapped, and stores that were not harvested
};

using FaultyFilePtr = std::shared_ptr<FaultyFile>;

/// The names. A directory is a name with a null file; "." and "/" always exist. Not thread-safe.
class FaultyNames {
 public:
  using Map = std::map<std::string, FaultyFilePtr>;
  const Map& visible() const { return visible_; }
  bool is_directory(const std::string& name) const;
  /// Makes `name` mean `file` and, in the same step of the journal, `unlink` mean nothing (rename; empty: none).
  void link(const std::string& name, FaultyFilePtr file, const std::string& unlink = {});
  void unlink(const std::string& name);
  void make_directory(const std::string& name);
  void sync_directory(const std::string& directory);
  void crash(EntryLoss loss, Random& random, const std::function<void(std::string_view)>& report);
  /// Every file that a name or a durable name refers to, by id (never by address: runs must repeat).
  std::map<std::uint64_t, FaultyFilePtr> files() const;
  void erase_tree(const std::string& directory);
  void put_durable(const std::string& name, FaultyFilePtr file);

 private:
  struct Step {
    struct Entry {
      std::string name;
      bool present = false;
      FaultyFilePtr file;
    };
    std::vector<Entry> entries;
  };
  void record(Step step);
  static void apply(Map& map, const Step& step);

  Map visible_;
  Map durable_;
  std::vector<Step> unsynced_;  // in the order of the calls
};

}  // namespace ldb
