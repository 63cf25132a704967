#include "txn/overlay_cursor.hpp"

#include <algorithm>

#include "txn/keys.hpp"
#include "txn/row_image.hpp"

namespace ldb::txn {
namespace {

class OverlayCursor final : public RowCursor {
 public:
  OverlayCursor(std::shared_ptr<const ReadView> view, std::unique_ptr<Iterator> base, std::vector<OverlayEntry> overlay,
                bool rows, bool reverse)
      : view_(std::move(view)), base_(std::move(base)), overlay_(std::move(overlay)), rows_(rows), reverse_(reverse) {
    if (reverse_) {
      std::reverse(overlay_.begin(), overlay_.end());
      base_->seek_to_last();
    } else {
      base_->seek_to_first();
    }
    settle();
  }

  bool valid() const override { return source_ != Source::kNone; }
  void next() override {
    if (source_ == Source::kBase)
      advance_base();
    else if (source_ == Source::kOverlay)
      ++position_;
    settle();
  }
  std::string_view key() const override { return keys::primary_key_of(engine_key()); }
  std::string_view image() const override {
    if (!rows_) return {};
    return source_ == Source::kBase ? base_->value() : overlay_[position_].image;
  }
  Status status() const override { return status_ ? base_->status() : status_; }

 private:
  enum class Source { kNone, kBase, kOverlay };

  std::string_view engine_key() const { return source_ == Source::kBase ? base_->key() : overlay_[position_].key; }

  void advance_base() {
    if (reverse_)
      base_->prev();
    else
      base_->next();
  }

  /// Finds the next thing to show, from where both sources stand.
  void settle() {
    source_ = Source::kNone;
    for (;;) {
      const bool in_overlay = position_ < overlay_.size();
      if (!base_->valid() && (!in_overlay || !base_->status().is_ok())) return;
      int order = !base_->valid() ? 1 : !in_overlay ? -1 : base_->key().compare(overlay_[position_].key) * (reverse_ ? -1 : 1);
      if (order < 0) {
        if (shown_by_base()) return;
        if (!status_) return;
        advance_base();
        continue;
      }
      if (order == 0) advance_base();
      if (overlay_[position_].present) {
        source_ = Source::kOverlay;
        return;
      }
      ++position_;
    }
  }

  bool shown_by_base() {
    if (rows_) {
      const std::string_view image = base_->value();
      if (!is_uniform_image(image)) {  // else it lives
        const Result<bool> lives = image_lives(image);
        status_ = lives.error();
        if (!lives || !*lives) return false;
      }
    }
    source_ = Source::kBase;
    return true;
  }

  const std::shared_ptr<const ReadView> view_;
  const std::unique_ptr<Iterator> base_;
  std::vector<OverlayEntry> overlay_;
  const bool rows_;
  const bool reverse_;
  std::size_t position_ = 0;  // in overlay_
  Source source_ = Source::kNone;
  Status status_;
};

}  // namespace

Result<std::unique_ptr<RowCursor>> new_overlay_cursor(std::shared_ptr<const ReadView> view, std::unique_ptr<Iterator> base,
                                                      std::vector<OverlayEntry> overlay, bool rows, bool reverse) {
  std::unique_ptr<RowCursor> cursor =
      std::make_unique<OverlayCursor>(std::move(view), std::move(base), std::move(overlay), rows, reverse);
  LDB_TRY(cursor->status());
  return cursor;
}

}  // namespace ldb::txn
