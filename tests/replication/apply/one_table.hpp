// Short ways to read and write the rows of one table with one text column.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "replication/apply/local_node.hpp"

namespace ldb::apply_test {

inline const TableId kTable{2000};
inline const IndexId kIndex{3000};

inline std::string read(RowTransaction& t, std::string_view key) {
  const auto image = t.get(kTable, key);
  REQUIRE(image.status().to_string() == "ok");
  return *image ? text_of(**image) : "-";
}
inline std::string read(LocalNode& node, std::string_view key) { return read(*node.begin(), key); }

inline void put(LocalNode& node, std::string_view key, std::string value) {
  const auto t = node.begin();
  const bool exists = t->get(kTable, key).value().has_value();
  REQUIRE((exists ? t->update(kTable, key, text(std::move(value))) : t->insert(kTable, key, text(std::move(value)))).is_ok());
  REQUIRE(t->commit().status().to_string() == "ok");
}

inline std::vector<std::pair<std::string, std::string>> scan(RowTransaction& t, const KeyRange& range = {},
                                                             bool reverse = false) {
  auto cursor = t.scan(kTable, range, reverse);
  REQUIRE(cursor.is_ok());
  std::vector<std::pair<std::string, std::string>> out;
  for (; (*cursor)->valid(); (*cursor)->next()) out.emplace_back((*cursor)->key(), text_of((*cursor)->image()));
  REQUIRE((*cursor)->status().is_ok());
  return out;
}
/// Index scans want the index ready in their view.
inline void make_index(LocalNode& node) { REQUIRE(node.store->build_index(kTable, kIndex).to_string() == "ok"); }
inline std::vector<std::string> scan_index(RowTransaction& t, const KeyRange& range = {}, bool reverse = false) {
  auto cursor = t.scan_index(kIndex, range, reverse);
  REQUIRE(cursor.is_ok());
  std::vector<std::string> out;
  for (; (*cursor)->valid(); (*cursor)->next()) out.emplace_back((*cursor)->key());
  REQUIRE((*cursor)->status().is_ok());
  return out;
}

}  // namespace ldb::apply_test
