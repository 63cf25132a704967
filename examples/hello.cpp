// The program of the README: a table, two rows, a typed query, a pair.
#include <cstdint>
#include <iostream>
#include <ldb/ldb.hpp>

int main() {
  auto node = ldb::Node::open({.directory = "hello-data"}).value();
  node->execute("CREATE TABLE IF NOT EXISTS city (id INT PRIMARY KEY, name TEXT NOT NULL, people BIGINT)").value();
  node->execute("DELETE FROM city").value();
  node->execute("INSERT INTO city VALUES ($1, $2, $3), (2, 'Porto', 231800)", 1, "Lisboa", 545796).value();
  const auto cities = node->execute("SELECT name, people FROM city ORDER BY people DESC").value();
  for (auto [name, people] : cities.as<std::string, std::int64_t>()) std::cout << name << ": " << people << '\n';
  if (auto put = node->kv().put("visited", "yes"); !put) std::cerr << put.to_string() << "\n";
  std::cout << "visited: " << node->kv().get("visited").value().value_or("no") << '\n';
}
