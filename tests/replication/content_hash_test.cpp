#include "replication/content_hash.hpp"

#include "replication/apply/local_node.hpp"

namespace ldb::apply_test {
namespace {

const TableId kTable{2000};

replication::StateHash hash(LocalNode& node, const std::function<bool(TableId)>& counts = nullptr) {
  const auto view = node.engine->view();
  const auto hash = replication::content_hash(*node.engine, *view, counts);
  REQUIRE(hash.is_ok());
  return *hash;
}
void write(LocalNode& node, const std::function<Status(RowTransaction&)>& change) {
  const auto t = node.begin();
  REQUIRE(change(*t).is_ok());
  REQUIRE(t->commit().is_ok());
}

}  // namespace

TEST_CASE("The content hash covers live values and nothing else") {
  LocalNode a, b;
  CHECK(hash(a).rows == 0);
  const auto insert = [](std::string key, std::string value) {
    return [=](RowTransaction& t) { return t.insert(kTable, key, text(value)); };
  };
  write(a, insert("x", "1"));
  write(a, insert("y", "2"));
  write(b, insert("y", "other"));  // another way to the same state: other stamps, other order, a tombstone
  write(b, insert("x", "1"));
  write(b, [](RowTransaction& t) { return t.update(kTable, "y", text("2")); });
  write(b, insert("gone", "3"));
  write(b, [](RowTransaction& t) { return t.erase(kTable, "gone"); });
  CHECK(hash(a) == hash(b));
  CHECK(hash(a).rows == 2);
  const auto before = hash(a);
  write(a, [](RowTransaction& t) { return t.update(kTable, "x", {{ColumnId{1}, std::nullopt}}); });
  CHECK_FALSE(hash(a) == before);
  write(a, [](RowTransaction& t) { return t.update(kTable, "x", {{ColumnId{1}, ""}}); });
  const auto empty = hash(a);
  write(a, [](RowTransaction& t) { return t.update(kTable, "x", text("1")); });
  CHECK(hash(a) == before);
  CHECK_FALSE(empty == before);
  write(a, [](RowTransaction& t) { return t.insert(TableId{2001}, "x", text("1")); });
  CHECK_FALSE(hash(a) == before);
  CHECK(hash(a, [](TableId table) { return table == kTable; }) == before);
}

}  // namespace ldb::apply_test
