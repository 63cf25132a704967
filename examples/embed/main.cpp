// The smallest program that links an installed ldb.
#include <iostream>
#include <ldb/ldb.hpp>

int main() {
  auto node = ldb::Node::open({}).value();
  node->execute("CREATE TABLE t (id INT PRIMARY KEY, name TEXT)").value();
  node->execute("INSERT INTO t VALUES (1, 'one'), (2, 'two')").value();
  const auto rows = node->execute("SELECT count(*) FROM t").value();
  std::cout << "ldb " << ldb::version() << ": " << rows[0].get<std::int64_t>(0) << " rows\n";
  return rows[0].get<std::int64_t>(0) == 2 ? 0 : 1;
}
