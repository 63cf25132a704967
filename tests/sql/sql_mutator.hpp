// Makes broken and unusual SQL out of good SQL, by exchanging tokens among statements. Deterministic by its seed.
#pragma once

#include <cstdint>
#include <random>
#include <string>
#include <string_view>
#include <vector>

namespace ldb::test {

class SqlMutator {
 public:
  explicit SqlMutator(std::uint64_t seed) : random_(seed) {}
  /// Remembers the statement's tokens, for use in others.
  void learn(std::string_view sql);
  /// The statement with one to four tokens dropped, doubled, swapped, or replaced by others seen before.
  std::string mutate(std::string_view sql);

 private:
  std::size_t below(std::size_t n) { return n == 0 ? 0 : random_() % n; }
  std::string other_token();

  std::mt19937_64 random_;
  std::vector<std::string> tokens_;  // bounded: older ones are replaced
};

}  // namespace ldb::test
