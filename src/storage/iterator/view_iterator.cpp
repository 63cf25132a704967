#include "storage/iterator/view_iterator.hpp"

namespace ldb::storage {
namespace {

/// After this many versions that do not count, seeking is cheaper than stepping.
constexpr int kMaxSkips = 8;

/// Forward: entries_ stands at the entry shown. Backward: entries_ stands before all versions of the key shown, which is saved.
class ViewIterator final : public Iterator {
 public:
  explicit ViewIterator(ViewIteratorSources sources) : s_(std::move(sources)), entries_(*s_.entries) {}

  bool valid() const override { return valid_; }
  std::string_view key() const override { return forward_ ? entries_.key() : std::string_view(saved_key_); }
  std::string_view value() const override { return forward_ ? entries_.value() : std::string_view(saved_value_); }
  Status status() const override { return entries_.status(); }

  void seek_to_first() override {
    if (s_.range.lower) return seek(*s_.range.lower);
    forward_ = true;
    entries_.seek_to_first();
    find_next(false);
  }
  void seek(std::string_view key) override {
    if (s_.range.lower && key < *s_.range.lower) key = *s_.range.lower;
    saved_key_.assign(key);  // it may be the one shown, which goes as the sources move
    forward_ = true;
    entries_.seek(saved_key_, seek_tag(s_.sequence));
    find_next(false);
  }
  void seek_to_last() override {
    forward_ = false;
    if (s_.range.upper) {
      entries_.seek_before(*s_.range.upper, kFirstTag);
    } else {
      entries_.seek_to_last();
    }
    find_prev();
  }
  void seek_for_prev(std::string_view key) override {
    if (s_.range.upper && key >= *s_.range.upper) return seek_to_last();
    saved_key_.assign(key);
    forward_ = false;
    entries_.seek_before(saved_key_, kLastTag);
    find_prev();
  }

  void next() override {
    if (forward_) {
      saved_key_.assign(entries_.key());
      entries_.next();
    } else {
      // saved_key_ is the key shown.
      forward_ = true;
      entries_.seek(saved_key_, kLastTag);
    }
    find_next(true);
  }
  void prev() override {
    if (forward_) {
      saved_key_.assign(entries_.key());
      forward_ = false;
      entries_.seek_before(saved_key_, kFirstTag);
    }
    find_prev();
  }

 private:
  bool covered(std::string_view key, Tag tag) const {
    for (const auto& list : s_.tombstones) {
      if (list->newest_sequence() > tag_sequence(tag) && list->covering(key, s_.sequence) > tag_sequence(tag)) return true;
    }
    return false;
  }

  /// Goes to the first visible entry at or behind entries_; with `skipping`, behind all versions of saved_key_.
  void find_next(bool skipping) {
    valid_ = false;
    int skips = 0;
    while (entries_.valid()) {
      const std::string_view key = entries_.key();
      if (s_.range.upper && key >= *s_.range.upper) return;
      if (skipping && key == saved_key_) {
        if (++skips > kMaxSkips) {
          skips = 0;
          entries_.seek(saved_key_, kLastTag);
        } else {
          entries_.next();
        }
      } else if (tag_sequence(entries_.tag()) > s_.sequence) {
        if (++skips > kMaxSkips) {
          skips = 0;
          const std::string copy(key);
          entries_.seek(copy, seek_tag(s_.sequence));
        } else {
          entries_.next();
        }
      } else if (tag_kind(entries_.tag()) == EntryKind::kPut && !covered(key, entries_.tag())) {
        valid_ = true;
        return;
      } else {
        saved_key_.assign(key);
        skipping = true;
        skips = 0;
        entries_.next();
      }
    }
  }

  /// Goes back to the last key at or before entries_ that has a visible value, and saves it.
  void find_prev() {
    valid_ = false;
    while (entries_.valid()) {
      saved_key_.assign(entries_.key());
      if (s_.range.lower && saved_key_ < *s_.range.lower) return;
      // Versions come oldest first here; the last visible one counts.
      bool live = false;
      int steps = 0;
      while (entries_.valid() && entries_.key() == saved_key_ && tag_sequence(entries_.tag()) <= s_.sequence) {
        live = tag_kind(entries_.tag()) == EntryKind::kPut;
        tag_ = entries_.tag();
        if (live) saved_value_.assign(entries_.value());
        if (++steps > kMaxSkips) {
          steps = 0;
          jump_to_newest_visible();
          if (!entries_.valid()) return;
          live = tag_kind(entries_.tag()) == EntryKind::kPut;
          tag_ = entries_.tag();
          if (live) saved_value_.assign(entries_.value());
        }
        entries_.prev();
      }
      skip_invisible();
      if (!entries_.status()) return;
      if (live && !covered(saved_key_, tag_)) {
        valid_ = true;
        return;
      }
    }
  }

  void jump_to_newest_visible() { entries_.seek(saved_key_, seek_tag(s_.sequence)); }

  /// Versions of saved_key_ that the view does not show.
  void skip_invisible() {
    int steps = 0;
    while (entries_.valid() && entries_.key() == saved_key_) {
      if (++steps > kMaxSkips) return entries_.seek_before(saved_key_, kFirstTag);
      entries_.prev();
    }
  }

  ViewIteratorSources s_;
  InternalIterator& entries_;
  bool forward_ = true;
  bool valid_ = false;
  Tag tag_ = 0;  // of the saved entry
  std::string saved_key_;
  std::string saved_value_;
};

}  // namespace

std::unique_ptr<Iterator> new_view_iterator(ViewIteratorSources sources) {
  return std::make_unique<ViewIterator>(std::move(sources));
}

}  // namespace ldb::storage
