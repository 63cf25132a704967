// A cursor over what a view shows with a transaction's own writes laid over it.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "ldb/row_store.hpp"

namespace ldb::txn {

/// Something a transaction wrote, at one key.
struct OverlayEntry {
  std::string_view key;               ///< engine key
  std::string_view image;             ///< of a live row; empty for index entries
  bool present = true;                ///< false: hides what the view has
  std::shared_ptr<const void> owner;  ///< keeps key and image alive
};

/// Both sources must lie in the same key range. `rows`: values are row images, dead ones are skipped; else they are index
/// entries. Keeps the view open; later writes of the transaction do not show.
Result<std::unique_ptr<RowCursor>> new_overlay_cursor(std::shared_ptr<const ReadView> view, std::unique_ptr<Iterator> base,
                                                      std::vector<OverlayEntry> overlay, bool rows, bool reverse);

}  // namespace ldb::txn
