#include "storage/iterator/merging_iterator.hpp"

namespace ldb::storage {
namespace {

/// A heap of children ordered by where they stand; its top is the current entry. The heap points downwards (smallest first) when
/// moving forward and upwards when moving back.
class MergingIterator final : public InternalIterator {
 public:
  explicit MergingIterator(std::vector<std::unique_ptr<InternalIterator>> children) : children_(std::move(children)) {
    heap_.reserve(children_.size());
  }

  void seek_to_first() override {
    for (auto& child : children_) child->seek_to_first();
    rebuild(true);
  }
  void seek_to_last() override {
    for (auto& child : children_) child->seek_to_last();
    rebuild(false);
  }
  void seek(std::string_view key, Tag tag) override {
    for (auto& child : children_) child->seek(key, tag);
    rebuild(true);
  }
  void seek_before(std::string_view key, Tag tag) override {
    for (auto& child : children_) child->seek_before(key, tag);
    rebuild(false);
  }

  void next() override {
    if (!forward_) {
      // The others stand before the current entry; bring them behind it.
      InternalIterator* const current = heap_[0];
      const std::string key(key_);
      const Tag tag = tag_;
      for (auto& child : children_) {
        if (child.get() != current) child->seek(key, tag);
      }
      current->next();
      return rebuild(true);
    }
    heap_[0]->next();
    settle_top();
  }

  void prev() override {
    if (forward_) {
      InternalIterator* const current = heap_[0];
      const std::string key(key_);
      const Tag tag = tag_;
      for (auto& child : children_) {
        if (child.get() != current) child->seek_before(key, tag);
      }
      current->prev();
      return rebuild(false);
    }
    heap_[0]->prev();
    settle_top();
  }

  Status status() const override { return status_; }

 private:
  bool above(const InternalIterator& a, const InternalIterator& b) const {
    const int order = compare_entries(a.key(), a.tag(), b.key(), b.tag());
    return forward_ ? order < 0 : order > 0;
  }

  void rebuild(bool forward) {
    forward_ = forward;
    status_ = Status();
    heap_.clear();
    for (auto& child : children_) {
      if (child->valid()) {
        heap_.push_back(child.get());
      } else if (status_) {
        status_ = child->status();
      }
    }
    for (std::size_t i = heap_.size() / 2; i-- > 0;) sift_down(i);
    publish();
  }

  void settle_top() {
    InternalIterator* const top = heap_[0];
    if (!top->valid()) {
      if (status_) status_ = top->status();
      heap_[0] = heap_.back();
      heap_.pop_back();
    }
    if (heap_.size() > 1) sift_down(0);
    publish();
  }

  void sift_down(std::size_t i) {
    InternalIterator* const moved = heap_[i];
    for (;;) {
      std::size_t child = 2 * i + 1;
      if (child >= heap_.size()) break;
      if (child + 1 < heap_.size() && above(*heap_[child + 1], *heap_[child])) ++child;
      if (!above(*heap_[child], *moved)) break;
      heap_[i] = heap_[child];
      i = child;
    }
    heap_[i] = moved;
  }

  void publish() {
    valid_ = !heap_.empty() && status_.is_ok();
    if (!valid_) return;
    key_ = heap_[0]->key();
    tag_ = heap_[0]->tag();
    value_ = heap_[0]->value();
  }

  const std::vector<std::unique_ptr<InternalIterator>> children_;
  std::vector<InternalIterator*> heap_;
  bool forward_ = true;
  Status status_;
};

class EmptyIterator final : public InternalIterator {
 public:
  void seek_to_first() override {}
  void seek_to_last() override {}
  void seek(std::string_view, Tag) override {}
  void next() override {}
  void prev() override {}
  Status status() const override { return {}; }
};

}  // namespace

std::unique_ptr<InternalIterator> new_merging_iterator(std::vector<std::unique_ptr<InternalIterator>> children) {
  if (children.empty()) return std::make_unique<EmptyIterator>();
  if (children.size() == 1) return std::move(children[0]);
  return std::make_unique<MergingIterator>(std::move(children));
}

}  // namespace ldb::storage
